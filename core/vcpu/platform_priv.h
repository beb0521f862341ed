/* Shared by the platform's own files. */
#pragma once

#include "core/vcpu/platform.h"

/* All ones of `width` bytes, 1..4. */
static inline u32 platform_ones(u8 width)
{
	return (u32)(((u64)1 << 8 * width) - 1);
}

/* The time the guest's devices live in. */
static inline u64 platform_now(const struct platform *p)
{
	return p->config.ops->time_ns(p->config.ctx);
}

/* Count a wild access and tell the engine. */
void platform_refuse(struct platform *p, u32 vcpu, enum platform_refusal kind, u64 address,
		     u8 width, bool write);

/* What came out of the I/O APIC goes to the cores; `where` is told when it was refused. */
void platform_deliver(struct platform *p, u32 vcpu, enum ioapic_event e,
		      const struct ioapic_message *m, u64 where);

/* An edge on a pin, caused by `vcpu`. */
void platform_edge(struct platform *p, u32 vcpu, u8 pin);
