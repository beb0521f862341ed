/*
 * The places for workstations: what each holds, and in which state it is. Private to the files that
 * carry workstations through their lives: workstation.c (start, stop), apply.c (plans).
 *
 * A slot's index is its row in the counters page and its workstation's number everywhere. Slots are
 * the host core's, but for `event`.
 */
#pragma once

#include "core/abi.h"
#include "core/metal/bundle.h"
#include "core/metal/scrub.h"

struct workstation; /* build.h */

struct slot {
	const struct plan_workstation *plan; /* NULL: the slot is free */
	struct workstation *ws;		     /* in its grant; NULL: not made */
	enum workstation_state state;
	u32 event; /* enum guest_event + 1, 0: none; set by guest cores, atomic */
	enum workstation_state after_stop; /* WS_STARTING, WS_OFF, WS_FAILED */
	struct scrub scrub;
	bool clean;   /* its memory holds nothing of anybody */
	bool stuck;   /* a device may still reach its memory */
	bool leaving; /* the next plan does not have it */
	u64 kick_ns;  /* when its cores were asked to leave */
};

extern struct slot *slots; /* nslots of them, in the heap; none before workstations_init() */
extern u32 nslots;
extern struct bundle slots_bundle; /* that the current plan came with */

/* Note it here and in the counters page. */
void slot_set_state(u32 i, enum workstation_state s);

/*
 * The event op of struct guest_ops: what has happened to g, of which the first counts. `v`: the
 * vCPU it happened to, which is to leave its guest; NULL: none. From any core.
 */
void slot_request(struct guest *g, struct vcpu *v, enum guest_event e);
