/*
 * The machine's functions as workstations have them: read once when a workstation first asks, kept
 * over its restarts, brought up and down by passthrough/assign.c, shown on the counters page.
 *
 * Everything here is the host core's, but for what guests ask for through pdev_ops.
 */
#pragma once

#include "core/abi.h"
#include "core/metal/build.h"

struct devices;

/* Rows of the counters page: functions that are no bridges. Fixed once the machine is surveyed. */
u32 devices_rows(void);
void devices_count(struct counters_device *rows);

/*
 * First: which devices it will have, and the room their BARs need below 4 GiB (*need32 only grows)
 * and above. A device that cannot be used is left out, and the log says why.
 */
__must_check int devices_begin(struct workstation *w, u64 *need32, u64 *need64);

/* Interrupt messages of its devices that were refused. */
u64 devices_refused(const struct workstation *w);

/* Emulated regions its devices can need at most. */
u32 devices_regions(const struct plan_workstation *plan);

/*
 * While a workstation is being made: its IOMMU domain with its memory, and a view of each device, in
 * its grant. Nothing is attached yet.
 * On an error devices_fini() is still to be called.
 */
__must_check int devices_build(struct workstation *w);

/*
 * One slice of bringing all its devices up (reset, attached, in its tree) or down (out of its tree,
 * reset, quarantined). OK: done. ERR_BUSY: call again. A device that fails on the way up is parked
 * or left out; on the way down any other error means that one may still reach the workstation's
 * memory, which then belongs to nobody else until power-off.
 */
__must_check int devices_up(struct workstation *w);
__must_check int devices_down(struct workstation *w);

/* Resets that its guest asked for. True: one is going on, come again. */
bool devices_poll(struct workstation *w);

/* Give the domain back, after devices_down(). Same meaning of an error. */
__must_check int devices_fini(struct workstation *w);
