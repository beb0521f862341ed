#include "core/base/err.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/layout.h"
#include "core/metal/smp.h"
#include "core/metal/vmx/handle.h"
#include "core/port.h"

#define CR0_PE		  1ull
#define CR0_NW_CD	  (3ull << 29)
#define CR4_MCE		  (1ull << 6)
#define EFER_LMA	  (1ull << 10)
#define RFLAGS_TF	  (1ull << 8)
#define DEBUGCTL_BTF	  2ull
#define MSR_SPEC_CTRL_MSR 0x48
#define MSR_PRED_CMD_MSR  0x49
#define MSR_FLUSH_CMD_MSR 0x10b
_Static_assert(RIGHTS_L >> 4 == VMENTRY_LONG_MODE, "the run loop looks at both bits at once");

static struct vmx_vcpu *hw(const struct vcpu *v)
{
	return v->hw;
}

static int vcpu_init(struct vcpu *v, struct pool *grant)
{
	paddr_t page, state;
	int err = pool_page(grant, &page);

	if (!err)
		err = pool_page(grant, &state);
	if (err)
		return err;
	struct vmx_vcpu *s = port_va(state);

	v->hw = s;
	s->vmcs = page.v;
	s->eptp = v->guest->second_level.root.v | vmx_features.controls.eptp_bits;
	*(u32 *)port_va(page) = BASIC_REVISION(vmx_features.host.cap[CAP_BASIC]);
	return OK;
}

static void vcpu_load(struct vcpu *v)
{
	struct vmx_vcpu *s = hw(v);

	if (vmx_features.ibpb)
		wrmsr(MSR_PRED_CMD_MSR, 1);
	/* A core's structure was cleared when its last guest left, so this cannot fail. */
	if (!vmclear(s->vmcs) || !vmptrld(s->vmcs))
		port_log(LOG_ERROR, "%s: cpu %u: its control structure is not accepted",
			 v->guest->name, v->id);
	s->loaded = true;
	s->entry.launched = 0;
	s->stale |= BEFORE_FLUSH_VPID | BEFORE_FLUSH_EPT;
	vmx_write_controls(v, s);
	vmx_write_host(s);
}

static u64 read_cr(const struct vmx_vcpu *s)
{
	u64 real = vmread(VMCS_GUEST_CR0), shadow = vmread(VMCS_CR0_SHADOW);

	return (real & ~s->cr0_mask) | (shadow & s->cr0_mask);
}

static u64 vmx_read(struct vcpu *v, enum virt_reg r)
{
	const struct vmx_vcpu *s = hw(v);

	if (!s->loaded)
		return s->last[r];
	switch (r) {
	case VIRT_CR0:
		return read_cr(s);
	case VIRT_CR2:
		return read_cr2();
	case VIRT_CR3:
		return vmread(VMCS_GUEST_CR3);
	case VIRT_CR4:
		return v->view.cr4;
	case VIRT_EFER:
		return vmread(VMCS_GUEST_EFER);
	}
	return 0;
}

/* The structure lies in the workstation's grant: what the processor keeps of it goes there now. */
static void vcpu_unload(struct vcpu *v)
{
	struct vmx_vcpu *s = hw(v);

	for (u32 r = 0; r < ARRAY_SIZE(s->last); r++)
		s->last[r] = vmx_read(v, (enum virt_reg)r);
	s->loaded = false;
	if (!vmclear(s->vmcs))
		port_log(LOG_ERROR, "%s: cpu %u: its control structure cannot be put down",
			 v->guest->name, v->id);
	if (vmx_features.spec_ctrl)
		wrmsr(MSR_SPEC_CTRL_MSR, 0);
	if (vmx_features.ibpb)
		wrmsr(MSR_PRED_CMD_MSR, 1);
	cpu_clear_guest_registers();
}

static void write_efer(struct vmx_vcpu *s, u64 value)
{
	u32 controls = s->entry_controls & ~VMENTRY_LONG_MODE;

	if (value & EFER_LMA)
		controls |= VMENTRY_LONG_MODE;
	vmwrite(VMCS_GUEST_EFER, value);
	if (controls != s->entry_controls) {
		s->entry_controls = controls;
		vmwrite(VMCS_ENTRY_CONTROLS, controls);
	}
}

static void vmx_write(struct vcpu *v, enum virt_reg r, u64 value)
{
	const struct vmx_controls *k = &vmx_features.controls;
	struct vmx_vcpu *s = hw(v);

	switch (r) {
	case VIRT_CR0:
		/* A guest's CD and NW would slow the hypervisor down: an exit does not change them. */
		vmwrite(VMCS_CR0_SHADOW, value);
		vmwrite(VMCS_GUEST_CR0, ((value & ~CR0_NW_CD) | k->cr0_always) & ~k->cr0_never);
		break;
	case VIRT_CR2:
		write_cr2(value);
		return;
	case VIRT_CR4:
		/* Machine checks are ours; a guest that did not ask for them does not see the bit. */
		vmwrite(VMCS_CR4_SHADOW, value);
		vmwrite(VMCS_GUEST_CR4, (value | CR4_MCE | k->cr4_always) & ~k->cr4_never);
		break;
	case VIRT_EFER:
		write_efer(s, value);
		break;
	default:
		return;
	}
	s->stale |= BEFORE_FLUSH_VPID | BEFORE_PDPTES;
}

static void vmx_sleep(u32 *request)
{
	park_sleep(request);
}

static void inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	u64 shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY);

	/* The delivery ends what MOV SS or STI began, and the check of TF against it with that. */
	if (shadow & (SHADOW_STI | SHADOW_MOV_SS))
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, shadow & ~(u64)(SHADOW_STI | SHADOW_MOV_SS));
	if (vmread(VMCS_GUEST_ACTIVITY) != ACTIVITY_ACTIVE)
		vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	/* In real mode an exception pushes no error code (SDM 3 §25.8.3). */
	if (has_error && vmread(VMCS_GUEST_CR0) & CR0_PE) {
		vmwrite(VMCS_ENTRY_ERROR_CODE, error);
		vmwrite(VMCS_ENTRY_EVENT,
			VMEVENT_VALID | VMEVENT_EXCEPTION | VMEVENT_ERROR_CODE | vector);
	} else {
		vmwrite(VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_EXCEPTION | vector);
	}
}

/* An instruction was carried out for the guest: what follows any instruction follows it too. */
static void finish_move(struct vcpu *v)
{
	u64 shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY);

	v->moved = false;
	vmwrite(VMCS_GUEST_RIP, v->rip);
	vmwrite(VMCS_GUEST_RFLAGS, v->rflags);
	if (shadow & (SHADOW_STI | SHADOW_MOV_SS))
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, shadow & ~(u64)(SHADOW_STI | SHADOW_MOV_SS));
	if (v->rflags & RFLAGS_TF && !(vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmwrite(VMCS_GUEST_PENDING_DEBUG,
			vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_STEP);
}

static __attribute__((noinline)) void before_entry(struct vcpu *v, struct vmx_vcpu *s)
{
	const struct vmx_controls *k = &vmx_features.controls;

	if (s->stale & BEFORE_PDPTES)
		vmx_load_pdptes(v);
	if (s->stale & BEFORE_FLUSH_EPT)
		invept(k->invept_single ? INV_SINGLE : INV_ALL, s->eptp);
	if (s->stale & (BEFORE_FLUSH_VPID | BEFORE_FLUSH_EPT))
		invvpid(k->invvpid_single ? INV_SINGLE : INV_ALL, GUEST_VPID);
	s->stale = 0;
}

/* The flush of L1D clears the other buffers too, where it is there with microcode that does. */
static __attribute__((noinline)) void empty(struct vmx_leaks leaks)
{
	const u16 data = SEL_DATA;

	if (leaks.l1d)
		wrmsr(MSR_FLUSH_CMD_MSR, 1);
	if (leaks.buffers)
		asm volatile("verw %0" : : "m"(data) : "cc");
}

static void vmx_run(struct vcpu *v, const u32 *request)
{
	struct vmx_vcpu *s = hw(v);
	const bool spec_ctrl = vmx_features.spec_ctrl;
	const struct vmx_leaks leaks = vmx_features.leaks;
	const bool leaky = leaks.l1d | leaks.buffers;
	static const u32 once = 1;

	if (!vcpu_enter(v, request))
		return;
	s->entry.request = request;
	/* Who posts an NMI makes a request. One that waits for its window is offered after each exit. */
	if (__atomic_load_n(&v->nmi_pending, __ATOMIC_RELAXED))
		request = &once;
	do {
		enum vmx_how how;

		if (v->moved)
			finish_move(v);
		if (v->gpr[GPR_SP] != s->rsp)
			vmwrite(VMCS_GUEST_RSP, v->gpr[GPR_SP]);
		if (s->stale)
			before_entry(v, s);
		if (spec_ctrl)
			wrmsr(MSR_SPEC_CTRL_MSR, s->spec_ctrl);
		if (leaky)
			empty(leaks);
		how = vmx_enter(v->gpr, &s->entry);
		vcpu_left(v);
		if (spec_ctrl) {
			s->spec_ctrl = rdmsr(MSR_SPEC_CTRL_MSR);
			wrmsr(MSR_SPEC_CTRL_MSR, 0);
		}
		if (how == VMX_STAYED)
			continue;
		v->rip = vmread(VMCS_GUEST_RIP);
		v->rflags = vmread(VMCS_GUEST_RFLAGS);
		v->cr3 = vmread(VMCS_GUEST_CR3);
		v->gpr[GPR_SP] = s->rsp = vmread(VMCS_GUEST_RSP);
		v->long_mode =
		    vmread(VMCS_GUEST_CS_RIGHTS) >> 4 & s->entry_controls & VMENTRY_LONG_MODE;
		if (how == VMX_EXITED) {
			s->entry.launched = 1;
			vmx_handle_exit(v, s);
		} else {
			vmx_decode_failure(v, s, how);
			vcpu_handle_exit(v);
		}
	} while (vcpu_enter(v, request));
}

static enum insn_mode code_mode(struct vcpu *v)
{
	u64 cs = vmread(VMCS_GUEST_CS_RIGHTS);

	if (cs & RIGHTS_L && hw(v)->entry_controls & VMENTRY_LONG_MODE)
		return INSN_64;
	return cs & RIGHTS_DB && vmread(VMCS_GUEST_CR0) & CR0_PE ? INSN_32 : INSN_16;
}

static u64 seg_base(struct vcpu *v, enum insn_seg seg)
{
	if (code_mode(v) == INSN_64 && seg != SEG_FS && seg != SEG_GS)
		return 0;
	return vmread(VMCS_GUEST_ES_BASE + 2 * seg);
}

/* The privilege level is SS's, except in real mode, where that is 0 all the same. */
static u8 cpl(struct vcpu *v)
{
	return vmread(VMCS_GUEST_SS_RIGHTS) >> 5 & 3;
}

static void set_xcr0(struct vcpu *v, u64 xcr0)
{
	write_xcr0(xcr0);
}

/* STI's shadow may hold NMIs back or not, as the processor likes (SDM 3 §7.8.3): here it does not. */
static bool nmi_open(struct vcpu *v)
{
	return !(vmread(VMCS_GUEST_INTERRUPTIBILITY) & (SHADOW_MOV_SS | BLOCKED_NMI)) &&
	       !(vmread(VMCS_ENTRY_EVENT) & VMEVENT_VALID);
}

static void inject_nmi(struct vcpu *v)
{
	u64 shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY);

	if (shadow & SHADOW_STI)
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, shadow & ~(u64)SHADOW_STI);
	vmwrite(VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_NMI | 2);
}

static void want_nmi_window(struct vcpu *v)
{
	struct vmx_vcpu *s = hw(v);

	s->proc |= PROC_NMI_WINDOW;
	vmwrite(VMCS_PROC_CONTROLS, s->proc);
}

static void set_apic_mode(struct vcpu *v, enum lapic_mode mode)
{
	vmwrite(VMCS_MSR_BITMAP, mode == LAPIC_X2APIC ? vmx_bitmap_x2apic : vmx_bitmap_xapic);
}

static void flush(struct vcpu *v)
{
	hw(v)->stale |= BEFORE_FLUSH_EPT;
}

const struct virt_ops vmx_ops = {
    .name = "VMX",
    .format = &pt_format_ept,
    .present = vmx_present,
    .leaf_max = vmx_leaf_max,
    .core_start = vmx_core_start,
    .core_stop = vmx_core_stop,
    .vcpu_init = vcpu_init,
    .vcpu_load = vcpu_load,
    .vcpu_unload = vcpu_unload,
    .set_state = vmx_set_state,
    .sleep = vmx_sleep,
    .run = vmx_run,
    .read = vmx_read,
    .write = vmx_write,
    .code_mode = code_mode,
    .seg_base = seg_base,
    .cpl = cpl,
    .set_xcr0 = set_xcr0,
    .inject = inject,
    .nmi_open = nmi_open,
    .inject_nmi = inject_nmi,
    .want_nmi_window = want_nmi_window,
    .set_apic_mode = set_apic_mode,
    .flush = flush,
};
