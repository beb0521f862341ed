/*
 * The local APIC by itself: timer in each of its modes, end of interrupt, priorities, self-IPI,
 * errors, and the ways between disabled, xAPIC and x2APIC mode.
 */
#include "lib/guest.h"

const char guest_name[] = "apic";

static volatile u64 ticks, low_ticks;
static volatile u64 order[8];
static volatile u32 norder;
static volatile bool late_eoi;

static void on_tick(struct frame *f)
{
	ticks++;
	apic_eoi();
}

static void on_ordered(struct frame *f)
{
	if (norder < 8)
		order[norder++] = f->vector;
	apic_eoi();
}

static void on_late(struct frame *f)
{
	low_ticks++;
	if (!late_eoi)
		apic_eoi();
}

static bool near(u64 a, u64 b, u64 percent)
{
	return a * 100 >= b * (100 - percent) && a * 100 <= b * (100 + percent);
}

/*
 * Timer counts in `us`: the best of several tries, scaled by the TSC around it, because a core of a
 * busy emulator may be held up at any point.
 */
static u32 count_over(u32 us)
{
	u64 best = ~0ull, t0, t1, span;
	u32 c0, c1, counts = 0;

	for (u32 i = 0; i < 20; i++) {
		apic_write(APIC_TMICT, ~0u);
		t0 = rdtsc();
		c0 = apic_read(APIC_TMCCT);
		delay_us(us);
		c1 = apic_read(APIC_TMCCT);
		t1 = rdtsc();
		span = t1 - t0;
		if (span < best) {
			best = span;
			counts = (u32)((u64)(c0 - c1) * tsc_us(us) / span);
		}
	}
	return counts;
}

static void check_timer(void)
{
	u64 t, took;
	u32 a, b;

	ticks = 0;
	t = rdtsc();
	apic_timer(0x40, (u32)(apic_hz / 100));
	EXPECT(apic_read(APIC_TMCCT) > 0 || ticks, "the timer counts");
	EXPECT(WAIT_FOR(ticks, 1000000), "a one-shot timer interrupt comes");
	took = rdtsc() - t;
	EXPECT(took >= tsc_us(9500), "and not before its time (%lu us of 10000)",
	       took / (tsc_hz / 1000000));
	delay_us(15000);
	EXPECT(ticks == 1 && apic_read(APIC_TMCCT) == 0, "once, and then the count is 0");

	/* An emulator short of time merges ticks but never invents any: too few is no fault here. */
	ticks = 0;
	t = rdtsc();
	apic_timer(0x40 | LVT_PERIODIC, (u32)(apic_hz / 250));
	EXPECT(WAIT_FOR(ticks >= 50, 20000000), "a periodic timer ticks 50 times");
	apic_write(APIC_TMICT, 0);
	took = rdtsc() - t;
	EXPECT(took >= tsc_us(49 * 4000 - 2000), "and not faster than its 250 Hz (%lu us)",
	       took / (tsc_hz / 1000000));
	ticks = 0;
	delay_us(10000);
	EXPECT(!ticks, "an initial count of 0 stops it");

	apic_timer(0x40 | LVT_MASKED, (u32)(apic_hz / 1000));
	delay_us(5000);
	EXPECT(!ticks, "a masked timer does not interrupt");

	apic_write(APIC_LVTT, LVT_MASKED);
	apic_write(APIC_TDCR, 0xb);
	a = count_over(5000);
	apic_write(APIC_TDCR, 0x3); /* divide by 16 */
	b = count_over(5000);
	EXPECT(near((u64)b * 16, a, 20), "dividing by 16 is 16 times slower (%u, %u)", a, b);
	EXPECT(near((u64)a * 200, apic_hz, 20), "the timer runs at the frequency we were told");
	apic_write(APIC_TMICT, 0);
}

static void check_deadline(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 24 & 1)) {
		print("no TSC deadline timer on this processor\n");
		return;
	}
	ticks = 0;
	apic_write(APIC_LVTT, 0x40 | LVT_DEADLINE);
	asm volatile("mfence" ::: "memory");
	wrmsr(0x6e0, rdtsc() + tsc_us(2000));
	EXPECT(WAIT_FOR(ticks, 100000) && ticks == 1, "a TSC deadline interrupts");
	/* `stale-deadline`: below an emulator whose register keeps a deadline that is past. */
	if (!option("stale-deadline"))
		EXPECT(rdmsr(0x6e0) == 0, "and is disarmed");
	apic_write(APIC_LVTT, LVT_MASKED);
}

/* Send to ourselves while interrupts are off: the higher class comes first. */
static void check_priority(void)
{
	trap_set(0x50, on_ordered);
	trap_set(0x70, on_ordered);
	trap_set(0x90, on_ordered);
	irq_off();
	apic_icr(0, 0x50 | ICR_SELF | ICR_ASSERT);
	apic_icr(0, 0x90 | ICR_SELF | ICR_ASSERT);
	apic_icr(0, 0x70 | ICR_SELF | ICR_ASSERT);
	EXPECT(apic_bit(APIC_IRR, 0x50) && apic_bit(APIC_IRR, 0x70) && apic_bit(APIC_IRR, 0x90),
	       "requests wait in IRR while interrupts are off");
	irq_on();
	WAIT_FOR(norder == 3, 100000);
	EXPECT(norder == 3 && order[0] == 0x90 && order[1] == 0x70 && order[2] == 0x50,
	       "they come by priority");
	norder = 0;
	apic_write(APIC_TPR, 0x70);
	EXPECT(read_cr8() == 7, "CR8 is the task priority");
	apic_icr(0, 0x50 | ICR_SELF | ICR_ASSERT);
	apic_icr(0, 0x70 | ICR_SELF | ICR_ASSERT);
	apic_icr(0, 0x90 | ICR_SELF | ICR_ASSERT);
	delay_us(1000);
	EXPECT(norder == 1 && order[0] == 0x90, "the task priority holds back its class and below");
	EXPECT(!write_cr8_safe(0), "CR8 can be written");
	WAIT_FOR(norder == 3, 100000);
	EXPECT(norder == 3 && order[1] == 0x70 && order[2] == 0x50 && apic_read(APIC_TPR) == 0,
	       "lowering it through CR8 lets them through");
}

static void check_eoi(void)
{
	trap_set(0x60, on_late);
	late_eoi = true;
	apic_icr(0, 0x60 | ICR_SELF | ICR_ASSERT);
	WAIT_FOR(low_ticks == 1, 100000);
	EXPECT(apic_bit(APIC_ISR, 0x60) && (apic_read(APIC_PPR) & 0xf0) == 0x60,
	       "an interrupt in service shows in ISR and PPR");
	ticks = 0;
	apic_icr(0, 0x40 | ICR_SELF | ICR_ASSERT);
	delay_us(1000);
	EXPECT(!ticks && apic_bit(APIC_IRR, 0x40), "a lower one waits for the end of interrupt");
	late_eoi = false;
	apic_eoi();
	EXPECT(WAIT_FOR(ticks == 1, 100000) && !apic_bit(APIC_ISR, 0x60), "and comes after it");
}

static void check_errors(void)
{
	u32 v;

	trap_set(5, on_tick); /* the bare emulator delivers even this */
	apic_write(APIC_ESR, 0);
	apic_icr_safe(cpus[0].apic_id, 0x05 | ICR_ASSERT);
	apic_write(APIC_ESR, 0);
	v = apic_read(APIC_ESR);
	if (machine.caprock)
		EXPECT(v & 0x20, "sending vector 5 is recorded in ESR (%#x)", v);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVTERR, 0x30);
	EXPECT((apic_read(APIC_LVTERR) & 0x100ff) == 0x30, "the error entry keeps its vector");
	apic_write(APIC_LVTERR, LVT_MASKED);
	EXPECT((apic_read(APIC_VERSION) & 0xff) >= 0x10 &&
		   (apic_read(APIC_VERSION) >> 16 & 0xff) >= 3,
	       "the version register is plausible (%#x)", apic_read(APIC_VERSION));
	v = apic_read(APIC_ID);
	EXPECT((apic_x2 ? v : v >> 24) == cpus[0].apic_id, "the ID register says %u",
	       cpus[0].apic_id);
	EXPECT(apic_read(APIC_SVR) == (0x100 | SPURIOUS),
	       "the spurious vector register reads back");
	for (u32 reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10) {
		u32 keep = apic_read(reg);

		apic_write(reg, LVT_MASKED | 0x3a);
		EXPECT((apic_read(reg) & 0x100ff) == (LVT_MASKED | 0x3a), "LVT %#x keeps a vector",
		       reg);
		apic_write(reg, keep);
	}
	if (!apic_x2)
		return;
	EXPECT(wrmsr_safe(X2APIC_MSR(APIC_ID), 0) == TRAPPED(TRAP_GP, 0), "writing the ID: #GP");
	EXPECT(wrmsr_safe(X2APIC_MSR(APIC_ICR2), 0) == TRAPPED(TRAP_GP, 0) || !machine.caprock,
	       "the second half of ICR does not exist in x2APIC mode");
}

/* Legal and illegal transitions of APIC_BASE (SDM 10.12.5, APM 2 16.9). */
static void check_modes(void)
{
	bool was = apic_x2;
	u64 base = rdmsr(APIC_BASE_MSR) & ~0xc00ull, v;

	if (machine.has_x2apic) {
		apic_enable(true);
		EXPECT(apic_read(APIC_ID) == cpus[0].apic_id, "x2APIC mode can be entered");
		EXPECT(wrmsr_safe(APIC_BASE_MSR, base | 0x800) == TRAPPED(TRAP_GP, 0) ||
			   !machine.caprock,
		       "x2APIC to xAPIC directly: #GP");
		EXPECT(wrmsr_safe(APIC_BASE_MSR, base | 0x400) == TRAPPED(TRAP_GP, 0) ||
			   !machine.caprock,
		       "x2APIC without enable: #GP");
		EXPECT(!rdmsr_safe(APIC_BASE_MSR, &v) && (v & 0xc00) == 0xc00,
		       "and nothing changed (%#lx)", v);
	}
	apic_enable(false);
	EXPECT(apic_read(APIC_ID) >> 24 == cpus[0].apic_id, "xAPIC mode through disabled");
	ticks = 0;
	apic_timer(0x40, (u32)(apic_hz / 1000));
	EXPECT(WAIT_FOR(ticks == 1, 100000), "the timer works there");
	apic_enable(was);
	ticks = 0;
	apic_timer(0x40, (u32)(apic_hz / 1000));
	EXPECT(WAIT_FOR(ticks == 1, 100000), "and back in the first mode");
}

static void check_all(void)
{
	print("mode %s\n", apic_x2 ? "x2apic" : "xapic");
	check_timer();
	check_deadline();
	check_priority();
	norder = 0;
	low_ticks = 0;
	check_eoi();
	check_errors();
}

void guest_main(void)
{
	trap_set(0x40, on_tick);
	irq_on();
	check_all();
	if (apic_x2) {
		apic_enable(false);
		check_all();
		apic_enable(true);
	}
	check_modes();
	EXPECT(!trap_unexpected, "no interrupt came unasked (%lu, vector %u)", trap_unexpected,
	       trap_unexpected_vector);
}
