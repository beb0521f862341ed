/* Private to msr.c: the policy as data. Both tables are sorted by register and do not overlap. */
#pragma once

#include "core/base/types.h"

/* Executed by the guest on the hardware itself, when all `features` are there. */
struct msr_pass_rule {
	u32 first, last;
	u32 features; /* enum msr_feature bits */
	bool read, write;
};

enum msr_answer {
	ANSWER_GP,	/* refuse */
	ANSWER_VALUE,	/* read: `value`; write: dropped */
	ANSWER_DROP,	/* write: dropped and counted */
	ANSWER_HANDLER, /* `value` is an enum msr_handler */
};

enum msr_handler {
	HANDLER_APIC_BASE,
	HANDLER_EFER,
	HANDLER_MTRR,
	HANDLER_MISC_ENABLE,
	HANDLER_MICROCODE,
	HANDLER_PLATFORM_ID,
	HANDLER_ARCH_CAP,
	HANDLER_XSS,
	HANDLER_HYPERV,
};

/* Whatever of these is not passed goes to lapic.h; no rule names them. */
#define MSR_X2APIC_FIRST 0x800u
#define MSR_X2APIC_COUNT 0x100u

/* Answered by the hypervisor when an access traps. */
struct msr_rule {
	u32 first, last;
	u32 features;
	u8 read, write; /* enum msr_answer */
	u64 value;
};

extern const struct msr_pass_rule msr_pass_rules[];
extern const u32 msr_npass_rules;
extern const struct msr_rule msr_rules[];
extern const u32 msr_nrules;

/* Bits of IA32_ARCH_CAPABILITIES that are facts; the others announce controls no guest has. */
#define MSR_ARCH_CAP_PASSED 0x1d1ae17full
