/* From a control structure to the handling of an exit: what is on the way of each. The rest is in exit.c. */
#pragma once

#include "core/metal/vmx/vmx.h"
#include "core/vcpu/vcpu.h"

/* Exit qualifications of an I/O instruction (SDM 3 §28.2.1) and of an EPT violation. */
#define IO_SIZE	  7u
#define IO_IN	  (1u << 3)
#define IO_STRING (1u << 4)
#define EPT_WRITE (1u << 1)
#define EPT_FETCH (1u << 2)

/* An IRET ended the blocking of NMIs and then faulted: it begins again, and so does the blocking. */
static inline void vmx_block_nmi_again(void)
{
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_NMI);
}

static inline void vmx_handle_violation(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	u64 q = vmread(VMCS_EXIT_QUALIFICATION);

	if (q & VMEVENT_NMI_UNBLOCKED)
		vmx_block_nmi_again();
	e->mmio.gpa = GPA(vmread(VMCS_GUEST_PHYSICAL));
	e->mmio.write = q & EPT_WRITE;
	e->mmio.fetch = q & EPT_FETCH;
	vcpu_note_exit(v, EXIT_MMIO);
	vcpu_exit_mmio(v);
}

/* The ones that matter for speed come first, then the table. */
static inline void vmx_handle_exit(struct vcpu *v, struct vmx_vcpu *s)
{
	u32 reason = (u32)vmread(VMCS_EXIT_REASON);
	u32 io;

	if (reason == VMX_WRMSR) {
		v->exit.len = (u8)vmread(VMCS_EXIT_LENGTH);
		vcpu_exit_wrmsr(v);
	} else if (reason == VMX_IO && !((io = (u32)vmread(VMCS_EXIT_QUALIFICATION)) & IO_STRING)) {
		vcpu_note_exit(v, EXIT_IO);
		vcpu_exit_port(v, (u16)(io >> 16), (u8)((io & IO_SIZE) + 1), io & IO_IN,
			       v->rip + vmread(VMCS_EXIT_LENGTH));
	} else if (reason == VMX_RDMSR) {
		v->exit.len = (u8)vmread(VMCS_EXIT_LENGTH);
		vcpu_note_exit(v, EXIT_MSR_READ);
		vcpu_exit_msr_read(v);
	} else if (reason == VMX_CPUID) {
		v->exit.len = (u8)vmread(VMCS_EXIT_LENGTH);
		vcpu_note_exit(v, EXIT_CPUID);
		vcpu_exit_cpuid(v);
	} else if (reason == VMX_EPT_VIOLATION && !(vmread(VMCS_VECTORING_EVENT) & VMEVENT_VALID)) {
		vmx_handle_violation(v);
	} else {
		vmx_decode_rare(v, s, reason);
		vcpu_handle_exit(v);
	}
}
