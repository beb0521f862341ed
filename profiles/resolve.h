/*
 * From what people wrote to what the planner takes: devices are found among the machine's facts,
 * places chosen. Pure: the same for the tool, its tests and its fuzzers.
 */
#pragma once

#include "core/base/arena.h"
#include "profiles/facts.h"
#include "profiles/heads.h"
#include "profiles/planner.h"
#include "profiles/profile.h"

struct resolved_workstation {
	/* of each of the want's devices: what asked for it, and the function */
	const struct wish_device **wishes;
	u32 *functions;	    /* indices into facts->functions */
	bool gpu;	    /* it has a display device */
	struct head *heads; /* of each of the profile's */
};

struct resolved {
	struct want
	    *wants; /* as many as the site has workstations; kernel, initrd, ROMs are paths */
	struct resolved_workstation *workstations;
};

/* Bytes an arena needs for resolve(). */
u64 resolve_memory(const struct site *s, const struct facts *f);

/*
 * Rules reported: no-machine-file, device-unknown, device-identity, identity-ambiguous,
 * p2p-across-owners, unknown-node, bad-value, out-of-range, head-untold. What could not be found is left out. `facts` may be
 * NULL: then there is no machine file. ERR_NOMEM: the arena is too small.
 */
__must_check int resolve(const struct site *s, const struct facts *f, struct arena *arena,
			 struct reporter *r, struct resolved *out);

/* Does a class code belong to a class that people ask for? */
bool class_matches(enum wish_class c, u32 class_code);
