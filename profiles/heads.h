/*
 * Which connector of its own kernel each head of a workstation means, and what that kernel is told of
 * it (vgpu/head.h).
 *
 * Linux numbers connectors by type over all of its GPUs, in the order in which they come up. The
 * machine's DP-4 is DP-1 in a workstation that has the second card alone, and that is what counts
 * there; profiles name outputs as `caprock probe` does.
 */
#pragma once

#include "profiles/facts.h"
#include "profiles/profile.h"
#include "vgpu/head.h"

/*
 * Fill in out[] for w->heads; `functions`: its devices among the facts', in the order of the profile
 * (f NULL: none). A head that asks for nothing, or for an output that its GPUs do not have, is left with an empty
 * connector. Reported as head-untold: an output that is no connector's name, one that nobody
 * can know, words that the profile's own command line would undo.
 */
void heads_find(const struct profile *w, const struct facts *f, const u32 *functions,
		u32 nfunctions, struct reporter *r, struct head out[HEADS_MAX]);

/* Does a head want its kernel to know of it? */
static inline bool head_asks(const struct profile_head *h)
{
	return h->mode.width || h->edid;
}
