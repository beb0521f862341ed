/*
 * What the capability registers of a processor allow, and what this hypervisor runs guests with
 * (Intel SDM volume 3, appendix A). Pure: the registers come in as values.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

#define MSR_FEATURE_CONTROL 0x3a

/* IA32_FEATURE_CONTROL (SDM volume 3 §24.7). */
#define FEATURE_LOCKED (1ull << 0)
#define FEATURE_VMXON  (1ull << 2) /* outside SMX operation */

/* The registers read, in the order of vmx_capability_msrs. */
enum vmx_capability {
	CAP_BASIC,
	CAP_CR0_FIXED0,
	CAP_CR0_FIXED1,
	CAP_CR4_FIXED0,
	CAP_CR4_FIXED1,
	CAP_PROC2,    /* exists when the primary controls allow the secondary ones */
	CAP_EPT_VPID, /* exists when those allow EPT or VPID */
	CAP_TRUE_PIN, /* these exist when CAP_BASIC has bit 55 */
	CAP_TRUE_PROC,
	CAP_TRUE_EXIT,
	CAP_TRUE_ENTRY,
	CAPABILITIES,
};
extern const u32 vmx_capability_msrs[CAPABILITIES];

/* IA32_VMX_BASIC. */
#define BASIC_REVISION(b) ((u32)(b)&0x7fffffff)
#define BASIC_INS_OUTS	  (1ull << 54)
#define BASIC_TRUE	  (1ull << 55)

/* The primary processor-based controls without the true ones: enough to look for CAP_PROC2. */
#define MSR_VMX_PROC 0x482

struct vmx_host {
	bool vmx; /* CPUID.1:ECX[5] */
	u64 feature_control;
	u64 proc;	       /* MSR_VMX_PROC; 0 when VMX is not there */
	u64 cap[CAPABILITIES]; /* 0 where the register does not exist */
};

struct vmx_controls {
	u32 pin, proc, proc2, exit, entry;
	u64 eptp_bits; /* of an EPT pointer, without the address */
	bool large_1g; /* EPT leaves of 1 GiB */
	bool invept_single, invvpid_single;
	u64 cr0_always, cr4_always; /* bits the guest's real registers must have set */
	u64 cr0_never, cr4_never;   /* bits they must have clear */
};

/*
 * What must be emptied before a guest is entered, so that it cannot read there what the hypervisor
 * used last (Intel's guidance on L1TF and MDS).
 */
struct vmx_leaks {
	bool l1d;     /* by IA32_FLUSH_CMD */
	bool buffers; /* by VERW */
};

/* From CPUID.7.0:EDX and IA32_ARCH_CAPABILITIES (0: there is no such register). */
struct vmx_leaks vmx_leaks_of(u32 features, u64 arch_capabilities);

struct vmx_refusal {
	const char *why, *remedy;
};

/*
 * Can this processor run our guests? OK: *out holds the controls. ERR_UNSUPPORTED: *no says what is
 * missing and what helps. FEATURE_CONTROL that is not locked is no obstacle: whoever starts VMX
 * sets it.
 */
__must_check int vmx_controls_make(const struct vmx_host *host, struct vmx_controls *out,
				   struct vmx_refusal *no);

/* By value: what lies between the fields is anything. */
bool vmx_controls_same(const struct vmx_controls *a, const struct vmx_controls *b);
