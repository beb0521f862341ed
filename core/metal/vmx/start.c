#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/memory.h"
#include "core/metal/vmx/vmx.h"
#include "core/port.h"
#include "core/vcpu/msr.h"
#include "core/vmx/vmcs.h"

#define CR4_VMXE (1ull << 13)
#define MSR_XSS	 0xda0

#define MSR_ARCH_CAPABILITIES 0x10a

struct vmx_features vmx_features;
u64 vmx_bitmap_xapic, vmx_bitmap_x2apic;

static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	cpuid(leaf, sub, out);
}

/* A register may be missing where a bit of another says so; then it has nothing to allow. */
static u64 capability(u32 msr)
{
	u64 v;

	return rdmsr_safe(msr, &v) ? v : 0;
}

static void read_host(struct vmx_host *h)
{
	u32 r[4];

	*h = (struct vmx_host){0};
	cpuid(1, 0, r);
	h->vmx = r[2] >> 5 & 1;
	if (!h->vmx)
		return;
	h->feature_control = capability(MSR_FEATURE_CONTROL);
	h->proc = capability(MSR_VMX_PROC);
	for (u32 i = 0; i < CAPABILITIES; i++)
		h->cap[i] = capability(vmx_capability_msrs[i]);
}

bool vmx_present(const char **why, const char **remedy)
{
	struct vmx_features *f = &vmx_features;
	struct vmx_refusal no;
	u32 r[4], features;

	read_host(&f->host);
	if (vmx_controls_make(&f->host, &f->controls, &no)) {
		*why = no.why;
		*remedy = no.remedy;
		return false;
	}
	features = msr_features(host_cpuid, NULL);
	f->spec_ctrl = features & MSR_SPEC_CTRL;
	f->ibpb = features & MSR_PRED_CMD;
	f->tsc_aux = features & MSR_TSC_AUX;
	f->xsaves = features & MSR_XSAVES;
	cpuid(0, 0, r);
	if (r[0] >= 7) {
		cpuid(7, 0, r);
		f->leaks = vmx_leaks_of(
		    r[3], features & MSR_ARCH_CAP ? capability(MSR_ARCH_CAPABILITIES) : 0);
	}
	cpuid(0x80000008, 0, r);
	f->phys_bits = (u8)r[0];
	return true;
}

enum pt_leaf_max vmx_leaf_max(void)
{
	return vmx_features.controls.large_1g ? PT_LEAF_1G : PT_LEAF_2M;
}

/*
 * The MSR bitmap (SDM 3 §25.6.9): reads of low and high registers, then writes of them, 1 KiB each;
 * what is in neither range always exits.
 */
static void pass(void *ctx, u32 msr, bool read, bool write)
{
	u8 *map = ctx;

	if (msr >= 0xc0000000)
		map += 1024;
	if ((msr & 0x3fffffff) >= 0x2000)
		return;
	u32 n = msr & 0x1fff;

	if (read)
		map[n / 8] &= (u8) ~(1u << n % 8);
	if (write)
		map[2048 + n / 8] &= (u8) ~(1u << n % 8);
}

static int make_bitmap(u32 features, u64 *out)
{
	paddr_t pa;
	int err = pool_page(&heap, &pa);

	if (err)
		return err;
	memset(port_va(pa), 0xff, PAGE_SIZE);
	msr_each_passed(features, pass, port_va(pa));
	*out = pa.v;
	return OK;
}

/* Once, on the first core. */
static int make_bitmaps(void)
{
	u32 features = msr_features(host_cpuid, NULL);
	int err = make_bitmap(features, &vmx_bitmap_xapic);

	return err ? err : make_bitmap(features | MSR_X2APIC, &vmx_bitmap_x2apic);
}

/* What the first core's controls were computed from must hold on this one too. */
static bool same_as_first(void)
{
	struct vmx_controls mine;
	struct vmx_refusal no;
	struct vmx_host h;

	read_host(&h);
	return !vmx_controls_make(&h, &mine, &no) &&
	       vmx_controls_same(&mine, &vmx_features.controls) &&
	       h.cap[CAP_BASIC] == vmx_features.host.cap[CAP_BASIC];
}

/* Firmware that left it open is spared a trip to its setup (SDM 3 §24.7). */
static bool unlock(void)
{
	u64 fc = capability(MSR_FEATURE_CONTROL);

	if (fc & FEATURE_LOCKED)
		return fc & FEATURE_VMXON;
	return wrmsr_safe(MSR_FEATURE_CONTROL, fc | FEATURE_LOCKED | FEATURE_VMXON);
}

int vmx_core_start(struct cpu *c)
{
	const struct vmx_controls *k = &vmx_features.controls;
	u32 *region = port_va(c->save_area);

	if (!vmx_bitmap_xapic) {
		int err = make_bitmaps();

		if (err)
			return err;
	}
	if (!same_as_first()) {
		port_log(LOG_ERROR, "core %u: its VMX differs from the first core's", c->apic_id);
		return ERR_UNSUPPORTED;
	}
	if (!unlock()) {
		port_log(LOG_ERROR, "core %u: VMX is locked off (FEATURE_CONTROL)", c->apic_id);
		return ERR_UNSUPPORTED;
	}
	/* Guests' CR0 and the hypervisor's differ in PE and PG alone in what is fixed. */
	write_cr0(read_cr0() | k->cr0_always);
	write_cr4(read_cr4() | CR4_VMXE);
	*region = BASIC_REVISION(vmx_features.host.cap[CAP_BASIC]);
	if (!vmxon(c->save_area.v)) {
		port_log(LOG_ERROR, "core %u: VMXON fails", c->apic_id);
		write_cr4(read_cr4() & ~CR4_VMXE);
		return ERR_UNSUPPORTED;
	}
	if (vmx_features.xsaves)
		wrmsr(MSR_XSS, 0);
	/* Nothing of an earlier life of this core, a warm reset's included. */
	invept(INV_ALL, 0);
	invvpid(INV_ALL, 0);
	return OK;
}

void vmx_core_stop(struct cpu *c)
{
	if (!(read_cr4() & CR4_VMXE))
		return;
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
}
