#include "core/metal/svm/handle.h"
#include "core/vcpu/vcpu.h"

#define DR6_BS	  (1ull << 14)
#define RFLAGS_TF (1ull << 8)

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
    [SVM_IOIO] = (EXIT_IO + 1) | DETAIL,
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

static void decode_io(struct vm_exit *e, const struct vmcb *b)
{
	u32 info = (u32)b->exit_info1;

	e->io.in = info & IOIO_IN;
	e->io.string = info & IOIO_STRING;
	e->io.width = info >> 4 & 7;
	e->io.port = (u16)(info >> 16);
	e->io.next_rip = b->exit_info2;
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
	case SVM_IOIO:
		decode_io(e, b);
		return;
	default:
		e->cr.number = b->exit_code & 0xf;
		e->cr.write = b->exit_code >= SVM_CR0_WRITE;
	}
}

void svm_decode_rare(struct vcpu *v, struct svm_vcpu *s)
{
	struct vm_exit *e = &v->exit;
	struct vmcb *b = s->vmcb;
	u8 cause = b->exit_code < CODES ? causes[b->exit_code] : 0;

	svm_note_length(e, b);
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
