/*
 * Which requester ids a function's transactions may carry, and which functions cannot be told
 * apart or kept apart: isolation groups.
 *
 * Two functions are in one group when
 *  - they share a requester id (a conventional bus, a bridge's alias, an IVRS alias, phantoms), or
 *  - they can reach each other without passing the IOMMU: functions of one device that may talk to
 *    each other inside it, or anything below a port without access control (PCIe 5.0 §6.12).
 * A group is assigned as a whole or not at all; bridges in it are nobody's and do not count.
 */
#pragma once

#include "iommu/function.h"
#include "iommu/tables/ivrs.h"

/* Most ids one function can have: own, 7 phantoms, 8 functions, a bridge's two for each hop. */
#define SOURCE_RIDS_MAX (1 + 7 + 8 + 2 * PCI_PATH_MAX + 1)

/*
 * All requester ids of f[i], its own first, none twice. `ivrs` may be NULL. Returns their number,
 * at most SOURCE_RIDS_MAX.
 */
u32 function_rids(const struct iommu_function *f, u32 i, const struct ivrs *ivrs,
		  u16 rids[SOURCE_RIDS_MAX]);

/*
 * Do f[i], whose ids are `rids`, and f[j] of the same segment share an id? Ids of bridges are those of functions in the
 * array: two functions behind one bridge share with the bridge, and are one through it.
 */
bool function_shares_id(const struct iommu_function *f, u32 i, u32 j, const struct ivrs *ivrs,
			const u16 *rids, u32 nrids);

/*
 * By what id its message-signalled interrupts arrive: exactly rid, or, where last_bus is not 0, any
 * of those buses (behind a PCIe-to-PCI bridge, which puts its secondary bus number in).
 */
struct irq_source {
	u16 rid;
	u8 first_bus, last_bus;
};
struct irq_source function_irq_source(const struct iommu_function *f, u32 i);

/* Why two functions are in one group: for messages. */
enum group_reason {
	GROUP_ALONE,
	GROUP_ALIAS,	     /* they share a requester id */
	GROUP_MULTIFUNCTION, /* functions of one device without access control */
	GROUP_PORT,	     /* below a port without access control */
};

struct group_member {
	u32 group; /* the lowest index of its members */
	enum group_reason reason;
	u32 because; /* the function or port that is to blame, NO_FUNCTION when alone */
};

/* Fill out[0 .. n). */
void group_compute(const struct iommu_function *f, u32 n, const struct ivrs *ivrs,
		   struct group_member *out);

/*
 * One line for an administrator: what ties f[i] to its group, "" when nothing does. For example
 * "0000:03:00.0 (10ec:8139) sends requests that cannot be told from those of 0000:02:00.0 (...)".
 */
void group_reason_text(const struct iommu_function *f, const struct group_member *g, u32 i,
		       char *out, size_t size);
