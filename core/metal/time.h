/* Time from the TSC; its rate from CPUID 15h or measured once against the ACPI PM timer or PIT. */
#pragma once

#include "core/base/types.h"

/* Measure TSC and local APIC timer rates. pm_timer_port: ACPI PM timer I/O port, 0: none. */
void time_init(u16 pm_timer_port, u64 start_tsc);

u64 tsc_hz(void);
/* Rate of the local APIC timer's input at divide 1. */
u64 lapic_timer_hz(void);

/* Spin for about `us` microseconds. */
void time_delay_us(u32 us);

/* A TSC reading as nanoseconds since start. */
u64 tsc_to_ns(u64 tsc);

/*
 * Whether two cores' TSCs were ever seen to run backwards against each other: each calls this at
 * the same time with the same meeting point; returns true when no step back was seen by either.
 */
struct tsc_meeting {
	u32 arrived, lock, warps;
	u64 last;
};
bool tsc_warp_test(struct tsc_meeting *m);

/* Seconds since 1970-01-01 UTC by the machine's clock now. */
u64 time_epoch_s(void);
