#include "core/metal/asm.h"
#include "core/metal/build.h"
#include "core/metal/host.h"
#include "core/metal/platform.h"
#include "core/metal/time.h"

static u64 guest_time_ns(const struct workstation *w)
{
	return tsc_to_ns(rdtsc()) - tsc_to_ns(w->start_tsc);
}

static void op_interrupt(void *ctx, const struct ioapic_message *m)
{
	struct workstation *w = ctx;
	struct lapic *first = &w->guest.lapics[0];
	struct ipi ipi = lapic_message(first, m->vector, m->destination, m->logical, m->lowest);

	lapic_send(first, &ipi);
}

static void op_console_put(void *ctx, u8 byte)
{
	struct workstation *w = ctx;

	if (console_put(&w->console, (char)byte))
		host_wake();
}

static void op_reset(void *ctx, u32 vcpu, enum platform_reset_kind kind)
{
	struct workstation *w = ctx;

	w->guest.ops->event(&w->guest, &w->guest.vcpus[vcpu], GUEST_RESET);
}

static void op_power_off(void *ctx, u32 vcpu)
{
	struct workstation *w = ctx;

	w->guest.ops->event(&w->guest, &w->guest.vcpus[vcpu], GUEST_POWER_OFF);
}

static u64 op_time_ns(void *ctx)
{
	return guest_time_ns(ctx);
}

static void op_refused(void *ctx, const struct platform_refused *r)
{
	/* Counted by the platform; one line each would let a guest flood the log. */
}

const struct platform_ops metal_platform_ops = {
    .interrupt = op_interrupt,
    .console_put = op_console_put,
    .reset = op_reset,
    .power_off = op_power_off,
    .time_ns = op_time_ns,
    .refused = op_refused,
};

static u64 op_efer_read(void *hw)
{
	struct vcpu *v = hw;

	return v->ops->read(v, VIRT_EFER);
}

static void op_efer_write(void *hw, u64 efer)
{
	struct vcpu *v = hw;

	v->ops->write(v, VIRT_EFER, efer);
}

static u64 op_cr0_read(void *hw)
{
	struct vcpu *v = hw;

	return v->ops->read(v, VIRT_CR0);
}

static int op_guest_write(void *hw, gpa_t gpa, const void *src, size_t n)
{
	struct vcpu *v = hw;

	return guest_write(v->guest, gpa, src, n);
}

static u64 op_time_100ns(void *hw)
{
	struct vcpu *v = hw;
	struct workstation *w = (struct workstation *)v->guest;

	return guest_time_ns(w) / 100;
}

const struct msr_ops metal_msr_ops = {
    .efer_read = op_efer_read,
    .efer_write = op_efer_write,
    .cr0_read = op_cr0_read,
    .guest_write = op_guest_write,
    .time_100ns = op_time_100ns,
};
