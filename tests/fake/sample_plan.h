/*
 * A machine and a plan that fit each other, for tests to break one thing at a time. Everything is
 * static and writable; sample_reset() restores it.
 *
 * The machine: 4 cores of 2 threads (APIC ids 0..7, core = id / 2), RAM [0, 640 KiB), [1 MiB, 2 GiB)
 * and [4 GiB, 8 GiB). The plan: workstations "alpha" (processors 2 3, 1 GiB, the GPU and its audio)
 * and "beta" (4 5, 64 MiB in two pieces, the NIC).
 */
#pragma once

#include "core/partition/plan.h"

enum sample_function {
	SAMPLE_PORT,  /* 00:01.0 bridge */
	SAMPLE_GPU,   /* 01:00.0, group 1 with its audio, FLR, two GPUs' path below the port */
	SAMPLE_AUDIO, /* 01:00.1, bus reset only, together with the GPU */
	SAMPLE_NIC,   /* 00:03.0, FLR, serial number, SR-IOV */
	SAMPLE_USB,   /* 00:14.0, FLR, has a reserved range */
	SAMPLE_SATA,  /* 00:17.0, FLR, boot medium */
	SAMPLE_OLD,   /* 00:1b.0, no reset at all */
	SAMPLE_FUNCTIONS,
};

extern struct machine sample_machine;
extern struct machine_cpu sample_cpus[8];
extern struct machine_memory sample_memory[4];
extern struct machine_function sample_functions[SAMPLE_FUNCTIONS];
extern struct machine_reserved sample_reserved[1];
extern struct plan sample_plan;
extern struct plan_workstation sample_ws[2];
extern u32 sample_ws_cpus[2][2];
extern struct plan_ram sample_ram[2][2];
extern struct plan_device sample_devices[2][2];

void sample_reset(void);
/* The device entry that names a function of the sample machine. */
struct plan_device sample_device(enum sample_function f);
