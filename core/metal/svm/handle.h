/* From a VMCB to the handling of an exit: what is on the way of each. The rest is in exit.c. */
#pragma once

#include "core/metal/svm/svm.h"
#include "core/vcpu/vcpu.h"

/* Where the processor does not tell, exit.len stays at 0, as it was made. */
static inline void svm_note_length(struct vm_exit *e, const struct vmcb *b)
{
	if (svm_features.next_rip)
		e->len = (u8)(b->next_rip - b->rip);
}

/* EXITINFO1 of an IOIO intercept (APM 2 §15.10.2). */
#define IOIO_IN	    (1u << 0)
#define IOIO_STRING (1u << 2)

/* The four that matter for speed come first, then the table. */
static inline void svm_handle_exit(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b)
{
	struct vm_exit *e = &v->exit;
	u64 code = b->exit_code;

	if (code == SVM_MSR) {
		svm_note_length(e, b);
		if (b->exit_info1) {
			vcpu_exit_wrmsr(v);
		} else {
			vcpu_note_exit(v, EXIT_MSR_READ);
			vcpu_exit_msr_read(v);
		}
	} else if (code == SVM_IOIO && !(b->exit_info1 & IOIO_STRING)) {
		u32 info = (u32)b->exit_info1;

		vcpu_note_exit(v, EXIT_IO);
		vcpu_exit_port(v, (u16)(info >> 16), info >> 4 & 7, info & IOIO_IN, b->exit_info2);
	} else if (code == SVM_CPUID) {
		svm_note_length(e, b);
		vcpu_note_exit(v, EXIT_CPUID);
		vcpu_exit_cpuid(v);
	} else if (code == SVM_NPF) {
		e->mmio.gpa = GPA(b->exit_info2);
		e->mmio.write = b->exit_info1 >> 1 & 1;
		e->mmio.fetch = b->exit_info1 >> 4 & 1;
		vcpu_note_exit(v, EXIT_MMIO);
		vcpu_exit_mmio(v);
	} else {
		svm_decode_rare(v, s);
		vcpu_handle_exit(v);
	}
}
