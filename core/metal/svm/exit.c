#include "core/metal/svm/svm.h"
#include "core/vcpu/vcpu.h"

#define DR6_BS	      (1ull << 14)
#define RFLAGS_TF     (1ull << 8)
#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC    0x800
#define MSR_ICR	      (MSR_X2APIC + LAPIC_ICR)

/* EXITINFO1 of an IOIO intercept (APM 2 §15.10.2). */
static void decode_io(struct vm_exit *e, const struct vmcb *b)
{
	u64 i = b->exit_info1;

	e->io.in = i & 1;
	e->io.string = i >> 2 & 1;
	e->io.rep = i >> 3 & 1;
	e->io.width = i >> 4 & 7;
	e->io.addr_width = (i >> 7 & 7) * 2;
	e->io.seg = i >> 10 & 7;
	e->io.port = (u16)(i >> 16);
	e->io.next_rip = b->exit_info2;
}

static enum exit_cause msr_cause(u32 msr, bool write)
{
	if (!write)
		return EXIT_MSR_READ;
	if (msr == MSR_ICR)
		return EXIT_IPI;
	return msr - MSR_X2APIC < 0x100 || msr == MSR_APIC_BASE ? EXIT_APIC : EXIT_MSR_WRITE;
}

/*
 * #DB while stepping towards an NMI window: the step is over, NMIs are open again. What else DR6
 * says is the guest's own. True: nothing is left of it for the guest.
 */
static bool end_nmi_step(struct vcpu *v, struct vmcb *b, struct svm_vcpu *s)
{
	s->nmi_step = false;
	s->nmi_masked = false;
	if (!(b->dr6 & DR6_BS))
		return false;
	b->dr6 &= ~DR6_BS;
	b->rflags &= ~RFLAGS_TF;
	v->rflags = b->rflags;
	return !(b->dr6 & 0xf);
}

void svm_decode_exit(struct vcpu *v, struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	struct vm_exit *e = &v->exit;
	u64 code = b->exit_code;

	e->len = svm_features.next_rip ? (u8)(b->next_rip - b->rip) : 0;
	switch (code) {
	case SVM_CPUID:
		e->cause = EXIT_CPUID;
		return;
	case SVM_MSR:
		e->cause = msr_cause((u32)v->gpr[GPR_CX], b->exit_info1);
		return;
	case SVM_IOIO:
		e->cause = EXIT_IO;
		decode_io(e, b);
		return;
	case SVM_NPF:
		e->cause = EXIT_MMIO;
		e->mmio.gpa = GPA(b->exit_info2);
		e->mmio.write = b->exit_info1 >> 1 & 1;
		e->mmio.fetch = b->exit_info1 >> 4 & 1;
		return;
	case SVM_NMI:
		e->cause = EXIT_NMI;
		/* It is still pending: let it in, to a handler that does nothing, and close again. */
		asm volatile("stgi; nop; clgi" : : : "memory");
		return;
	case SVM_IRET:
		e->cause = EXIT_IRET;
		b->intercept1 &= ~I1_IRET;
		b->rflags |= RFLAGS_TF;
		s->nmi_step = true;
		return;
	case SVM_EXCEPTION ... SVM_EXCEPTION + 31:
		e->exception.vector = (u8)(code - SVM_EXCEPTION);
		e->exception.has_error = e->exception.vector == 17;
		e->exception.error = (u32)b->exit_info1;
		e->cause = EXIT_EXCEPTION;
		if (e->exception.vector == 1 && s->nmi_step && end_nmi_step(v, b, s))
			e->cause = EXIT_IRET;
		return;
	case SVM_CR0_READ + 4:
	case SVM_CR0_WRITE:
	case SVM_CR0_WRITE + 4:
		e->cause = EXIT_CR;
		e->cr.number = code & 0xf;
		e->cr.write = code >= SVM_CR0_WRITE;
		return;
	case SVM_XSETBV:
		e->cause = EXIT_XSETBV;
		return;
	case SVM_INVD:
	case SVM_WBINVD:
		e->cause = EXIT_CACHE;
		return;
	case SVM_RDPMC:
	case SVM_RSM:
	case SVM_INVLPGA:
	case SVM_VMRUN:
	case SVM_VMMCALL:
	case SVM_VMLOAD:
	case SVM_VMSAVE:
	case SVM_STGI:
	case SVM_CLGI:
	case SVM_SKINIT:
	case SVM_RDPRU:
	case SVM_INVLPGB:
	case SVM_INVLPGB_ILLEGAL:
	case SVM_MCOMMIT:
	case SVM_TLBSYNC:
		e->cause = EXIT_REFUSED;
		return;
	case SVM_SHUTDOWN:
		e->cause = EXIT_SHUTDOWN;
		return;
	default:
		e->cause = EXIT_OTHER;
		e->raw.code = code;
		e->raw.info1 = b->exit_info1;
		e->raw.info2 = b->exit_info2;
	}
}
