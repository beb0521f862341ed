/*
 * The few synthetic MSRs behind the Hyper-V CPUID leaves (TLFS ch. 3, 5, 12): identity, a hypercall
 * page that answers "no such call" without an exit, VP index, time and frequencies.
 */
#pragma once

#include "core/vcpu/msr.h"

#define HYPERV_MSR_FIRST 0x40000000u
#define HYPERV_MSR_LAST	 0x400001ffu

/* ERR_PERM: raise #GP(0). */
__must_check int hyperv_msr_read(struct msr_cpu *c, u32 msr, u64 *value);
__must_check int hyperv_msr_write(struct msr_cpu *c, u32 msr, u64 value);
