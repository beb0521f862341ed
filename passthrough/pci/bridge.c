#include "passthrough/pci/bridge.h"
#include "core/port.h"
#include "passthrough/pci/caps.h"

u16 pci_bridge_express(struct bdf bridge)
{
	u32 off = port_pci_read(bridge, PCI_CAPABILITIES, 1) & 0xfc;

	for (u32 hops = 0; off >= PCI_HEADER_SIZE && hops < PCI_STANDARD_CAPS_MAX; hops++) {
		u32 header = port_pci_read(bridge, (u16)off, 2);

		if ((header & 0xff) == PCI_CAP_EXPRESS)
			return (u16)off;
		off = header >> 8 & 0xfc;
	}
	return 0;
}

bool pci_bridge_forward_ari(struct bdf bridge)
{
	u16 at = pci_bridge_express(bridge);
	u32 control;

	/* the second set of registers is there from version 2 on */
	if (!at || (port_pci_read(bridge, at + PCI_EXP_FLAGS, 2) & PCI_EXP_VERSION) < 2 ||
	    !(port_pci_read(bridge, at + PCI_EXP_DEVCAP2, 4) & PCI_EXP_DEVCAP2_ARI))
		return false;
	control = port_pci_read(bridge, at + PCI_EXP_DEVCTL2, 2);
	port_pci_write(bridge, at + PCI_EXP_DEVCTL2, 2, control | PCI_EXP_DEVCTL2_ARI);
	return port_pci_read(bridge, at + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI;
}

bool pci_bridge_window(struct bdf bridge, bool prefetch, struct pci_bridge_window *out)
{
	u16 at = prefetch ? PCI_BRIDGE_PREFETCH : PCI_BRIDGE_MEMORY;
	u32 v = port_pci_read(bridge, at, 4);
	u64 base = (v & 0xfff0u) << 16, limit = (v & 0xfff00000u) | 0xfffffu;

	if (prefetch && (v & 0xf) == PCI_BRIDGE_PREFETCH_64) {
		base |= (u64)port_pci_read(bridge, PCI_BRIDGE_PREFETCH_BASE, 4) << 32;
		limit |= (u64)port_pci_read(bridge, PCI_BRIDGE_PREFETCH_LIMIT, 4) << 32;
	}
	if (!base || limit < base || limit + 1 < base)
		return false;
	*out = (struct pci_bridge_window){base, limit - base + 1};
	return true;
}
