#include "core/metal/asm.h"
#include "core/metal/vmx/handle.h"
#include "core/port.h"
#include "core/vmx/entry_check.h"

#define DR6_TRAPS 0x600full /* BS, BD and B3-B0, as the qualification of #DB has them */
#define DR7_GD	  (1ull << 13)
#define VECTOR_DB 1
#define VECTOR_MC 18

/* INS and OUTS (SDM 3 §28.2.1); what else there is to know is decoded. */
static void decode_io_string(struct vm_exit *e)
{
	u64 q = vmread(VMCS_EXIT_QUALIFICATION);

	e->io.width = (u8)((q & IO_SIZE) + 1);
	e->io.in = q & IO_IN;
	e->io.string = true;
	e->io.port = (u16)(q >> 16);
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
    [VMX_IO] = EXIT_IO + 1,
    /* An event whose frame or descriptor lies where there is no RAM cannot be delivered. */
    [VMX_EPT_VIOLATION] = EXIT_SHUTDOWN + 1,
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
		vmx_block_nmi_again();
	if (e->exception.vector == VECTOR_DB)
		finish_debug_exception(v, event);
}

/* ---- no entry --------------------------------------------------------------------------------- */

static u64 read_field(void *ctx, u32 field)
{
	return vmread_or_zero(field);
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
	u64 reason = vmread_or_zero(VMCS_EXIT_REASON);
	u64 error = vmread_or_zero(VMCS_INSTRUCTION_ERROR);
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
	e->raw.info1 = vmread_or_zero(VMCS_EXIT_QUALIFICATION);
	e->raw.info2 = error;
	if (vmcs_find_fault(&r, failed_area(how, error), &f))
		port_log(LOG_ERROR, "%s: cpu %u cannot be entered: %s is %#lx: %s", v->guest->name,
			 v->id, f.field, (unsigned long)f.value, f.rule);
	else
		port_log(LOG_ERROR, "%s: cpu %u cannot be entered, and no field looks wrong",
			 v->guest->name, v->id);
}

/* ---- entries that ended otherwise than handle.h expects ---------------------------------------- */

void vmx_decode_rare(struct vcpu *v, struct vmx_vcpu *s, u32 reason)
{
	struct vm_exit *e = &v->exit;
	u8 cause = reason < VMX_REASONS ? causes[reason] : 0;

	if (reason & EXIT_REASON_FAILED) {
		vmx_decode_failure(v, s, VMX_EXITED);
		return;
	}
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
	} else if (reason == VMX_IO) {
		decode_io_string(e);
	} else if (reason == VMX_NMI_WINDOW) {
		s->proc &= ~PROC_NMI_WINDOW;
		vmwrite(VMCS_PROC_CONTROLS, s->proc);
	}
}
