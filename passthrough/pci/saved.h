/*
 * The configuration that a reset wipes and a working device needs: command, BARs, cache line,
 * Device Control (MPS, MRRS) and Control 2, Link Control, LTR, ReBAR sizes, ACS control, AER masks,
 * SR-IOV is off. MSI and MSI-X come back switched off: their owner programs them.
 */
#pragma once

#include "core/base/types.h"
#include "core/base/err.h"

struct pci_function;

/* Registers saved for one function: the fixed ones, and a ReBAR control for each of 6 BARs. */
#define PCI_SAVED_MAX 24

struct pci_saved_register {
	u16 off;
	u8 width;
	u32 value;
	u32 mask; /* bits that are the host's to set and must read back */
};

struct pci_saved {
	bool valid;
	u32 n;
	struct pci_saved_register reg[PCI_SAVED_MAX];
};

/* Read them; the function has been quiesced. ERR_IO: it reads all ones. */
__must_check int pci_save(const struct pci_function *f, struct pci_saved *out);

/*
 * Write them and the BARs back, then read all back. The command register comes last, with bus
 * mastering, INTx and decoding off. ERR_IO: a register did not hold its value; *off is which.
 */
__must_check int pci_restore(const struct pci_function *f, const struct pci_saved *s, u16 *off);
