/*
 * Physical memory for tests: ranges of RAM behind port_va(), port_pa(), port_copy_*(), port_zero().
 * An address outside every range ends the test program with a message, as a stray access should.
 */
#pragma once

#include "core/base/types.h"

/* Zeroed RAM at [base, base + size), page-aligned; only touched pages cost memory. */
void fake_ram_add(paddr_t base, u64 size);
/* Forget all RAM; every pointer into it becomes invalid. */
void fake_ram_reset(void);
