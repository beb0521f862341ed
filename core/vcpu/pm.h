/*
 * Power management: PM timer and PM1 registers where Q35's firmware looks for them, and the
 * hardware-reduced registers that ACPI 6.5 §4.8.3.7 wants (SLEEP_CONTROL, SLEEP_STATUS), plus one
 * event register for the Generic Event Device (§5.6.9). All in I/O space.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define PM_BASE		 0x600 /* PMBASE of ICH9 as OVMF programs it */
#define PM_TIMER	 0x608
#define PM_SLEEP_CONTROL 0x640
#define PM_SLEEP_STATUS	 0x641
#define PM_EVENT	 0x642 /* a read gives the pending events and clears them */
#define PM_END		 0x643 /* first port past the block */

#define PM_TIMER_HZ 3579545u /* ACPI 6.5 §4.8.3.3 */
#define PM_S5	    5	     /* SLP_TYP of soft off; the DSDT's \_S5 says so */

enum pm_events { PM_EVENT_POWER_BUTTON = 1 };

struct pm {
	struct spinlock lock;
	u16 pm1_enable, pm1_control;
	u8 sleep_control;
	u8 events; /* enum pm_events, pending */
};

void pm_reset(struct pm *m);

/* The timer's 32-bit count at now_ns. */
u32 pm_timer(u64 now_ns);

/* One byte of the block but the timer, port in [PM_BASE, PM_END). */
u8 pm_read(struct pm *m, u16 port);
/* Returns true when the write asked for soft off. */
bool pm_write(struct pm *m, u16 port, u8 v);

/* Record an event. The caller pulses the GED's pin afterwards. */
void pm_raise(struct pm *m, enum pm_events e);
