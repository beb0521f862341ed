/*
 * Virtual functions of a physical one the hypervisor keeps (PCIe 5.0 ch. 9): sized and placed before
 * they are enabled, then devices like others. Those of GPUs are experimental: their drivers on the
 * physical side, which there is none of here, often have to prepare them.
 */
#pragma once

#include "passthrough/pci/function.h"

/* Which functions of the PF's bus requests get to. */
enum pci_reach {
	PCI_REACH_SLOT, /* 0 to 7 of device 0: below a port that does not forward others */
	PCI_REACH_ARI,	/* all 256, the port above has ARI forwarding on */
	PCI_REACH_BUS,	/* all devices and functions: a root bus */
};

struct pci_sriov {
	struct pci_function *pf;
	u16 total;	    /* TotalVFs */
	u16 count;	    /* to be enabled */
	u16 offset, stride; /* of their ids, with that count */
	/* One VF's BARs; all of them lie behind each other from `base` on. base 0: not placed yet. */
	struct machine_bar bar[PCI_BARS];
	u64 until; /* after enabling: no request to them before */
};

/* VFs that a PF can have, by its capability; 0: it has none. */
u16 pci_sriov_most(const struct pci_function *pf);

/*
 * Set NumVFs and size the VF BARs; VFs are disabled. They must lie on the PF's own bus, where
 * `reach` says that requests get to them: a path (struct pci_path) tells functions of one bus
 * apart, no more.
 *
 * v->text is a clause about the card. ERR_UNSUPPORTED: no capability, no 4 KiB pages; ERR_RANGE:
 * more VFs than it has, or ids that cannot be reached; ERR_BUSY: VFs are on; ERR_IO, ERR_CORRUPT:
 * registers do not hold, BARs make no sense.
 */
__must_check int pci_sriov_plan(struct pci_sriov *s, struct pci_function *pf, u16 count,
				enum pci_reach reach, struct pci_verdict *v);

/* Bytes that BAR needs for all VFs; its base must be aligned to one VF's size. */
u64 pci_sriov_bar_bytes(const struct pci_sriov *s, u32 bar);

/*
 * Program the BARs, each of which has a base by now, then switch VFs and their decoding on.
 * ERR_INVAL: a BAR is not placed; ERR_IO: a register did not hold. No VF may be accessed
 * before s->until (100 ms, §9.3.3.3.1).
 */
__must_check int pci_sriov_enable(struct pci_sriov *s);
/* Off again; no VF is in use. ERR_IO: they stay. */
__must_check int pci_sriov_disable(struct pci_sriov *s);

/* The id of VF i (0 .. count - 1). */
struct bdf pci_sriov_bdf(const struct pci_sriov *s, u16 i);

/* Read VF i into *f. Errors as pci_function_read(). It is reset by FLR, which all VFs have (§9.3.5.4). */
__must_check int pci_sriov_read(const struct pci_sriov *s, u16 i, struct pci_function *f,
				struct pci_verdict *v);
