/*
 * The port or bridge above a function, as far as the function depends on it. Read anew each time: a
 * bridge is nobody's but the hypervisor's.
 */
#pragma once

#include "core/base/types.h"

/* Offset of its PCI Express capability; 0: it has none. */
u16 pci_bridge_express(struct bdf bridge);

/*
 * Have it forward requests for functions beyond 7 of the device below (ARI forwarding, PCIe 5.0
 * §6.13, §7.5.3.16). False: it cannot, or does not do it.
 */
bool pci_bridge_forward_ari(struct bdf bridge);

/*
 * What it forwards to its secondary bus: the memory window, or the prefetchable one (PCI-to-PCI
 * Bridge 1.2 §3.2.5.8 to 10). False: it is closed.
 */
struct pci_bridge_window {
	u64 base, size; /* bytes, multiples of 1 MiB */
};
bool pci_bridge_window(struct bdf bridge, bool prefetch, struct pci_bridge_window *out);
