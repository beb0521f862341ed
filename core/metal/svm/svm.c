#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/smp.h"
#include "core/metal/svm/handle.h"
#include "core/port.h"
#include "core/vcpu/vcpu.h"

#define CR4_MCE	    (1ull << 6)
#define CR4_OSXSAVE (1ull << 18)
#define EFER_LMA    (1ull << 10)
#define EFER_SVME   (1ull << 12)
#define RFLAGS_TF   (1ull << 8)
#define CR0_PE	    1ull
#define DR6_BS	    (1ull << 14)
#define VECTOR_DB   1
#define ATTRIB_L    (1u << 9)
#define ATTRIB_DB   (1u << 10)
_Static_assert(ATTRIB_L << 1 == EFER_LMA, "the run loop looks at both bits at once");

#define MSR_SPEC_CTRL 0x48
#define MSR_PRED_CMD  0x49

/* One guest a core, so one address space id will do; 0 is the hypervisor's. */
#define GUEST_ASID 1

static struct svm_vcpu *hw(const struct vcpu *v)
{
	return v->hw;
}

static struct vmcb *block(const struct vcpu *v)
{
	return hw(v)->vmcb;
}

static void set_intercepts(struct vmcb *b)
{
	b->intercept_cr_write = 1u << 0 | 1u << 4;
	b->intercept_exceptions = 1u << 1 | 1u << 17 | 1u << 18;
	b->intercept1 = I1_NMI | I1_INIT | I1_RDPMC | I1_CPUID | I1_RSM | I1_INVD | I1_INVLPGA |
			I1_IOIO | I1_MSR | I1_SHUTDOWN;
	b->intercept2 = I2_VMRUN | I2_VMMCALL | I2_VMLOAD | I2_VMSAVE | I2_STGI | I2_CLGI |
			I2_SKINIT | I2_WBINVD | I2_XSETBV | I2_RDPRU;
	b->intercept3 = I3_INVLPGB | I3_INVLPGB_ILLEGAL | I3_MCOMMIT | I3_TLBSYNC;
}

static int svm_vcpu_init(struct vcpu *v, struct pool *grant)
{
	paddr_t page, state;
	int err = pool_page(grant, &page);

	if (!err)
		err = pool_page(grant, &state);
	if (err)
		return err;
	struct svm_vcpu *s = port_va(state);
	struct vmcb *b = port_va(page);

	v->hw = s;
	s->vmcb = b;
	s->vmcb_pa = page.v;
	set_intercepts(b);
	b->iopm = svm_iopm;
	b->msrpm = svm_msrpm_xapic;
	b->asid = GUEST_ASID;
	b->nested_control = NESTED_PAGING;
	b->nested_cr3 = v->guest->second_level.root.v;
	if (svm_features.vnmi)
		b->interrupt_control = V_NMI_ENABLE;
	return OK;
}

static void svm_vcpu_load(struct vcpu *v)
{
	if (svm_features.ibpb)
		wrmsr(MSR_PRED_CMD, 1);
	asm volatile("clgi" : : : "memory");
	block(v)->tlb_control = TLB_FLUSH_ALL;
}

static void svm_vcpu_unload(struct vcpu *v)
{
	if (svm_features.spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, 0);
	if (svm_features.ibpb)
		wrmsr(MSR_PRED_CMD, 1);
	cpu_clear_guest_registers();
	asm volatile("stgi" : : : "memory");
}

static void svm_write(struct vcpu *v, enum virt_reg r, u64 value)
{
	struct vmcb *b = block(v);

	switch (r) {
	case VIRT_CR2:
		b->cr2 = value;
		break;
	case VIRT_CR4:
		/* Machine checks are ours; a guest that did not ask for them must not see the bit. */
		b->cr4 = value | CR4_MCE;
		b->intercept_cr_read = value & CR4_MCE ? 0 : 1u << 4;
		b->tlb_control = TLB_FLUSH_ALL;
		break;
	case VIRT_CR0:
		b->cr0 = value;
		b->tlb_control = TLB_FLUSH_ALL;
		break;
	case VIRT_EFER:
		b->efer = value | EFER_SVME;
		b->tlb_control = TLB_FLUSH_ALL;
		break;
	default:
		break;
	}
}

/* GIF is 0 while a vCPU is loaded, and holds NMIs back. */
static void svm_sleep(u32 *request)
{
	asm volatile("stgi" : : : "memory");
	park_sleep(request);
	asm volatile("clgi" : : : "memory");
}

static struct vmcb_segment segment(const struct reset_segment *s)
{
	return (struct vmcb_segment){s->selector, s->attrib, s->limit, s->base};
}

static void svm_set_state(struct vcpu *v, const struct reset_state *r)
{
	struct vmcb *b = block(v);

	memcpy(v->gpr, r->gpr, sizeof(v->gpr));
	v->rip = r->rip;
	v->rflags = r->rflags;
	v->moved = false;
	v->view.xcr0 = r->xcr0;
	v->view.cr4 = r->cr4;
	if (read_cr4() & CR4_OSXSAVE)
		write_xcr0(r->xcr0);
	b->rip = r->rip;
	b->rflags = r->rflags;
	b->cr0 = r->cr0;
	b->cr2 = r->cr2;
	b->cr3 = r->cr3;
	b->dr6 = r->dr6;
	b->dr7 = r->dr7;
	b->g_pat = r->pat;
	for (u32 i = 0; i < SEG_COUNT; i++)
		b->seg[i] = segment(&r->seg[i]);
	b->gdtr = segment(&r->gdtr);
	b->idtr = segment(&r->idtr);
	b->ldtr = segment(&r->ldtr);
	b->tr = segment(&r->tr);
	b->cpl = 0;
	b->star = b->lstar = b->cstar = b->sfmask = b->kernel_gs_base = 0;
	b->sysenter_cs = b->sysenter_esp = b->sysenter_eip = 0;
	b->debug_control = 0;
	b->interrupt_shadow = 0;
	b->event_injection = 0;
	b->interrupt_control &= ~(V_NMI_PENDING | V_NMI_MASK);
	b->intercept1 &= ~I1_IRET;
	hw(v)->nmi_masked = hw(v)->nmi_step = false;
	hw(v)->spec_ctrl = 0;
	svm_write(v, VIRT_CR4, r->cr4);
	svm_write(v, VIRT_EFER, r->efer);
}

static void svm_inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	block(v)->event_injection = EVENT_VALID | EVENT_EXCEPTION | vector |
				    (has_error ? EVENT_ERROR | (u64)error << 32 : 0);
}

/* An instruction was carried out for the guest: what follows any instruction follows it too. */
static void finish_move(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b)
{
	v->moved = false;
	b->rip = v->rip;
	b->rflags = v->rflags;
	b->interrupt_shadow &= ~1ull;
	if (!(b->rflags & RFLAGS_TF))
		return;
	if (s->nmi_step) {
		s->nmi_step = s->nmi_masked = false;
		b->rflags &= ~RFLAGS_TF;
	} else if (!(b->event_injection & EVENT_VALID)) {
		b->dr6 |= DR6_BS;
		svm_inject(v, VECTOR_DB, false, 0);
	}
}

static void svm_run(struct vcpu *v, const u32 *request)
{
	struct svm_vcpu *s = hw(v);
	struct vmcb *b = s->vmcb;
	u64 host = v->cpu->host_state.v;
	const bool spec_ctrl = svm_features.spec_ctrl;
	static const u32 once = 1;

	if (!vcpu_enter(v, request))
		return;
	/* Who posts an NMI makes a request. One that waits for its window is offered after each exit. */
	if (__atomic_load_n(&v->nmi_pending, __ATOMIC_RELAXED))
		request = &once;
	do {
		if (v->moved)
			finish_move(v, s, b);
		b->rax = v->gpr[GPR_AX];
		b->rsp = v->gpr[GPR_SP];
		if (spec_ctrl)
			wrmsr(MSR_SPEC_CTRL, s->spec_ctrl);
		svm_enter(v->gpr, s->vmcb_pa, host);
		vcpu_left(v);
		if (spec_ctrl) {
			s->spec_ctrl = rdmsr(MSR_SPEC_CTRL);
			wrmsr(MSR_SPEC_CTRL, 0);
		}
		b->event_injection = 0;
		b->tlb_control = TLB_KEEP;
		v->gpr[GPR_AX] = b->rax;
		v->gpr[GPR_SP] = b->rsp;
		v->rip = b->rip;
		v->rflags = b->rflags;
		v->cr3 = b->cr3;
		v->long_mode = b->seg[SEG_CS].attrib << 1 & (u32)b->efer & EFER_LMA;
		svm_handle_exit(v, s, b);
	} while (vcpu_enter(v, request));
}

static u64 svm_read(struct vcpu *v, enum virt_reg r)
{
	const struct vmcb *b = block(v);

	switch (r) {
	case VIRT_CR0:
		return b->cr0;
	case VIRT_CR2:
		return b->cr2;
	case VIRT_CR3:
		return b->cr3;
	case VIRT_CR4:
		return v->view.cr4;
	case VIRT_EFER:
		return b->efer & ~EFER_SVME;
	}
	return 0;
}

static enum insn_mode svm_code_mode(struct vcpu *v)
{
	const struct vmcb *b = block(v);

	if ((b->seg[SEG_CS].attrib & ATTRIB_L) && (b->efer & EFER_LMA))
		return INSN_64;
	return (b->seg[SEG_CS].attrib & ATTRIB_DB) && (b->cr0 & CR0_PE) ? INSN_32 : INSN_16;
}

static u64 svm_seg_base(struct vcpu *v, enum insn_seg seg)
{
	if (svm_code_mode(v) == INSN_64 && seg != SEG_FS && seg != SEG_GS)
		return 0;
	return block(v)->seg[seg].base;
}

static u8 svm_cpl(struct vcpu *v)
{
	return block(v)->cpl;
}

static void svm_set_xcr0(struct vcpu *v, u64 xcr0)
{
	write_xcr0(xcr0);
}

static bool svm_nmi_open(struct vcpu *v)
{
	const struct vmcb *b = block(v);

	if (svm_features.vnmi)
		return !(b->interrupt_control & V_NMI_PENDING);
	return !hw(v)->nmi_masked && !(b->event_injection & EVENT_VALID) &&
	       !(b->interrupt_shadow & 1);
}

static void svm_inject_nmi(struct vcpu *v)
{
	struct vmcb *b = block(v);

	if (svm_features.vnmi) {
		b->interrupt_control |= V_NMI_PENDING;
		return;
	}
	b->event_injection = EVENT_VALID | EVENT_NMI | 2;
	b->intercept1 |= I1_IRET;
	hw(v)->nmi_masked = true;
}

/*
 * Masked: the IRET intercept and the step after it bring the vCPU back. Held up by an interrupt
 * shadow or another event: step one instruction.
 */
static void svm_want_nmi_window(struct vcpu *v)
{
	struct vmcb *b = block(v);

	if (svm_features.vnmi || hw(v)->nmi_masked)
		return;
	hw(v)->nmi_step = true;
	b->rflags |= RFLAGS_TF;
}

static void svm_set_apic_mode(struct vcpu *v, enum lapic_mode mode)
{
	block(v)->msrpm = mode == LAPIC_X2APIC ? svm_msrpm_x2apic : svm_msrpm_xapic;
}

static void svm_flush(struct vcpu *v)
{
	block(v)->tlb_control = TLB_FLUSH_ALL;
}

const struct virt_ops svm_ops = {
    .name = "SVM",
    .format = &pt_format_npt,
    .present = svm_present,
    .leaf_max = svm_leaf_max,
    .core_start = svm_core_start,
    .core_stop = svm_core_stop,
    .vcpu_init = svm_vcpu_init,
    .vcpu_load = svm_vcpu_load,
    .vcpu_unload = svm_vcpu_unload,
    .set_state = svm_set_state,
    .sleep = svm_sleep,
    .run = svm_run,
    .read = svm_read,
    .write = svm_write,
    .code_mode = svm_code_mode,
    .seg_base = svm_seg_base,
    .cpl = svm_cpl,
    .set_xcr0 = svm_set_xcr0,
    .inject = svm_inject,
    .nmi_open = svm_nmi_open,
    .inject_nmi = svm_inject_nmi,
    .want_nmi_window = svm_want_nmi_window,
    .set_apic_mode = svm_set_apic_mode,
    .flush = svm_flush,
};
