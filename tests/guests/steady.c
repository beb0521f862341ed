/*
 * The steady state: every core computes, takes its own 250 Hz timer and interrupts itself, for
 * `seconds=N` (default 10); with `idle` it sleeps in HLT instead and the timer is off. Nothing of
 * this may leave the guest, so the harness reads the hypervisor's counters at the two marks.
 */
#include "lib/guest.h"

const char guest_name[] = "steady";

#define TIMER 0x40
#define SELF  0x41

static volatile u64 timer_ticks[MAX_CPUS], self_hits[MAX_CPUS];
static volatile u64 finish;
static volatile u32 ready;

static void on_timer(struct frame *f)
{
	timer_ticks[this_cpu()->index]++;
	apic_eoi();
}

static void on_self(struct frame *f)
{
	self_hits[this_cpu()->index]++;
	apic_eoi();
}

static void busy(u64 out)
{
	u32 me = this_cpu()->index;
	u64 seed = 0x1234567 + me, sum = 0, sent = 0, last = 0;

	irq_on();
	apic_timer(TIMER | LVT_PERIODIC, (u32)(apic_hz / 250));
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (rdtsc() < finish) {
		for (u32 i = 0; i < 1000; i++)
			sum += rng_next(&seed);
		/* One self-IPI after each timer tick; none is sent before the last has come. */
		if (timer_ticks[me] != last && self_hits[me] == sent) {
			last = timer_ticks[me];
			sent++;
			if (apic_x2)
				wrmsr(X2APIC_MSR(APIC_SELF_IPI), SELF);
			else
				apic_icr(0, SELF | ICR_SELF | ICR_ASSERT);
		}
	}
	apic_timer(TIMER | LVT_MASKED, 0);
	while (self_hits[me] != sent)
		cpu_relax();
	*(volatile u64 *)out = sum;
}

/* Asleep until the one timer shot that ends it. */
static void idle(u64 unused)
{
	u32 me = this_cpu()->index;

	irq_off();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		u64 now = rdtsc(), left = finish > now ? finish - now : 0, count;

		if (!left)
			break;
		count = left / (tsc_hz / 1000) * (apic_hz / 1000) + 1;
		if (count > 0xffffffff)
			count = 0xffffffff;
		apic_timer(TIMER, (u32)count);
		irq_on_halt();
		irq_off();
	}
	irq_on();
	timer_ticks[me] = 0;
}

void guest_main(void)
{
	u64 seconds = option_number("seconds", 10), sums[MAX_CPUS], least = ~0ull;
	void (*work)(u64) = option("idle") ? idle : busy;

	trap_set(TIMER, on_timer);
	trap_set(SELF, on_self);
	smp_start();
	finish = rdtsc() + seconds * tsc_hz + tsc_hz;
	for (u32 i = 1; i < machine.ncpus; i++)
		smp_post(i, work, (u64)&sums[i]);
	/* The harness counts exits between these two lines; the second after the first is ours. */
	delay_us(500000);
	print("steady begin %lu\n", seconds);
	delay_us(100000);
	work((u64)&sums[0]);
	for (u32 i = 1; i < machine.ncpus; i++)
		smp_wait(i);
	print("steady end\n");
	if (!option("idle")) {
		for (u32 i = 0; i < machine.ncpus; i++)
			if (timer_ticks[i] < least)
				least = timer_ticks[i];
		/* A starved emulator merges ticks; that there were many is what the count of exits needs. */
		EXPECT(least >= seconds * 10,
		       "each core had its timer's ticks (least %lu in %lu s)", least, seconds);
		for (u32 i = 0, ok = 1; i < machine.ncpus; i++) {
			ok &= self_hits[i] * 10 >= timer_ticks[i] * 9;
			if (i + 1 == machine.ncpus)
				EXPECT(ok, "and about as many self-IPIs");
		}
	}
	EXPECT(ready == machine.ncpus, "every core took part");
	EXPECT(!trap_unexpected, "no interrupt came unasked (%lu, vector %u)", trap_unexpected,
	       trap_unexpected_vector);
}
