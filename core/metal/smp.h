/* Starting the other cores, and what they do while they have nothing to run. */
#pragma once

#include "core/base/types.h"

struct boot_info;

/*
 * Start every core of `cpus` but the first through a page of low memory; each comes up, reads its
 * topology, compares its TSC with the BSP's and parks. A core that does not come up within its time
 * is named and stays offline. Returns the number of cores online.
 */
u32 smp_start(const struct boot_info *b);

/* No core's TSC was seen to step back against the BSP's, and nothing speaks against its rate. */
bool smp_tsc_reliable(void);

/* Processor features every core runs the hypervisor with: CR0, CR4, XCR0 as reset leaves it. */
void cpu_setup(void);

/* Sleep until *request is not 0; NMI wakes it. On return interrupts are off. */
void park_sleep(u32 *request);
