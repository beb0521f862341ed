#include "core/vcpu/pm.h"

/* Byte offsets in the block. PM1 event registers stay quiet: events go through the GED. */
enum { PM1_STATUS = 0, PM1_ENABLE = 2, PM1_CONTROL = 4, PM1_CONTROL_END = 6 };

#define PM1_SCI_EN   1u /* ACPI mode; there is no other */
#define PM1_WRITABLE 0x1c03u
#define PM1_SLP_EN   0x2000u
#define PM1_S5	     0u /* SLP_TYP of soft off on this chipset: what OVMF writes on a Q35 */

/* SLEEP_CONTROL_REG (ACPI 6.5 table 4.19). */
#define SLEEP_TYPE(v) ((v) >> 2 & 7)
#define SLEEP_EN      0x20u

void pm_reset(struct pm *m)
{
	struct spinlock lock = m->lock;

	*m = (struct pm){.lock = lock, .pm1_control = PM1_SCI_EN};
}

u32 pm_timer(u64 now_ns)
{
	/* 3579545 / 10^9 as a fraction of 2^64, rounded down: a drift below 1 tick in 10^14 s. */
	const u64 ticks_per_ns = (u64)(((u128)PM_TIMER_HZ << 64) / 1000000000u);

	return (u32)((u128)now_ns * ticks_per_ns >> 64);
}

static u8 read_locked(struct pm *m, u16 off)
{
	u8 v = 0;

	switch (off) {
	case PM1_ENABLE:
	case PM1_ENABLE + 1:
		return (u8)(m->pm1_enable >> 8 * (off & 1));
	case PM1_CONTROL:
	case PM1_CONTROL + 1:
		return (u8)(m->pm1_control >> 8 * (off & 1));
	case PM_SLEEP_CONTROL - PM_BASE:
		return m->sleep_control;
	case PM_EVENT - PM_BASE:
		v = m->events;
		m->events = 0;
		return v;
	default:
		return 0; /* PM1 status, sleep status, and the gaps of the block */
	}
}

u8 pm_read(struct pm *m, u16 port)
{
	spin_lock(&m->lock);

	u8 v = read_locked(m, (u16)(port - PM_BASE));

	spin_unlock(&m->lock);
	return v;
}

static u16 merge_byte(u16 old, u16 off, u8 v)
{
	return off & 1 ? (u16)((old & 0xff) | v << 8) : (u16)((old & 0xff00) | v);
}

static bool write_locked(struct pm *m, u16 off, u8 v)
{
	u16 w;

	switch (off) {
	case PM1_ENABLE:
	case PM1_ENABLE + 1:
		m->pm1_enable = merge_byte(m->pm1_enable, off, v);
		return false;
	case PM1_CONTROL:
	case PM1_CONTROL + 1:
		/* Firmware for a Q35 knows no hardware-reduced model (§4.8.3.2.1). */
		w = merge_byte(m->pm1_control, off, v);
		m->pm1_control = (w & PM1_WRITABLE) | PM1_SCI_EN;
		return off == PM1_CONTROL + 1 && (w & PM1_SLP_EN) && (w >> 10 & 7) == PM1_S5;
	case PM_SLEEP_CONTROL - PM_BASE:
		m->sleep_control = v & 0x1e;
		return (v & SLEEP_EN) && SLEEP_TYPE(v) == PM_S5;
	default:
		return false;
	}
}

bool pm_write(struct pm *m, u16 port, u8 v)
{
	spin_lock(&m->lock);

	bool off = write_locked(m, (u16)(port - PM_BASE), v);

	spin_unlock(&m->lock);
	return off;
}

void pm_raise(struct pm *m, enum pm_events e)
{
	spin_lock(&m->lock);
	m->events |= (u8)e;
	spin_unlock(&m->lock);
}
