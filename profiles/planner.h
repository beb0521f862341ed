/*
 * From what workstations want to who gets what: the one place where cores and memory are chosen.
 * Devices are chosen already. What comes out still has to pass prove(): the planner only fails
 * when there is not enough of something.
 */
#pragma once

#include "core/base/arena.h"
#include "core/partition/plan.h"

#define PLANNER_ANY_NODE (~0u)

/* One workstation's wishes; everything outlives the plan made of it. */
struct want {
	const char *name;
	u8 uuid[16];
	const char *serial; /* may be "" */
	u32 rights;	    /* enum plan_right */
	u32 cores;	    /* whole cores, with all their threads, when ncpus is 0 */
	u32 ncpus;
	const u32 *cpus; /* these APIC ids and no others */
	u32 node;	 /* near this node if possible, or PLANNER_ANY_NODE */
	u64 memory;	 /* bytes, multiple of 2 MiB */
	u64 window32;	 /* bytes of 32-bit BARs */
	enum plan_boot_kind boot;
	const char *kernel, *initrd, *cmdline; /* as in struct plan_workstation */
	bool autostart;
	u32 ndevices;
	const struct plan_device *devices;
};

struct planner_options {
	u64 bundle_size; /* bytes the boot bundle will have, the blob included */
	u8 log_level;	 /* enum log_level */
};

/* What there was not enough of, as a diagnostic; both texts end without a full stop. */
struct shortage {
	const char *rule; /* "not-enough-cores", "not-enough-memory" or "guest-layout" */
	u32 want;	  /* index, ~0u: the hypervisor's own */
	char text[256], remedy[192];
};

/*
 * Make *out for machine `m`, its arrays in `arena`, its strings those of the wants. Explicit
 * processors are taken first, then whole cores are chosen near the node asked for; memory is placed
 * so that the largest leaves fit, workstations of 1 GiB and more first.
 *
 * ERR_NOENT: not enough, see *why. ERR_NOMEM: the arena is too small. ERR_INVAL: a machine without
 * processors or a boot processor.
 */
__must_check int planner_make(const struct machine *m, const struct want *wants, u32 n,
			      const struct planner_options *options, struct arena *arena,
			      struct plan *out, struct shortage *why);
