/*
 * Model-specific registers of a guest: one policy table (msr_policy.c) says which are passed, which
 * are emulated, which read as a constant, which swallow writes. From the same table come the SVM
 * permission map and the VMX bitmap. What the table does not name is refused with #GP and counted.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"
#include "core/vcpu/lapic.h"
#include "core/vcpu/mtrr.h"

/* What the host processor has, as far as the policy asks. */
enum msr_feature {
	MSR_ALWAYS = 0,
	MSR_INTEL = 1 << 0,
	MSR_AMD = 1 << 1,	   /* and Hygon */
	MSR_X2APIC = 1 << 2,	   /* the guest is in x2APIC mode now, and so is the real APIC */
	MSR_TSC_DEADLINE = 1 << 3, /* CPUID 1.ECX[24] */
	MSR_TSC_AUX = 1 << 4,	   /* RDTSCP or RDPID */
	MSR_SPEC_CTRL = 1 << 5,
	MSR_PRED_CMD = 1 << 6,
	MSR_FLUSH_CMD = 1 << 7,
	MSR_ARCH_CAP = 1 << 8,
	MSR_XSAVES = 1 << 9,
};

/* Features from the host's CPUID (the callback of cpuid.h). MSR_X2APIC is never among them. */
u32 msr_features(void (*host)(void *ctx, u32 leaf, u32 sub, u32 out[4]), void *ctx);

/* May a guest execute RDMSR (WRMSR, if `write`) of this register on the hardware itself? */
bool msr_passed(u32 features, u32 msr, bool write);

/*
 * Call `pass` for every register of which something is passed, in rising order: to build a
 * permission map from one that intercepts everything. Do it once with MSR_X2APIC for vCPUs in
 * x2APIC mode and once without for the others.
 */
void msr_each_passed(u32 features, void (*pass)(void *ctx, u32 msr, bool read, bool write),
		     void *ctx);

/* The rest of the vCPU, reached from MSR exits. `hw` is the caller's handle of the vCPU. */
struct msr_ops {
	/* EFER as the guest shall see it (without SVME), and a checked new value for it. */
	u64 (*efer_read)(void *hw);
	void (*efer_write)(void *hw, u64 efer);
	u64 (*cr0_read)(void *hw);
	/* Write guest RAM; anything but OK: not RAM. */
	int (*guest_write)(void *hw, gpa_t gpa, const void *src, size_t n);
	/* Time since the workstation's start in units of 100 ns, the same on all its vCPUs. */
	u64 (*time_100ns)(void *hw);
};

/* Shared by the vCPUs of a workstation; constant after msr_init() but for the hv_ fields. */
struct msr_workstation {
	u32 features; /* msr_features() */
	bool invariant_tsc;
	u64 tsc_hz, apic_hz;
	u64 efer_allowed;			       /* cpuid_efer_allowed() */
	u64 microcode, platform_id, arch_capabilities; /* the host's MSRs 8Bh, 17h, 10Ah; 0: none */
	u64 hv_guest_os_id, hv_hypercall, hv_tsc_invariant;
};

struct msr_rule;

/* Rules found lately, by register number. */
#define MSR_RECENT 8
struct msr_recent {
	u32 msr;
	const struct msr_rule *rule;
};

struct msr_cpu {
	struct msr_workstation *ws;
	const struct msr_ops *ops;
	void *hw;
	struct lapic *lapic;
	struct mtrr mtrr;
	u64 misc_enable;
	struct msr_recent recent[MSR_RECENT];
	u64 refused; /* accesses answered with #GP */
	u64 dropped; /* writes without effect that a guest may notice (TSC, microcode) */
};

void msr_init(struct msr_cpu *c, struct msr_workstation *ws, const struct msr_ops *ops, void *hw,
	      struct lapic *lapic);

/* An intercepted RDMSR or WRMSR. ERR_PERM: raise #GP(0), leave rip. */
__must_check int msr_read(struct msr_cpu *c, u32 msr, u64 *value);
__must_check int msr_write(struct msr_cpu *c, u32 msr, u64 value);
