/*
 * The machine that QEMU's q35 makes, as far as a plan has to know it. The map is what hw/i386's
 * q35 documents: RAM below 2.75 GiB in one piece, else 2 GiB below the hole, the rest from 4 GiB up.
 */
#pragma once

#include "core/partition/machine.h"

struct qemu_machine {
	struct machine machine;
	struct machine_cpu *cpus;
	struct machine_memory memory[4];
	struct machine_function *functions;
};

struct qemu_options {
	u32 cpus, threads; /* threads a core, a power of two */
	u64 memory;	   /* bytes */
	/*
	 * Kept free below the top of low RAM, for the firmware's tables and, under OVMF, its
	 * run-time services. 0: 128 MiB, less on small machines.
	 */
	u64 firmware;
	bool iommu;
	u32 nfunctions; /* copied; groups, resets as given */
	const struct machine_function *functions;
};

/* False when the options make no machine (no processor, odd threads, less than 64 MiB). */
bool qemu_machine_make(struct qemu_machine *q, const struct qemu_options *o);
void qemu_machine_free(struct qemu_machine *q);
