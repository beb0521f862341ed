/*
 * Workstations as the hypervisor runs them: made from the plan, started, stopped, unmade. All of it
 * happens on the host core; a workstation's memory for this comes from its own grant, so making and
 * unmaking one over and over leaves nothing behind.
 */
#pragma once

#include "core/metal/bundle.h"
#include "core/partition/plan.h"
#include "core/vcpu/vcpu.h"

/* What was spent on making and starting, in TSC ticks, for the boot report. */
struct workstation_costs {
	u64 copy_ticks, copy_bytes, scrub_ticks, scrub_bytes;
};

/* Prepare `n` slots and the counters page. Once. */
__must_check int workstations_init(u32 n);

/*
 * Carry out the step from the current plan to `next`, which prove(current, next) has accepted:
 * workstations that are gone are stopped and unmade, new ones made and, with autostart, started.
 * ERR_BUSY: one that is gone cannot give its memory back. ERR_NOMEM: more than there are slots.
 */
__must_check int workstations_apply(const struct plan *next, const struct bundle *bundle);

/*
 * Look for what cores or guests asked for. `tick`: the timer has ticked since the last call. True:
 * there may be more to do, come again.
 */
bool workstations_poll(bool tick);

/* Is a workstation still on its way to its first instruction? */
bool workstations_starting(void);

/* Update the times and memory figures of the counters page. */
void workstations_count(void);

/* A workstation that prove() refused: shown as failed, never started. `i` is beyond the plan's. */
void workstation_refused(u32 i, const char *name);

/* Its name, for messages; never NULL. */
const char *workstation_name(u32 i);

/* The IOMMU blocked a request of a device of workstation `owner`, or of nobody's. Host core. */
void workstation_fault(u32 owner);
/* A device of it was blocked for good by us; `why` is one line. Host core. */
void workstation_device_blocked(u32 owner, const char *why);

const struct workstation_costs *workstation_costs(void);
/* TSC when the last vCPU 0 of the boot plan was handed to its core; 0: not yet. */
u64 workstations_entered(void);
