/*
 * A virtual PCI Express root port: a bridge on bus 0 with one device behind it, for drivers that
 * look for the link above their device. It has nothing to forward with: what lies behind it is
 * reached at the guest's addresses whatever its windows say; they, its bus numbers and its link are
 * registers for the guest's software to find plausible.
 */
#pragma once

#include "core/vcpu/vpci.h"
#include "passthrough/pci/function.h"
#include "passthrough/vpci/place.h"

struct vpci_port_config {
	u8 number;	 /* physical slot number and port number, unique in the guest */
	u8 secondary;	 /* bus number after a reset, 1 .. buses - 1, unique in the guest */
	u32 link_cap;	 /* Link Capabilities and Status of the device behind, */
	u16 link_status; /* which the port repeats: the same speed and width */
	u32 link_cap2;	 /* supported speeds */
	u32 payload;	 /* Max_Payload_Size Supported, as in Device Capabilities 2:0 */
	struct place_port windows;
};

struct vpci_port {
	struct vpci_function f;
	struct vpci_root *root;
	struct vpci_bus bus; /* behind it */
	struct vpci_port_config c;
	u32 value[VPCI_PLAIN_SIZE / 4];
};

/*
 * A port at `devfn` of bus 0 of `r`, with an empty bus behind it (add functions to p->bus). ERR_EXIST:
 * the place is taken. ERR_INVAL: a bus number outside the tree. *p need not be zeroed.
 */
__must_check int vpci_port_init(struct vpci_port *p, struct vpci_root *r, u8 devfn,
				const struct vpci_port_config *c);

/* What vpci_port_config repeats of a function's link; zeroed where it has none. */
void vpci_port_link(const struct pci_function *f, struct vpci_port_config *c);

/* Does its driver expect a port above it? PCI Express endpoints that are displays do. */
bool vpci_port_wanted(const struct pci_function *f);
