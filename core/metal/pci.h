/* Where configuration space lies; port_pci_read() and port_pci_write() use it. */
#pragma once

#include "core/port.h"

#define ECAM_WINDOWS 16 /* segments x bus ranges of an MCFG; more than any machine has shown */

struct ecam_window {
	u16 segment;
	u8 first_bus, last_bus;
	struct mmio regs;
};

/* Use an MCFG entry's window, mapped by the caller. False: too many. Without any: CF8/CFC. */
bool pci_add_ecam(u16 segment, u8 first_bus, u8 last_bus, const struct mmio *regs);

/* Bus numbers that configuration space reaches: the i-th run of them; false: no more. */
struct pci_buses {
	u16 segment;
	u8 first, last;
};
bool pci_buses(u32 i, struct pci_buses *out);
