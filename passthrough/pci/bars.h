/*
 * Base address registers: where and how large they are (PCI 3.0 §6.2.5.1, PCIe 5.0 §7.5.1.2.1).
 *
 * Sizes are found once, with decoding switched off, and remembered: a device that gives another
 * size later does not get it.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"
#include "core/partition/machine.h"

#define PCI_BARS    6
#define PCI_ROM_BAR 6 /* index of the expansion ROM in struct pci_bars */

/* base and size in bytes; size 0: not there, or the upper half of the one before. */
struct pci_bars {
	struct machine_bar bar[PCI_BARS + 1];
};

/*
 * Read and size all BARs of a function of header type 0 or 1 (2 BARs). Decoding is off meanwhile,
 * so nobody may use the function. All registers are put back and read back.
 *
 * ERR_IO: the function does not answer, or a register did not take its old value back (its decoding
 * is left off then). ERR_CORRUPT: a size is no power of two, a type is reserved, or a base is not
 * aligned to its size; *bad is the BAR. A ROM that breaks the rules counts as not there.
 */
__must_check int pci_bars_size(struct bdf bdf, u8 header_type, struct pci_bars *out, u32 *bad);

/*
 * The same for `n` registers from `reg` on, of a VF's BARs in its PF's capability; the caller has made
 * sure that nothing decodes them.
 */
__must_check int pci_bars_size_at(struct bdf bdf, u16 reg, u32 n, struct machine_bar *out,
				  u32 *bad);

/* The bases alone, as they are now; sizes and kinds stay. What has size 0 is left alone. */
void pci_bars_reread(struct bdf bdf, struct pci_bars *b);

/* Write the remembered bases back (after a reset). Decoding must be off. ERR_IO: one did not hold. */
__must_check int pci_bars_restore(struct bdf bdf, const struct pci_bars *b);

/* Offset of a BAR's register; the ROM's depends on the header. */
u16 pci_bar_register(u32 bar, u8 header_type);
