#include "core/port.h"
#include "core/vcpu/exit.h"

enum { VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_MC = 18 };

void vcpu_inject_gp(struct vcpu *v)
{
	v->ops->inject(v, VECTOR_GP, true, 0);
}

void vcpu_inject_ud(struct vcpu *v)
{
	v->ops->inject(v, VECTOR_UD, false, 0);
}

/* Past an instruction without operands; its length may include prefixes. */
static __attribute__((noinline)) void skip_unknown_instruction(struct vcpu *v)
{
	const struct insn *i = vcpu_instruction(v);

	if (i)
		vcpu_skip(v, i->len);
}

__attribute__((noinline)) void exit_skip(struct vcpu *v)
{
	const struct insn *i;

	if (v->exit.len)
		vcpu_skip(v, v->exit.len);
	else if ((i = vcpu_known_instruction(v)))
		vcpu_skip(v, i->len);
	else
		skip_unknown_instruction(v);
}

static inline void answer_cpuid(struct vcpu *v, const u32 out[4])
{
	v->gpr[GPR_AX] = out[CPUID_EAX];
	v->gpr[GPR_BX] = out[CPUID_EBX];
	v->gpr[GPR_CX] = out[CPUID_ECX];
	v->gpr[GPR_DX] = out[CPUID_EDX];
	exit_skip(v);
}

static __attribute__((noinline)) void look_up_cpuid(struct vcpu *v)
{
	u32 *out = v->scratch.cpuid;

	cpuid_lookup(&v->guest->cpuid, &v->view, (u32)v->gpr[GPR_AX], (u32)v->gpr[GPR_CX], out);
	answer_cpuid(v, out);
}

void vcpu_exit_cpuid(struct vcpu *v)
{
	const struct cpuid_entry *e = cpuid_fixed(&v->guest->cpuid, (u32)v->gpr[GPR_AX]);

	if (e)
		answer_cpuid(v, e->out);
	else
		look_up_cpuid(v);
}

void vcpu_exit_msr_read(struct vcpu *v)
{
	u64 value;

	if (msr_read(&v->msr, (u32)v->gpr[GPR_CX], &value)) {
		vcpu_inject_gp(v);
		return;
	}
	v->gpr[GPR_AX] = (u32)value;
	v->gpr[GPR_DX] = value >> 32;
	exit_skip(v);
}

void vcpu_exit_msr_write(struct vcpu *v)
{
	u64 value = v->gpr[GPR_DX] << 32 | (u32)v->gpr[GPR_AX];

	if (msr_write(&v->msr, (u32)v->gpr[GPR_CX], value))
		vcpu_inject_gp(v);
	else
		exit_skip(v);
}

/* Straight to the local APIC: a busy guest exits for nothing else. */
void vcpu_exit_apic_write(struct vcpu *v, u32 reg)
{
	u64 value = v->gpr[GPR_DX] << 32 | (u32)v->gpr[GPR_AX];

	if (lapic_msr_write(v->lapic, reg, value)) {
		v->msr.refused++;
		vcpu_inject_gp(v);
		return;
	}
	exit_skip(v);
}

/* ---- caches, exceptions, and the end ----------------------------------------------------------- */

/*
 * The caches hold what neighbours work with, too: one workstation writes them back so often and no more,
 * which costs the others a few per cent at worst, after as many at once as a start of Linux may want.
 */
#define WRITE_BACK_PERIOD_NS 50000000ull
#define WRITE_BACK_BURST     32

/* May one of the guest's cores write back now? write_back_at runs ahead of time by what was used up. */
static bool take_write_back(struct guest *g)
{
	u64 now = port_time_ns(), at = __atomic_load_n(&g->write_back_at, __ATOMIC_RELAXED);

	if (at > now + (WRITE_BACK_BURST - 1) * WRITE_BACK_PERIOD_NS)
		return false;
	return __atomic_compare_exchange_n(&g->write_back_at, &at,
					   max_u64(at, now) + WRITE_BACK_PERIOD_NS, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/*
 * INVD and WBINVD. Where all DMA is coherent they have nothing to do. INVD never runs: it would throw away
 * what others wrote. Before its time a WBINVD is not passed: the guest is entered in front of it again,
 * takes its interrupts there, and comes back.
 */
static void exit_cache(struct vcpu *v)
{
	if (v->guest->incoherent) {
		if (!take_write_back(v->guest))
			return;
		port_cache_flush_all();
	}
	exit_skip(v);
}

/*
 * #DB and #AC are intercepted so that a handler that raises them again without end cannot keep the
 * core from the kick (CVE-2015-5307, CVE-2015-8104); they are the guest's all the same.
 */
static void exit_exception(struct vcpu *v)
{
	if (v->exit.exception.vector == VECTOR_MC) {
		port_log(LOG_ERROR,
			 "%s: cpu %u took a machine check at %#lx; the workstation is stopped. "
			 "Look at the machine's event log for the failing part",
			 v->guest->name, v->id, (unsigned long)v->rip);
		v->guest->ops->event(v->guest, v, GUEST_FAILED);
		return;
	}
	v->ops->inject(v, v->exit.exception.vector, v->exit.exception.has_error,
		       v->exit.exception.error);
}

static void exit_shutdown(struct vcpu *v)
{
	v->guest->ops->event(v->guest, v, GUEST_TRIPLE_FAULT);
}

static void exit_other(struct vcpu *v)
{
	port_log(
	    LOG_ERROR,
	    "%s: cpu %u left its guest for a reason nobody handles: %s exit %#lx, info %#lx %#lx",
	    v->guest->name, v->id, v->ops->name, (unsigned long)v->exit.raw.code,
	    (unsigned long)v->exit.raw.info1, (unsigned long)v->exit.raw.info2);
	v->guest->ops->event(v->guest, v, GUEST_FAILED);
}

/* The kick and the window after IRET: the run loop looks at what is asked for. */
static void exit_nothing(struct vcpu *v)
{
}

static void (*const handlers[EXIT_CAUSES])(struct vcpu *v) = {
    [EXIT_CPUID] = vcpu_exit_cpuid,
    [EXIT_MSR_READ] = vcpu_exit_msr_read,
    [EXIT_MSR_WRITE] = vcpu_exit_msr_write,
    [EXIT_IPI] = vcpu_exit_msr_write,
    [EXIT_APIC] = vcpu_exit_msr_write,
    [EXIT_IO] = exit_port,
    [EXIT_MMIO] = vcpu_exit_mmio,
    [EXIT_CR] = exit_cr,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_CACHE] = exit_cache,
    [EXIT_EXCEPTION] = exit_exception,
    [EXIT_NMI] = exit_nothing,
    [EXIT_IRET] = exit_nothing,
    [EXIT_REFUSED] = vcpu_inject_ud,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_OTHER] = exit_other,
};

void vcpu_handle_exit(struct vcpu *v)
{
	enum exit_cause cause = v->exit.cause;

	vcpu_note_exit(v, cause);
	handlers[cause](v);
}
