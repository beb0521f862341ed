/*
 * The counters page (core/abi.h): one run of hypervisor-owned memory that other programs read while
 * it changes. Made once; its tables have a row a slot, a core and a function, fixed from then on.
 *
 * Rows belong to whoever they are about: the exits of a core to the core that runs a guest, all else
 * to the host core.
 */
#pragma once

#include "core/abi.h"
#include "core/base/types.h"

/*
 * Lay it out for `n` workstations, all cores and the functions of the survey, and say that it is
 * there. Once, on the host core. ERR_NOMEM: the hypervisor's own memory does not hold it.
 */
__must_check int counters_init(u32 n);

/* Its physical address and its size in bytes. */
paddr_t counters_address(u32 *size);

/* Rows. i is below the number that counters_init() was given; a core's index is its struct cpu's. */
struct counters_workstation *counters_workstation(u32 i);
struct counters_cpu *counters_cpu(u32 i);

/* The time, the hypervisor's memory and the devices' rows, as they are now. */
void counters_update(void);

/* The IOMMU blocked a request. Counts before counters_init() are nobody's and are dropped. */
void counters_fault(void);
