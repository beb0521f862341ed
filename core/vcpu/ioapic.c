#include "core/vcpu/ioapic.h"

/* Direct registers and the indirect ones behind them (82093AA §3.0). */
enum { IOREGSEL = 0x00, IOWIN = 0x10 };
enum { IOAPICID = 0, IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10 };

#define VERSION 0x20u

/* Redirection entry (§3.2.4). */
#define RTE_MODE_SHIFT 8
#define RTE_MODE_MASK  7u
#define RTE_LOGICAL    ((u64)1 << 11)
#define RTE_MASKED     ((u64)1 << 16)
/* Vector, mode, destination mode, polarity, mask, destination with its extension. */
#define RTE_WRITABLE   (0x12fffull | 0xfffe000000000000ull)

enum { MODE_FIXED = 0, MODE_LOWEST = 1 };

void ioapic_reset(struct ioapic *a)
{
	struct spinlock lock = a->lock;

	*a = (struct ioapic){.lock = lock};
	for (u32 i = 0; i < IOAPIC_PINS; i++)
		a->entry[i] = RTE_MASKED;
}

static u32 entry_destination(u64 e)
{
	return (u32)(e >> 56) | (u32)(e >> 49 & 0x7f) << 8;
}

/* The edge leaves through an unmasked entry, or says why not. */
static enum ioapic_event entry_send(u64 e, struct ioapic_message *m)
{
	u32 mode = (u32)(e >> RTE_MODE_SHIFT) & RTE_MODE_MASK;
	u8 vector = (u8)e;

	if ((mode != MODE_FIXED && mode != MODE_LOWEST) || vector < 16)
		return IOAPIC_REFUSED;
	*m = (struct ioapic_message){
	    .vector = vector,
	    .logical = e & RTE_LOGICAL,
	    .lowest = mode == MODE_LOWEST,
	    .destination = entry_destination(e),
	};
	return IOAPIC_SEND;
}

static u32 register_read(const struct ioapic *a)
{
	u32 n = a->select;

	if (n == IOAPICID || n == IOAPICARB)
		return (u32)a->id << 24;
	if (n == IOAPICVER)
		return VERSION | (IOAPIC_PINS - 1) << 16;
	if (n >= IOREDTBL && n < IOREDTBL + 2 * IOAPIC_PINS) {
		u64 e = a->entry[(n - IOREDTBL) / 2];

		return (u32)(n & 1 ? e >> 32 : e);
	}
	return 0;
}

static enum ioapic_event entry_write(struct ioapic *a, u32 n, u32 v, struct ioapic_message *m)
{
	u32 pin = (n - IOREDTBL) / 2;
	u64 *e = &a->entry[pin];

	if (n & 1)
		*e = ((u64)v << 32 | (u32)*e) & RTE_WRITABLE;
	else
		*e = ((*e & ~(u64)0xffffffff) | v) & RTE_WRITABLE;
	if ((*e & RTE_MASKED) || !(a->pending & 1u << pin))
		return IOAPIC_NOTHING;
	a->pending &= ~(1u << pin);
	return entry_send(*e, m);
}

u32 ioapic_read(struct ioapic *a, u32 off)
{
	u32 v = 0;

	spin_lock(&a->lock);
	if (off == IOREGSEL)
		v = a->select;
	else if (off == IOWIN)
		v = register_read(a);
	spin_unlock(&a->lock);
	return v;
}

enum ioapic_event ioapic_write(struct ioapic *a, u32 off, u32 v, struct ioapic_message *m)
{
	enum ioapic_event event = IOAPIC_NOTHING;

	spin_lock(&a->lock);
	if (off == IOREGSEL) {
		a->select = (u8)v;
	} else if (off == IOWIN) {
		u32 n = a->select;

		if (n == IOAPICID)
			a->id = (u8)(v >> 24 & 15);
		else if (n >= IOREDTBL && n < IOREDTBL + 2 * IOAPIC_PINS)
			event = entry_write(a, n, v, m);
	}
	spin_unlock(&a->lock);
	return event;
}

enum ioapic_event ioapic_pulse(struct ioapic *a, u8 pin, struct ioapic_message *m)
{
	enum ioapic_event event = IOAPIC_NOTHING;

	if (pin >= IOAPIC_PINS)
		return IOAPIC_NOTHING;
	spin_lock(&a->lock);
	if (a->entry[pin] & RTE_MASKED)
		a->pending |= 1u << pin;
	else
		event = entry_send(a->entry[pin], m);
	spin_unlock(&a->lock);
	return event;
}
