/*
 * Every MSR a guest may touch. Registers that are in neither table are refused with #GP. Those that
 * Linux and Windows read on ordinary machines without asking CPUID first have an answer here, even
 * where it is only zero.
 */
#include "core/vcpu/msr_policy.h"
#include "core/vcpu/msr.h"

#define ONE(n)	     n, n
#define BOTH_ZERO    ANSWER_VALUE, ANSWER_VALUE, 0 /* reads 0, writes have no effect */
#define READ_ONLY    ANSWER_VALUE, ANSWER_GP
#define CALL(h)	     ANSWER_HANDLER, ANSWER_HANDLER, h
#define CALL_READ(h) ANSWER_HANDLER, ANSWER_GP, h

/* clang-format off */
const struct msr_pass_rule msr_pass_rules[] = {
	{ONE(0x10), MSR_ALWAYS, true, false},		/* TSC: reading; the offset is 0 */
	{ONE(0x48), MSR_SPEC_CTRL, true, true},		/* SPEC_CTRL */
	{ONE(0x49), MSR_PRED_CMD, false, true},		/* PRED_CMD */
	{ONE(0x10b), MSR_FLUSH_CMD, false, true},	/* FLUSH_CMD */
	{0x174, 0x176, MSR_ALWAYS, true, true},		/* SYSENTER_CS, ESP, EIP */
	{ONE(0x277), MSR_ALWAYS, true, true},		/* PAT */
	{ONE(0x6e0), MSR_TSC_DEADLINE, true, true},	/* TSC_DEADLINE */
	{ONE(0x808), MSR_X2APIC, true, true},		/* TPR */
	{ONE(0x80a), MSR_X2APIC, true, false},		/* PPR */
	{ONE(0x80b), MSR_X2APIC, false, true},		/* EOI */
	{0x810, 0x827, MSR_X2APIC, true, false},	/* ISR, TMR, IRR */
	{ONE(0x832), MSR_X2APIC, true, true},		/* timer LVT */
	{ONE(0x838), MSR_X2APIC, true, true},		/* initial count */
	{ONE(0x839), MSR_X2APIC, true, false},		/* current count */
	{ONE(0x83e), MSR_X2APIC, true, true},		/* divide */
	{ONE(0x83f), MSR_X2APIC, false, true},		/* SELF IPI */
	{0xc0000081, 0xc0000084, MSR_ALWAYS, true, true}, /* STAR, LSTAR, CSTAR, SFMASK */
	{0xc0000100, 0xc0000102, MSR_ALWAYS, true, true}, /* FS, GS, KERNEL_GS base */
	{ONE(0xc0000103), MSR_TSC_AUX, true, true},
};

const struct msr_rule msr_rules[] = {
	{0x0, 0x1, MSR_ALWAYS, BOTH_ZERO},		/* P5 machine check */
	{ONE(0x10), MSR_ALWAYS, ANSWER_GP, ANSWER_DROP, 0}, /* TSC: writing */
	{ONE(0x17), MSR_INTEL, CALL_READ(HANDLER_PLATFORM_ID)},
	{ONE(0x1b), MSR_ALWAYS, CALL(HANDLER_APIC_BASE)},
	{ONE(0x2a), MSR_INTEL, BOTH_ZERO},		/* EBL_CR_POWERON */
	{ONE(0x34), MSR_INTEL, READ_ONLY, 0},		/* SMI_COUNT */
	{ONE(0x3a), MSR_INTEL, READ_ONLY, 1},		/* FEATURE_CONTROL: locked, all off */
	{ONE(0x79), MSR_INTEL, ANSWER_GP, ANSWER_DROP, 0}, /* microcode update */
	{ONE(0x8b), MSR_ALWAYS, ANSWER_HANDLER, ANSWER_VALUE, HANDLER_MICROCODE},
	{0xc1, 0xc8, MSR_INTEL, BOTH_ZERO},		/* performance counters */
	{ONE(0xce), MSR_INTEL, READ_ONLY, 0},		/* PLATFORM_INFO */
	{ONE(0xe2), MSR_INTEL, ANSWER_VALUE, ANSWER_VALUE, 1 << 15}, /* C-state control: locked */
	{ONE(0xfe), MSR_ALWAYS, CALL(HANDLER_MTRR)},	/* MTRRCAP */
	{ONE(0x10a), MSR_ARCH_CAP, CALL_READ(HANDLER_ARCH_CAP)},
	{ONE(0x140), MSR_INTEL, BOTH_ZERO},		/* MISC_FEATURES_ENABLES */
	{ONE(0x179), MSR_ALWAYS, READ_ONLY, 0},		/* MCG_CAP: no banks */
	{0x17a, 0x17b, MSR_ALWAYS, BOTH_ZERO},		/* MCG_STATUS, MCG_CTL */
	{0x186, 0x18d, MSR_INTEL, BOTH_ZERO},		/* event selects */
	{0x198, 0x19c, MSR_INTEL, BOTH_ZERO},		/* performance and thermal state */
	{ONE(0x1a0), MSR_INTEL, CALL(HANDLER_MISC_ENABLE)},
	{ONE(0x1a2), MSR_INTEL, BOTH_ZERO},		/* TEMPERATURE_TARGET */
	{ONE(0x1aa), MSR_INTEL, BOTH_ZERO},		/* MISC_PWR_MGMT */
	{ONE(0x1ad), MSR_INTEL, BOTH_ZERO},		/* TURBO_RATIO_LIMIT */
	{0x1b0, 0x1b2, MSR_INTEL, BOTH_ZERO},		/* energy bias, package thermal state */
	{ONE(0x1d9), MSR_ALWAYS, BOTH_ZERO},		/* DEBUGCTL */
	{0x1db, 0x1de, MSR_ALWAYS, BOTH_ZERO},		/* last branch and interrupt */
	{ONE(0x1fc), MSR_INTEL, BOTH_ZERO},		/* POWER_CTL */
	{0x200, 0x20f, MSR_ALWAYS, CALL(HANDLER_MTRR)},
	{ONE(0x250), MSR_ALWAYS, CALL(HANDLER_MTRR)},
	{0x258, 0x259, MSR_ALWAYS, CALL(HANDLER_MTRR)},
	{0x268, 0x26f, MSR_ALWAYS, CALL(HANDLER_MTRR)},
	{ONE(0x2ff), MSR_ALWAYS, CALL(HANDLER_MTRR)},
	{0x309, 0x30c, MSR_INTEL, BOTH_ZERO},		/* fixed counters */
	{ONE(0x345), MSR_INTEL, READ_ONLY, 0},		/* PERF_CAPABILITIES */
	{0x38d, 0x390, MSR_INTEL, BOTH_ZERO},		/* counter control */
	{0x400, 0x47f, MSR_ALWAYS, BOTH_ZERO},		/* machine check banks */
	{ONE(0x606), MSR_INTEL, READ_ONLY, 0},		/* RAPL units and energy */
	{ONE(0x611), MSR_INTEL, READ_ONLY, 0},
	{ONE(0x619), MSR_INTEL, READ_ONLY, 0},
	{ONE(0x639), MSR_INTEL, READ_ONLY, 0},
	{ONE(0x641), MSR_INTEL, READ_ONLY, 0},
	{ONE(0xda0), MSR_XSAVES, CALL(HANDLER_XSS)},
	{0x40000000, 0x400001ff, MSR_ALWAYS, CALL(HANDLER_HYPERV)},
	{ONE(0xc0000080), MSR_ALWAYS, CALL(HANDLER_EFER)},
	{0xc0000408, 0xc000040a, MSR_AMD, BOTH_ZERO},	/* machine check thresholds */
	{0xc0010000, 0xc0010007, MSR_AMD, BOTH_ZERO},	/* performance counters */
	{ONE(0xc0010010), MSR_AMD, BOTH_ZERO},		/* SYSCFG */
	{ONE(0xc0010015), MSR_AMD, ANSWER_VALUE, ANSWER_VALUE, 1 << 24}, /* HWCR: TSC at P0 rate */
	{ONE(0xc001001a), MSR_AMD, BOTH_ZERO},		/* TOP_MEM */
	{ONE(0xc001001d), MSR_AMD, BOTH_ZERO},		/* TOM2 */
	{ONE(0xc001001f), MSR_AMD, BOTH_ZERO},		/* NB_CFG */
	{ONE(0xc0010020), MSR_AMD, ANSWER_GP, ANSWER_DROP, 0}, /* microcode update */
	{ONE(0xc0010042), MSR_AMD, BOTH_ZERO},		/* FIDVID status */
	{ONE(0xc0010055), MSR_AMD, BOTH_ZERO},		/* interrupt pending message */
	{ONE(0xc0010058), MSR_AMD, BOTH_ZERO},		/* MMIO configuration base */
	{0xc0010061, 0xc001006b, MSR_AMD, BOTH_ZERO},	/* P-states */
	{0xc0010112, 0xc0010113, MSR_AMD, BOTH_ZERO},	/* TSEG */
	{ONE(0xc0010114), MSR_AMD, ANSWER_VALUE, ANSWER_VALUE, 0x18}, /* VM_CR: SVM disabled, locked */
	{0xc0010140, 0xc0010141, MSR_AMD, BOTH_ZERO},	/* OSVW: no workarounds to report */
	{0xc0010200, 0xc001020b, MSR_AMD, BOTH_ZERO},	/* performance counters */
	{ONE(0xc0010293), MSR_AMD, BOTH_ZERO},		/* hardware P-state */
	{0xc0010299, 0xc001029b, MSR_AMD, BOTH_ZERO},	/* RAPL */
	{0xc0011021, 0xc0011023, MSR_AMD, BOTH_ZERO},	/* IC_CFG, DC_CFG, BU_CFG */
	{ONE(0xc0011028), MSR_AMD, BOTH_ZERO},		/* FP_CFG */
	/* DE_CFG: LFENCE serializes. The hypervisor has set that bit on every core. */
	{ONE(0xc0011029), MSR_AMD, ANSWER_VALUE, ANSWER_VALUE, 1 << 1},
	{ONE(0xc001102a), MSR_AMD, BOTH_ZERO},		/* BU_CFG2 */
};
/* clang-format on */

const u32 msr_npass_rules = ARRAY_SIZE(msr_pass_rules);
const u32 msr_nrules = ARRAY_SIZE(msr_rules);
