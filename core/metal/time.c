#include "core/metal/asm.h"
#include "core/metal/apic.h"
#include "core/metal/time.h"
#include "core/port.h"

#define PM_TIMER_HZ 3579545u
#define PIT_HZ	    1193182u
#define MEASURE_MS  5
#define WARP_ROUNDS 1000

static u64 hz, lapic_hz, start;
static u64 ns_per_tsc_32; /* nanoseconds a tick, 32.32 fixed point */

struct sample {
	u64 tsc;
	u32 lapic, clock;
};

/* One reading of all three clocks, the tightest of a few, so that a slow bus hurts little. */
static struct sample read_clocks(u16 pm_port)
{
	struct sample best = {0};
	u64 tightest = ~0ull;

	for (u32 i = 0; i < 5; i++) {
		struct sample s;
		u64 before = rdtsc();

		s.clock = pm_port ? inl(pm_port) & 0xffffff : 0;
		s.tsc = rdtsc();
		s.lapic = apic_read(LAPIC_TIMER_CURRENT);
		if (s.tsc - before < tightest) {
			tightest = s.tsc - before;
			best = s;
		}
	}
	return best;
}

/* Channel 2 of the PIT, gated by port 61h, for machines without a PM timer. */
static void pit_wait(u32 ms)
{
	u32 count = PIT_HZ * ms / 1000;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, (u8)count);
	outb(0x42, (u8)(count >> 8));
	while (!(inb(0x61) & 0x20))
		cpu_pause();
}

static void measure(u16 pm_port)
{
	struct sample a, b;
	u64 elapsed; /* in PM timer ticks */

	apic_write(LAPIC_TIMER_DIVIDE, 0xb);
	apic_write(LAPIC_TIMER_INITIAL, ~0u);
	a = read_clocks(pm_port);
	if (pm_port) {
		u32 want = PM_TIMER_HZ * MEASURE_MS / 1000;

		while (((inl(pm_port) - a.clock) & 0xffffff) < want)
			cpu_pause();
		b = read_clocks(pm_port);
		elapsed = (b.clock - a.clock) & 0xffffff;
	} else {
		pit_wait(MEASURE_MS);
		b = read_clocks(0);
		elapsed = PM_TIMER_HZ * MEASURE_MS / 1000;
	}
	hz = (b.tsc - a.tsc) * PM_TIMER_HZ / elapsed;
	lapic_hz = (u64)(a.lapic - b.lapic) * PM_TIMER_HZ / elapsed;
	apic_write(LAPIC_TIMER_INITIAL, 0);
}

void time_init(u16 pm_timer_port, u64 start_tsc)
{
	u32 r[4];

	measure(pm_timer_port);
	/* SDM 2A CPUID 15h: EBX/EAX times the crystal in ECX, exact where it is given. */
	cpuid(0, 0, r);
	if (r[0] >= 0x15) {
		cpuid(0x15, 0, r);
		if (r[0] && r[1] && r[2]) {
			hz = (u64)r[2] * r[1] / r[0];
			lapic_hz = r[2];
		}
	}
	start = start_tsc;
	ns_per_tsc_32 = (u64)(((u128)1000000000 << 32) / hz);
}

u64 tsc_hz(void)
{
	return hz;
}

u64 lapic_timer_hz(void)
{
	return lapic_hz;
}

u64 tsc_to_ns(u64 tsc)
{
	return (u64)((u128)(tsc - start) * ns_per_tsc_32 >> 32);
}

u64 port_time_ns(void)
{
	return hz ? tsc_to_ns(rdtsc()) : 0;
}

void time_delay_us(u32 us)
{
	u64 end = rdtsc() + hz * us / 1000000;

	while (rdtsc() < end)
		cpu_pause();
}

bool tsc_warp_test(struct tsc_meeting *m)
{
	__atomic_fetch_add(&m->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&m->arrived, __ATOMIC_ACQUIRE) < 2)
		cpu_pause();
	for (u32 i = 0; i < WARP_ROUNDS; i++) {
		while (__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE))
			cpu_pause();
		u64 now = rdtsc();

		if (now < m->last)
			m->warps++;
		else
			m->last = now;
		__atomic_store_n(&m->lock, 0, __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(&m->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&m->arrived, __ATOMIC_ACQUIRE) < 4)
		cpu_pause();
	return !m->warps;
}

static u8 cmos(u8 reg)
{
	outb(0x70, 0x80 | reg);
	return inb(0x71);
}

static u32 cmos_number(u8 reg, bool binary)
{
	u8 v = cmos(reg);

	return binary ? v : (v >> 4) * 10u + (v & 15);
}

/* Read once, when nobody else runs; the machine's clock is in UTC. */
u64 time_epoch_s(void)
{
	static u64 at_start;

	if (!at_start) {
		for (u32 spins = 0; cmos(10) & 0x80 && spins < 100000; spins++)
			cpu_pause();
		bool binary = cmos(11) & 4;
		u32 year = 2000 + cmos_number(9, binary), month = cmos_number(8, binary);
		u32 day = cmos_number(7, binary);
		u32 y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
		/* Days since 1970-01-01 of a date whose year begins in March. */
		u64 days =
		    365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;

		at_start = days * 86400 + cmos_number(4, binary) * 3600ull +
			   cmos_number(2, binary) * 60 + cmos_number(0, binary) -
			   port_time_ns() / 1000000000;
	}
	return at_start + port_time_ns() / 1000000000;
}
