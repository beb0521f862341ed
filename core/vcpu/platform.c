#include "core/vcpu/platform.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/platform_priv.h"

void platform_refuse(struct platform *p, u32 vcpu, enum platform_refusal kind, u64 address,
		     u8 width, bool write)
{
	const struct platform_refused r = {kind, vcpu, address, width, write};

	__atomic_fetch_add(&p->refused, 1, __ATOMIC_RELAXED);
	p->config.ops->refused(p->config.ctx, &r);
}

void platform_deliver(struct platform *p, u32 vcpu, enum ioapic_event e,
		      const struct ioapic_message *m, u64 where)
{
	if (e == IOAPIC_SEND)
		p->config.ops->interrupt(p->config.ctx, m);
	else if (e == IOAPIC_REFUSED)
		platform_refuse(p, vcpu, PLATFORM_REFUSED_IRQ, where, 0, true);
}

void platform_edge(struct platform *p, u32 vcpu, u8 pin)
{
	struct ioapic_message m;
	enum ioapic_event e = ioapic_pulse(&p->ioapic, pin, &m);

	platform_deliver(p, vcpu, e, &m, pin);
}

static void reset_devices(struct platform *p)
{
	uart_reset(&p->uart);
	ioapic_reset(&p->ioapic);
	pm_reset(&p->pm);
	p->port92 = 0;
	p->cf9 = 0;
}

int platform_init(struct platform *p, const struct platform_config *c)
{
	bool buses_valid = c->ecam_buses == 64 || c->ecam_buses == 128 || c->ecam_buses == 256;
	u64 end;

	if (!buses_valid || !is_aligned(c->ecam.v, MIB(c->ecam_buses)) ||
	    __builtin_add_overflow(c->ecam.v, MIB(c->ecam_buses), &end) ||
	    (c->max_regions && !c->regions))
		return ERR_INVAL;
	memset(p, 0, sizeof(*p));
	p->config = *c;
	reset_devices(p);
	rtc_init(&p->rtc, c->epoch_s, c->memory_low, c->memory_high);
	vpci_init(&p->pci, c->ecam_buses);
	return vpci_host_bridge_init(&p->host_bridge, &p->pci, c->ecam);
}

void platform_reset(struct platform *p)
{
	reset_devices(p);
	rtc_reset(&p->rtc);
	vpci_reset(&p->pci);
}

u32 platform_console_input(struct platform *p, const u8 *bytes, u32 n)
{
	u32 taken;

	if (uart_input(&p->uart, bytes, n, &taken) & UART_IRQ)
		platform_edge(p, 0, PLATFORM_PIN_COM1);
	return taken;
}

void platform_power_button(struct platform *p)
{
	pm_raise(&p->pm, PM_EVENT_POWER_BUTTON);
	platform_edge(p, 0, PLATFORM_PIN_GED);
}
