#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/memory.h"
#include "core/metal/panic.h"
#include "core/metal/run.h"
#include "core/metal/smp.h"
#include "core/base/err.h"
#include "core/port.h"

void run_request(struct cpu *c, u32 requests)
{
	__atomic_fetch_or(&c->request, requests, __ATOMIC_SEQ_CST);
	if (c != this_cpu())
		apic_kick(c);
}

void run_assign(struct cpu *c, struct vcpu *v)
{
	v->cpu = c;
	__atomic_store_n(&c->vcpu, v, __ATOMIC_RELEASE);
	run_request(c, REQUEST_ENTER);
}

bool run_parked(const struct cpu *c)
{
	return !__atomic_load_n(&c->vcpu, __ATOMIC_ACQUIRE);
}

/* ---- the local APIC below the guest's -------------------------------------------------------- */

static u32 hw_read(void *hw, u8 reg)
{
	return apic_read(reg);
}

static void hw_write(void *hw, u8 reg, u32 value)
{
	apic_write(reg, value);
}

static void hw_ipi(void *hw, u32 target, enum ipi_mode mode, u8 vector)
{
	struct vcpu *from = hw, *to = &from->guest->vcpus[target];

	switch (mode) {
	case IPI_NMI:
		__atomic_store_n(&to->nmi_pending, 1, __ATOMIC_SEQ_CST);
		run_request(to->cpu, REQUEST_LOOK);
		return;
	case IPI_INIT:
		if (startup_init(&to->startup))
			run_request(to->cpu, REQUEST_LOOK);
		return;
	case IPI_SIPI:
		if (startup_sipi(&to->startup, vector))
			run_request(to->cpu, REQUEST_LOOK);
		return;
	default:
		if (!startup_waiting(&to->startup))
			apic_ipi(to->cpu->apic_id, IPI_FIXED, vector);
	}
}

static void hw_mode(void *hw, enum lapic_mode mode)
{
	struct vcpu *v = hw;

	v->ops->set_apic_mode(v, mode);
	v->view.apic_enabled = mode != LAPIC_DISABLED;
	if (mode == LAPIC_DISABLED)
		apic_clean();
}

const struct apic_ops run_apic_ops = {
    .read = hw_read,
    .write = hw_write,
    .ipi = hw_ipi,
    .mode = hw_mode,
};

/* ---- running --------------------------------------------------------------------------------- */

/* The real APIC as a guest finds it after reset: nothing pending, software-disabled. */
static void reset_apic(struct vcpu *v)
{
	apic_clean();
	apic_write(LAPIC_SVR, 0xff);
	lapic_init(v->lapic);
}

/*
 * INIT and SIPI from the guest's other processors. Sleeps here while the vCPU waits for its SIPI.
 * False: the core was asked to leave meanwhile.
 */
static bool settle_startup(struct vcpu *v, struct cpu *c)
{
	struct reset_state s;
	u32 requests;
	u8 vector;

	for (;;) {
		switch (startup_take(&v->startup, &vector)) {
		case STARTUP_NONE:
			return true;
		case STARTUP_RESET:
			s = v->start;
			s.cr0 = v->ops->read(v, VIRT_CR0);
			s.xcr0 = v->view.xcr0;
			reset_init(&s, v->signature);
			v->ops->set_state(v, &s);
			reset_apic(v);
			v->ops->set_apic_mode(v, v->lapic->mode);
			__atomic_store_n(&v->nmi_pending, 0, __ATOMIC_SEQ_CST);
			v->start = s;
			break;
		case STARTUP_WAIT:
			v->ops->sleep(&c->request);
			requests = __atomic_exchange_n(&c->request, 0, __ATOMIC_SEQ_CST);
			if (requests & REQUEST_LEAVE)
				return false;
			if (requests & REQUEST_FLUSH)
				v->ops->flush(v);
			break;
		case STARTUP_GO:
			s = v->start;
			reset_sipi(&s, vector);
			v->ops->set_state(v, &s);
			break;
		}
	}
}

/* What other cores asked for. False: leave. */
static bool serve_requests(struct vcpu *v, struct cpu *c)
{
	u32 requests = __atomic_exchange_n(&c->request, 0, __ATOMIC_SEQ_CST);

	if (requests & REQUEST_LEAVE)
		return false;
	if (requests & REQUEST_FLUSH)
		v->ops->flush(v);
	if (!settle_startup(v, c))
		return false;
	return true;
}

static void offer_nmi(struct vcpu *v)
{
	if (!v->ops->nmi_open(v)) {
		v->ops->want_nmi_window(v);
		return;
	}
	__atomic_store_n(&v->nmi_pending, 0, __ATOMIC_SEQ_CST);
	v->ops->inject_nmi(v);
}

static void run_vcpu(struct vcpu *v, struct cpu *c)
{
	write_cr3(read_cr3()); /* forget grants that have changed hands, see memory_disown() */
	vcpu_set_windows(v, &c->windows);
	v->ops->vcpu_load(v);
	v->ops->set_state(v, &v->start);
	reset_apic(v);
	v->ops->set_apic_mode(v, v->lapic->mode);
	__atomic_fetch_or(&c->request, REQUEST_LOOK, __ATOMIC_SEQ_CST);
	for (;;) {
		if (__atomic_load_n(&c->request, __ATOMIC_SEQ_CST) && !serve_requests(v, c))
			break;
		if (__atomic_load_n(&v->nmi_pending, __ATOMIC_RELAXED))
			offer_nmi(v);
		v->ops->run(v, &c->request);
	}
	v->ops->vcpu_unload(v);
	apic_clean();
	window_drop();
}

void run_core(struct cpu *c)
{
	if (virt->core_start(c))
		panic("core %u cannot run guests although the first one can", c->index);
	__atomic_store_n(&c->online, 1, __ATOMIC_RELEASE);
	for (;;) {
		park_sleep(&c->request);
		u32 requests = __atomic_exchange_n(&c->request, 0, __ATOMIC_SEQ_CST);

		if (!(requests & REQUEST_ENTER))
			continue;
		run_vcpu(__atomic_load_n(&c->vcpu, __ATOMIC_ACQUIRE), c);
		__atomic_store_n(&c->vcpu, NULL, __ATOMIC_RELEASE);
	}
}
