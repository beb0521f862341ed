#include "core/metal/asm.h"
#include "core/metal/vmx/vmx.h"
#include "core/port.h"
#include "core/vcpu/vcpu.h"
#include "core/vmx/entry_check.h"

#define MSR_APIC_BASE	0x1b
#define MSR_X2APIC_BASE 0x800
#define MSR_ICR		(MSR_X2APIC_BASE + LAPIC_ICR)

#define DR6_TRAPS  0x600full /* BS, BD and B3-B0, as the qualification of #DB has them */
#define DR7_GD	   (1ull << 13)
#define VECTOR_DB  1
#define VECTOR_MC  18
#define QUAL_WRITE (1u << 1)
#define QUAL_FETCH (1u << 2)

/* Exit qualification of an I/O instruction (SDM 3 §28.2.1). */
static void decode_io(const struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmread(VMCS_EXIT_QUALIFICATION);

	e->io.width = (u8)((q & 7) + 1);
	e->io.in = q >> 3 & 1;
	e->io.string = q >> 4 & 1;
	e->io.port = (u16)(q >> 16);
	e->io.next_rip = v->rip + vmread(VMCS_EXIT_LENGTH);
}

static enum exit_cause write_cause(u32 msr)
{
	if (msr == MSR_ICR)
		return EXIT_IPI;
	return msr - MSR_X2APIC_BASE < 0x100 || msr == MSR_APIC_BASE ? EXIT_APIC : EXIT_MSR_WRITE;
}

/* Exit reasons as causes plus one. */
static const u8 causes[VMX_REASONS] = {
    [VMX_TRIPLE_FAULT] = EXIT_SHUTDOWN + 1,
    [VMX_NMI_WINDOW] = EXIT_IRET + 1,
    [VMX_GETSEC] = EXIT_REFUSED + 1,
    [VMX_INVD] = EXIT_CACHE + 1,
    [VMX_RDPMC] = EXIT_REFUSED + 1,
    [VMX_RSM] = EXIT_REFUSED + 1,
    [VMX_VMCALL... VMX_VMXON] = EXIT_REFUSED + 1,
    [VMX_CR] = EXIT_CR + 1,
    [VMX_INVEPT] = EXIT_REFUSED + 1,
    [VMX_INVVPID] = EXIT_REFUSED + 1,
    [VMX_WBINVD] = EXIT_CACHE + 1,
    [VMX_XSETBV] = EXIT_XSETBV + 1,
    [VMX_VMFUNC] = EXIT_REFUSED + 1,
    [VMX_ENCLS] = EXIT_REFUSED + 1,
};

/*
 * An exit in the middle of an event's delivery: the event comes again at the next entry, unless the
 * handling injects another one, which is then what the guest sees first (SDM 3 §28.2.4).
 */
static void keep_event(void)
{
	u64 event = vmread(VMCS_VECTORING_EVENT), shadow;

	if (!(event & VMEVENT_VALID))
		return;
	if ((event & VMEVENT_TYPE) == VMEVENT_NMI) {
		shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY);
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, shadow & ~(u64)BLOCKED_NMI);
	}
	if (event & VMEVENT_ERROR_CODE)
		vmwrite(VMCS_ENTRY_ERROR_CODE, vmread(VMCS_VECTORING_ERROR_CODE));
	vmwrite(VMCS_ENTRY_LENGTH, vmread(VMCS_EXIT_LENGTH));
	vmwrite(VMCS_ENTRY_EVENT, event & ~(u64)VMEVENT_NMI_UNBLOCKED);
}

/* An IRET ended the blocking of NMIs and then faulted: it begins again, and so does the blocking. */
static void block_nmi_again(void)
{
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_NMI);
}

/* #DB changed nothing but the exit qualification: do what its delivery would have (§28.1). */
static void finish_debug_exception(struct vcpu *v, u64 event)
{
	u64 dr6, traps = vmread(VMCS_EXIT_QUALIFICATION) & DR6_TRAPS;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	asm volatile("mov %0, %%dr6" : : "r"((dr6 & ~0xfull) | traps));
	vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~DR7_GD);
	if ((event & VMEVENT_TYPE) ==
	    VMEVENT_PRIVILEGED) { /* INT1: the return address is behind it */
		v->rip += vmread(VMCS_EXIT_LENGTH);
		vmwrite(VMCS_GUEST_RIP, v->rip);
	}
}

static void decode_exception(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	u64 event = vmread(VMCS_EXIT_EVENT);

	if ((event & VMEVENT_TYPE) == VMEVENT_NMI) {
		e->cause = EXIT_NMI;
		/* The exit took it and blocks further ones: the handler's IRET opens again. */
		asm volatile("int $2" : : : "memory");
		return;
	}
	e->cause = EXIT_EXCEPTION;
	e->exception.vector = (u8)event;
	e->exception.has_error = event & VMEVENT_ERROR_CODE;
	e->exception.error = (u32)vmread(VMCS_EXIT_ERROR_CODE);
	keep_event();
	if (event & VMEVENT_NMI_UNBLOCKED && !(vmread(VMCS_VECTORING_EVENT) & VMEVENT_VALID))
		block_nmi_again();
	if (e->exception.vector == VECTOR_DB)
		finish_debug_exception(v, event);
}

static void decode_violation(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	u64 q = vmread(VMCS_EXIT_QUALIFICATION);

	/* An event whose frame or descriptor lies where there is no RAM cannot be delivered. */
	if (vmread(VMCS_VECTORING_EVENT) & VMEVENT_VALID) {
		e->cause = EXIT_SHUTDOWN;
		return;
	}
	if (q & VMEVENT_NMI_UNBLOCKED)
		block_nmi_again();
	e->cause = EXIT_MMIO;
	e->mmio.gpa = GPA(vmread(VMCS_GUEST_PHYSICAL));
	e->mmio.write = q & QUAL_WRITE;
	e->mmio.fetch = q & QUAL_FETCH;
}

static __attribute__((noinline)) void decode_rare(struct vcpu *v, struct vmx_vcpu *s, u32 reason)
{
	struct vm_exit *e = &v->exit;
	u8 cause = reason < VMX_REASONS ? causes[reason] : 0;

	e->len = (u8)vmread(VMCS_EXIT_LENGTH);
	if (reason == VMX_EXCEPTION) {
		decode_exception(v);
		return;
	}
	if (!cause) {
		e->cause = EXIT_OTHER;
		e->raw.code = reason;
		e->raw.info1 = vmread(VMCS_EXIT_QUALIFICATION);
		e->raw.info2 = vmread(VMCS_GUEST_PHYSICAL);
		return;
	}
	e->cause = (enum exit_cause)(cause - 1);
	if (reason == VMX_CR) {
		e->cr.number = vmread(VMCS_EXIT_QUALIFICATION) & 0xf;
		e->cr.write = true;
	} else if (reason == VMX_NMI_WINDOW) {
		s->proc &= ~PROC_NMI_WINDOW;
		vmwrite(VMCS_PROC_CONTROLS, s->proc);
	}
}

/* ---- no entry --------------------------------------------------------------------------------- */

static u64 read_field(void *ctx, u32 field)
{
	return vmread(field);
}

/* Instruction errors 7 and 8 (SDM 3 §31.4), and exit reason 33. */
static u32 failed_area(enum vmx_how how, u64 error)
{
	if (how == VMX_EXITED)
		return VMCS_AREA_GUEST;
	return error == 7   ? VMCS_AREA_CONTROLS
	       : error == 8 ? VMCS_AREA_HOST
			    : VMCS_AREA_CONTROLS | VMCS_AREA_HOST;
}

void vmx_decode_failure(struct vcpu *v, struct vmx_vcpu *s, enum vmx_how how)
{
	const struct vmcs_reader r = {
	    .read = read_field, .host = &vmx_features.host, .phys_bits = vmx_features.phys_bits};
	u64 reason = vmread(VMCS_EXIT_REASON), error = vmread(VMCS_INSTRUCTION_ERROR);
	struct vm_exit *e = &v->exit;
	struct vmcs_fault f;

	if (how == VMX_EXITED && (u16)reason == VMX_MACHINE_CHECK) {
		e->cause = EXIT_EXCEPTION;
		e->exception.vector = VECTOR_MC;
		e->exception.has_error = false;
		return;
	}
	e->cause = EXIT_OTHER;
	e->raw.code = reason;
	e->raw.info1 = vmread(VMCS_EXIT_QUALIFICATION);
	e->raw.info2 = error;
	if (vmcs_find_fault(&r, failed_area(how, error), &f))
		port_log(LOG_ERROR, "%s: cpu %u cannot be entered: %s is %#lx: %s", v->guest->name,
			 v->id, f.field, (unsigned long)f.value, f.rule);
	else
		port_log(LOG_ERROR, "%s: cpu %u cannot be entered, and no field looks wrong",
			 v->guest->name, v->id);
}

/* The four that matter for speed come first, then the table. */
void vmx_decode_exit(struct vcpu *v, struct vmx_vcpu *s)
{
	struct vm_exit *e = &v->exit;
	u32 reason = (u32)vmread(VMCS_EXIT_REASON);

	if (reason == VMX_WRMSR) {
		e->len = (u8)vmread(VMCS_EXIT_LENGTH);
		e->cause = write_cause((u32)v->gpr[GPR_CX]);
	} else if (reason == VMX_RDMSR) {
		e->len = (u8)vmread(VMCS_EXIT_LENGTH);
		e->cause = EXIT_MSR_READ;
	} else if (reason == VMX_IO) {
		e->cause = EXIT_IO;
		decode_io(v, e);
	} else if (reason == VMX_CPUID) {
		e->len = (u8)vmread(VMCS_EXIT_LENGTH);
		e->cause = EXIT_CPUID;
	} else if (reason == VMX_EPT_VIOLATION) {
		decode_violation(v);
	} else if (reason & EXIT_REASON_FAILED) {
		vmx_decode_failure(v, s, VMX_EXITED);
	} else {
		decode_rare(v, s, reason);
	}
}
