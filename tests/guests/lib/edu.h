/* QEMU's edu (docs/specs/edu.rst there): a DMA engine with a buffer, and an MSI. */
#pragma once

#include "lib/guest.h"

#define EDU_IDS	   0x11e81234
#define EDU_STATUS 0x24
#define EDU_RAISE  0x60
#define EDU_ACK	   0x64
#define EDU_BUFFER 0x40000 /* as an address of the engine */
#define EDU_TO_RAM 2	   /* direction; 0: to the buffer */
#define EDU_SOURCE MIB(8)  /* memory of ours that edu_load() overwrites */

struct edu {
	struct pci_place place;
	u64 regs;
};

/* Find it and switch it on; ends the guest where there is none. */
void edu_open(struct edu *e);
/* Until it is done; the engine takes 100 ms. */
void edu_dma(const struct edu *e, u64 from, u64 to, u32 length, u32 direction);
/* Fill its buffer. */
void edu_load(const struct edu *e, const void *bytes, u32 length);
