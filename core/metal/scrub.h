/*
 * Clearing a workstation's memory before anybody else may have it, in slices, so that gigabytes of
 * it do not keep the host core from the others.
 */
#pragma once

#include "core/metal/workstation.h"

/* How far it is; all zero: not begun. Belongs to the host core. */
struct scrub {
	u32 piece;  /* of the plan's RAM */
	u64 offset; /* in the piece, bytes */
};

/*
 * Zero the next slice of the plan's RAM, through the calling core's windows, which are dropped
 * afterwards. True: all of it is zero, and *s is as at the beginning again.
 */
bool scrub_slice(struct scrub *s, const struct plan_workstation *plan,
		 struct workstation_costs *costs);
