/* The MCFG (PCI Firmware 3.3 §4.1.2): where memory-mapped configuration space lies. */
#pragma once

#include "core/acpi/acpi.h"

struct mcfg_window {
	paddr_t base; /* address of bus 0, function 0, also when first_bus is not 0 */
	u16 segment;
	u8 first_bus, last_bus;
};

/*
 * Window number `i` (from 0) of a table that acpi_check(..., "MCFG") knows. ERR_NOENT behind the
 * last; ERR_INVAL with a window whose buses run backward or whose base is not 1 MiB aligned or
 * wraps: pass over it.
 */
__must_check int mcfg_window(const void *table, u32 i, struct mcfg_window *out);
