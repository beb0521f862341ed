/*
 * A PCI function as the IOMMU part needs to know it, on the metal or from a survey by Linux. The
 * array a caller hands in holds every function of the machine, bridges among them.
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/machine.h"

/* PCI Express capability, device/port type (PCIe 5.0 §7.5.3.2); conventional: no such capability. */
enum iommu_port {
	PORT_CONVENTIONAL,
	PORT_ENDPOINT, /* legacy endpoints too */
	PORT_ROOT,
	PORT_UPSTREAM,
	PORT_DOWNSTREAM,
	PORT_TO_PCI,	 /* PCI Express to PCI bridge */
	PORT_FROM_PCI,	 /* PCI to PCI Express bridge */
	PORT_INTEGRATED, /* root-complex integrated endpoint */
	PORT_EVENT,	 /* root-complex event collector */
};

/* By the PCI Express Capabilities register; reserved types count as conventional. */
enum iommu_port iommu_port_type(u16 express_flags);

#define NO_FUNCTION (~0u)

struct iommu_function {
	struct bdf bdf;
	struct pci_path path;
	u16 vendor, device;
	u32 class_code; /* 24 bits */
	enum iommu_port port;
	bool bridge;		   /* header type 1 */
	u8 secondary, subordinate; /* bus numbers below a bridge */
	bool multifunction;	   /* function 0 of its slot says so */
	/*
	 * Access control: it has the capability, all of which it implements is turned on, or a quirk
	 * row says that it isolates without. Ports without it let devices below talk to each other.
	 */
	bool acs;
	bool is_vf;
	u32 pf;		     /* index of the physical function when is_vf */
	u8 phantom_bits;     /* function-number bits it may use besides its own (0..3) */
	bool phantom;	     /* they are turned on */
	u16 alias_functions; /* quirk: bit n: also sends requests as function n of its slot */
	u16 interrupts;	     /* MSI-X table size, else MSI messages, else 1 */
	bool ats;
	u8 ats_queue;
	u32 parent; /* index of the bridge it lies below, NO_FUNCTION on a root bus: functions_link() */
};

/* Find every function's parent by the bridges' bus numbers; call it once, before anything else. */
void functions_link(struct iommu_function *f, u32 n);
