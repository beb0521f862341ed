/*
 * A site in the emulator: QEMU's machine in place of the machine, its devices in place of the
 * machine's. Everything that differs is said; what runs there proves nothing about the machine.
 */
#pragma once

#include "profiles/host/study/study.h"

#define QEMU_ARGS_MAX 256

struct standin {
	struct qemu_machine machine;
	u32 cores, threads;
	u64 memory;			 /* bytes */
	const char *args[QEMU_ARGS_MAX]; /* of QEMU for the devices, NULL-terminated */
	u32 nargs;
	const char **notes; /* a substitution each, in words */
	u32 nnotes;
};

struct standin_options {
	u64 memory_cap; /* bytes a workstation gets at most; 0: what it asks for */
	bool no_devices;
};

/*
 * Replace the machine, and plan again: `s` has a good plan, and gets that of the emulator. Errors
 * are diagnostics of `s`. Texts live in s->mem.
 */
void standin_make(struct study *s, const struct standin_options *o, struct standin *out);
void standin_free(struct standin *t);
