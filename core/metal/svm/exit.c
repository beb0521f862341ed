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
	e->io.width = i >> 4 & 7;
	e->io.port = (u16)(i >> 16);
	e->io.next_rip = b->exit_info2;
	if (!e->io.string)
		return;
	e->io.rep = i >> 3 & 1;
	e->io.addr_width = (i >> 7 & 7) * 2;
	e->io.seg = i >> 10 & 7;
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

/* Exit codes below C0h as causes plus one; DETAIL: decode_detail() has more to say. */
#define DETAIL 0x80
#define CODES  0xc0
static const u8 causes[CODES] = {
    [SVM_CR0_READ + 4] = (EXIT_CR + 1) | DETAIL,
    [SVM_CR0_WRITE] = (EXIT_CR + 1) | DETAIL,
    [SVM_CR0_WRITE + 4] = (EXIT_CR + 1) | DETAIL,
    [SVM_EXCEPTION... SVM_EXCEPTION + 31] = (EXIT_EXCEPTION + 1) | DETAIL,
    [SVM_NMI] = (EXIT_NMI + 1) | DETAIL,
    [SVM_RDPMC] = EXIT_REFUSED + 1,
    [SVM_RSM] = EXIT_REFUSED + 1,
    [SVM_IRET] = (EXIT_IRET + 1) | DETAIL,
    [SVM_INVD] = EXIT_CACHE + 1,
    [SVM_INVLPGA] = EXIT_REFUSED + 1,
    [SVM_SHUTDOWN] = EXIT_SHUTDOWN + 1,
    [SVM_VMRUN... SVM_SKINIT] = EXIT_REFUSED + 1,
    [SVM_WBINVD] = EXIT_CACHE + 1,
    [SVM_XSETBV] = EXIT_XSETBV + 1,
    [SVM_RDPRU] = EXIT_REFUSED + 1,
    [SVM_INVLPGB... SVM_TLBSYNC] = EXIT_REFUSED + 1,
};

static void decode_exception(struct vcpu *v, struct vmcb *b, struct svm_vcpu *s)
{
	struct vm_exit *e = &v->exit;

	e->exception.vector = (u8)(b->exit_code - SVM_EXCEPTION);
	e->exception.has_error = e->exception.vector == 17;
	e->exception.error = (u32)b->exit_info1;
	if (e->exception.vector == 1 && s->nmi_step && end_nmi_step(v, b, s))
		e->cause = EXIT_IRET;
}

static void decode_detail(struct vcpu *v, struct vmcb *b, struct svm_vcpu *s)
{
	struct vm_exit *e = &v->exit;

	switch (b->exit_code) {
	case SVM_NMI:
		/* It is still pending: let it in, to a handler that does nothing, and close again. */
		asm volatile("stgi; nop; clgi" : : : "memory");
		return;
	case SVM_IRET:
		b->intercept1 &= ~I1_IRET;
		b->rflags |= RFLAGS_TF;
		s->nmi_step = true;
		return;
	case SVM_EXCEPTION ... SVM_EXCEPTION + 31:
		decode_exception(v, b, s);
		return;
	default:
		e->cr.number = b->exit_code & 0xf;
		e->cr.write = b->exit_code >= SVM_CR0_WRITE;
	}
}

static u8 known_length(const struct vmcb *b)
{
	return svm_features.next_rip ? (u8)(b->next_rip - b->rip) : 0;
}

static __attribute__((noinline)) void decode_rare(struct vcpu *v, struct vmcb *b,
						  struct svm_vcpu *s)
{
	struct vm_exit *e = &v->exit;
	u8 cause = b->exit_code < CODES ? causes[b->exit_code] : 0;

	e->len = known_length(b);
	if (!cause) {
		e->cause = EXIT_OTHER;
		e->raw.code = b->exit_code;
		e->raw.info1 = b->exit_info1;
		e->raw.info2 = b->exit_info2;
		return;
	}
	e->cause = (enum exit_cause)((cause & ~DETAIL) - 1);
	if (cause & DETAIL)
		decode_detail(v, b, s);
}

/* The four that matter for speed come first, then the table. */
void svm_decode_exit(struct vcpu *v, struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	struct vm_exit *e = &v->exit;
	u64 code = b->exit_code;

	if (code == SVM_MSR) {
		e->len = known_length(b);
		e->cause = msr_cause((u32)v->gpr[GPR_CX], b->exit_info1);
	} else if (code == SVM_IOIO) {
		e->cause = EXIT_IO;
		decode_io(e, b);
	} else if (code == SVM_CPUID) {
		e->len = known_length(b);
		e->cause = EXIT_CPUID;
	} else if (code == SVM_NPF) {
		e->cause = EXIT_MMIO;
		e->mmio.gpa = GPA(b->exit_info2);
		e->mmio.write = b->exit_info1 >> 1 & 1;
		e->mmio.fetch = b->exit_info1 >> 4 & 1;
	} else {
		decode_rare(v, b, s);
	}
}
