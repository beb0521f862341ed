#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/memory.h"
#include "core/metal/svm/svm.h"
#include "core/port.h"
#include "core/vcpu/msr.h"

#define MSR_EFER      0xc0000080
#define EFER_SVME     (1ull << 12)
#define MSR_VM_CR     0xc0010114
#define VM_CR_LOCK    (1ull << 3)
#define VM_CR_SVMDIS  (1ull << 4)
#define MSR_VM_HSAVE  0xc0010117
#define MSR_DE_CFG    0xc0011029
#define DE_CFG_LFENCE (1ull << 1)

#define IOPM_PAGES  3
#define MSRPM_PAGES 2

struct svm_features svm_features;
u64 svm_iopm, svm_msrpm_xapic, svm_msrpm_x2apic;

static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	cpuid(leaf, sub, out);
}

/* Not locked, it can simply be switched on (APM 2 §15.30.1). False: the firmware keeps it off. */
static bool svm_allowed(void)
{
	u64 vm_cr;

	if (!rdmsr_safe(MSR_VM_CR, &vm_cr) || !(vm_cr & VM_CR_SVMDIS))
		return true;
	return !(vm_cr & VM_CR_LOCK) && wrmsr_safe(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS);
}

bool svm_present(const char **why, const char **remedy)
{
	u32 r[4], max;

	cpuid(0x80000000, 0, r);
	max = r[0];
	cpuid(0x80000001, 0, r);
	if (max < 0x8000000a || !(r[2] >> 2 & 1)) {
		*why = "the processor offers no SVM (AMD-V)";
		*remedy = "Use a processor with AMD-V; under an emulator or another hypervisor, "
			  "switch nested SVM on";
		return false;
	}
	if (!svm_allowed()) {
		*why = "SVM is disabled and locked by the firmware (VM_CR.SVMDIS)";
		*remedy = "Switch on 'SVM Mode' (also called 'AMD-V' or 'Virtualization "
			  "Technology') in the firmware setup";
		return false;
	}
	cpuid(0x8000000a, 0, r);
	if (!(r[3] & 1)) {
		*why = "the processor has SVM without nested paging";
		*remedy = "Use a processor with nested paging (AMD family 10h or later)";
		return false;
	}
	svm_features.next_rip = r[3] >> 3 & 1;
	svm_features.vnmi = r[3] >> 25 & 1;
	cpuid(0x80000008, 0, r);
	svm_features.ibpb = r[1] >> 12 & 1;
	svm_features.spec_ctrl = (r[1] >> 14 & 1) || (r[1] >> 15 & 1) || (r[1] >> 24 & 1);
	return true;
}

/* A nested table's leaves are those of the processor's own tables (APM 2 §15.25.5). */
enum pt_leaf_max svm_leaf_max(void)
{
	u32 r[4];

	cpuid(0x80000001, 0, r);
	return r[3] >> 26 & 1 ? PT_LEAF_1G : PT_LEAF_2M;
}

/* The number of a register's pair of bits in the MSR permission map (APM 2 §15.11). */
static bool msrpm_index(u32 msr, u32 *pair)
{
	if (msr < 0x2000)
		*pair = msr;
	else if (msr >= 0xc0000000 && msr < 0xc0002000)
		*pair = 0x2000 + (msr - 0xc0000000);
	else if (msr >= 0xc0010000 && msr < 0xc0012000)
		*pair = 0x4000 + (msr - 0xc0010000);
	else
		return false;
	return true;
}

static void pass(void *ctx, u32 msr, bool read, bool write)
{
	u8 *map = ctx;
	u32 pair;

	if (!msrpm_index(msr, &pair))
		return;
	u32 shift = pair % 4 * 2;

	if (read)
		map[pair / 4] &= (u8) ~(1u << shift);
	if (write)
		map[pair / 4] &= (u8) ~(2u << shift);
}

static int make_msrpm(u32 features, u64 *out)
{
	paddr_t pa;
	int err = pool_run(&heap, MSRPM_PAGES, &pa);

	if (err)
		return err;
	memset(port_va(pa), 0xff, MSRPM_PAGES * PAGE_SIZE);
	msr_each_passed(features, pass, port_va(pa));
	*out = pa.v;
	return OK;
}

/* Once, on the first core: every port intercepted, every register but those the policy passes. */
static int make_maps(void)
{
	u32 features = msr_features(host_cpuid, NULL);
	paddr_t pa;
	int err = pool_run(&heap, IOPM_PAGES, &pa);

	if (err)
		return err;
	memset(port_va(pa), 0xff, IOPM_PAGES * PAGE_SIZE);
	svm_iopm = pa.v;
	err = make_msrpm(features, &svm_msrpm_xapic);
	return err ? err : make_msrpm(features | MSR_X2APIC, &svm_msrpm_x2apic);
}

/*
 * Guests are told that LFENCE serializes (msr_policy.c): make it so. Processors without the bit or
 * the register always do it.
 */
static void lfence_serializes(void)
{
	u64 de_cfg;

	if (rdmsr_safe(MSR_DE_CFG, &de_cfg) && !(de_cfg & DE_CFG_LFENCE) &&
	    !wrmsr_safe(MSR_DE_CFG, de_cfg | DE_CFG_LFENCE))
		port_log(LOG_WARN, "LFENCE cannot be made serializing on this processor");
}

int svm_core_start(struct cpu *c)
{
	if (!svm_iopm) {
		int err = make_maps();

		if (err)
			return err;
	}
	if (!svm_allowed())
		return ERR_UNSUPPORTED;
	lfence_serializes();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE, c->save_area.v);
	asm volatile("vmsave %0" : : "a"(c->host_state.v) : "memory");
	return OK;
}

void svm_core_stop(struct cpu *c)
{
	if (!(rdmsr(MSR_EFER) & EFER_SVME))
		return;
	asm volatile("stgi");
	wrmsr(MSR_VM_HSAVE, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}
