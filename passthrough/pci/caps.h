/*
 * The capabilities of a function, both lists, whatever its pointers say (PCI 3.0 §6.7, PCIe 5.0
 * §7.6). A list that loops, points into the header, is not aligned, or ends in all ones is cut
 * there, and the problem is named; what was read before stays good.
 */
#pragma once

#include "core/base/types.h"
#include "passthrough/pci/regs.h"

/* Every 4-byte place a capability can have, so that no honest list is cut. */
#define PCI_STANDARD_CAPS_MAX ((PCI_STANDARD_SIZE - PCI_HEADER_SIZE) / 4)
/* Extended ones are 8 bytes at least, but for the empty one of id 0, which is not listed. */
#define PCI_EXTENDED_CAPS_MAX ((PCI_CONFIG_SIZE - PCI_STANDARD_SIZE) / 8)

enum pci_caps_problem {
	PCI_CAPS_LOOP = 1,    /* a pointer goes back to a capability seen before */
	PCI_CAPS_POINTER = 2, /* a pointer into the header, or not a multiple of 4 */
	PCI_CAPS_GONE = 4,    /* all ones: the function stopped to answer, or never had a list */
	PCI_CAPS_OVERLAP = 8, /* a capability reaches into the next one */
};

struct pci_cap {
	u16 id;
	u16 off;
	/* Bytes, multiple of 4: what its own fields say, never beyond the next capability or the
	 * end of the space. 4 when we do not know the id. */
	u16 size;
	u8 version; /* extended ones */
	bool whole; /* all that its own fields say is there: nothing cut it short */
};

struct pci_caps {
	u32 nstandard, nextended;
	u32 problems; /* enum pci_caps_problem */
	/* in the order of the lists */
	struct pci_cap standard[PCI_STANDARD_CAPS_MAX];
	struct pci_cap extended[PCI_EXTENDED_CAPS_MAX];
};

/* A configuration space to read from: the port's, a dump's. Widths and offsets as port_pci_read. */
typedef u32 (*pci_read_fn)(const void *ctx, u16 off, u8 width);

/* Read both lists. `size` is 256 when extended space cannot be reached, else 4096. */
void pci_caps_read(struct pci_caps *c, pci_read_fn read, const void *ctx, u16 size);

/* The first capability with that id, NULL when there is none. */
const struct pci_cap *pci_cap_find(const struct pci_caps *c, u16 id);
const struct pci_cap *pci_ext_cap_find(const struct pci_caps *c, u16 id);

/* A few words for the lowest problem in the mask, "" for none. */
const char *pci_caps_problem_text(u32 problems);

/*
 * Bytes a capability takes by its own fields, multiple of 4; 4 when the id is not known. Shared with
 * pci_caps_read() alone.
 */
u16 pci_cap_size(pci_read_fn read, const void *ctx, u16 off, u16 id);
u16 pci_ext_cap_size(pci_read_fn read, const void *ctx, u16 off, u16 id);
