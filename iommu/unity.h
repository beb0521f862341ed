/*
 * Memory that firmware wants some devices to keep reaching: RMRR (VT-d 4.1 §8.4) and IVMD (48882
 * §5.2.2.3) as one model, and what becomes of each range.
 *
 * A range is a hole in isolation that the firmware asks for: by itself it is refused. It survives
 * only for a device the profile lists as keeping it, mapped one to one in that device's domain, and
 * only when it is not memory somebody owns.
 */
#pragma once

#include "core/partition/machine.h"
#include "iommu/function.h"
#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"

struct unity_range {
	u32 function; /* index into the functions */
	paddr_t base; /* whole pages: rounded outward */
	u64 size;
	bool read, write;
	bool from_ivmd;
	u32 number; /* of the RMRR or IVMD in its table, for messages */
};

/*
 * All ranges of all functions, at most `room` of them; returns how many there are (more than room:
 * call again with more). Exactly one of d and v is not NULL. Malformed ranges are left out: the
 * parsers have named them. An IVMD exclusion range counts as readable and writable.
 */
u32 unity_collect(const struct dmar *d, const struct ivrs *v, const struct iommu_function *f, u32 n,
		  struct unity_range *out, u32 room);

enum unity_verdict {
	UNITY_DROP,   /* the device does not need it once a driver has taken it over: not mapped */
	UNITY_KEEP,   /* listed and harmless: mapped one to one */
	UNITY_REFUSE, /* the device cannot be assigned */
};

struct unity_decision {
	enum unity_verdict verdict;
	char text[256];	  /* thing and reason, for the log and the tool */
	char remedy[160]; /* when refused: what to do about it */
};

/*
 * Decide about one range. `keep`: the profile lists the device as keeping its ranges. `m` gives the
 * memory map; [hv, hv + hv_size) is the hypervisor's own memory.
 */
void unity_decide(const struct unity_range *r, const struct iommu_function *f, bool keep,
		  const struct machine *m, paddr_t hv, u64 hv_size, struct unity_decision *out);
