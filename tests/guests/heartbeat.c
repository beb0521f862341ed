/*
 * The neighbour: minds its own business for `seconds=N` (default 10), or until somebody outside
 * writes the word of its memory that `until=ADDRESS` names, and notices everything that is not its
 * own: a changed word in `mib=N` MiB of memory a core, an interrupt or NMI it did not ask for, a
 * clock that goes back, a timer that stops.
 */
#include "lib/guest.h"

const char guest_name[] = "heartbeat";

#define TIMER 0x40

static volatile u64 ticks[MAX_CPUS];
static u64 rounds[MAX_CPUS], changed[MAX_CPUS], backward[MAX_CPUS], longest[MAX_CPUS];
static u64 region, words, begun, finish;
static volatile u64 nmis;

static const volatile u32 nobody;
static const volatile u32 *until = &nobody; /* not zero: time to end */

static void on_timer(struct frame *f)
{
	ticks[this_cpu()->index]++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	nmis++;
}

static u64 *home(u32 cpu)
{
	return (u64 *)(region + (u64)cpu * words * 8);
}

static void live(u64 unused)
{
	u32 me = this_cpu()->index;
	u64 *mine = home(me), salt = 0x9e3779b97f4a7c15ull * (me + 1), last, beat;

	irq_on();
	for (u64 i = 0; i < words; i++)
		mine[i] = i * salt;
	apic_timer(TIMER | LVT_PERIODIC, (u32)(apic_hz / 100));
	last = beat = rdtsc();
	while (last < finish && !*until) {
		u64 now;

		for (u64 i = 0; i < words; i++) {
			if (mine[i] != i * salt)
				changed[me]++;
			if (i % 4096)
				continue;
			now = rdtsc();
			backward[me] += now < last;
			if (now - last > longest[me])
				longest[me] = now - last;
			last = now;
		}
		rounds[me]++;
		salt += 2; /* and every round writes it anew */
		for (u64 i = 0; i < words; i++)
			mine[i] = i * salt;
		now = rdtsc();
		if (!me && now - beat > tsc_hz) {
			beat = now;
			print("beat %lu rounds %lu ticks %lu\n", now / (tsc_hz / 1000), rounds[0],
			      ticks[0]);
		}
		last = now;
	}
	apic_timer(TIMER | LVT_MASKED, 0);
}

void guest_main(void)
{
	u64 seconds = option_number("seconds", 10), mib = option_number("mib", 4), least = ~0ull;

	if (option_number("until", 0))
		until = (const volatile u32 *)option_number("until", 0);
	words = mib << 17;
	region = MIB(8);
	for (u32 i = 0; i < machine.nranges; i++)
		if (machine.ranges[i].type == 1 && machine.ranges[i].base <= region)
			EXPECT(machine.ranges[i].base + machine.ranges[i].size >=
				       region + mib * MIB(1) * machine.ncpus ||
				   machine.ranges[i].base + machine.ranges[i].size <= region,
			       "the memory is enough for range %u", i);
	trap_set(TIMER, on_timer);
	trap_set(2, on_nmi);
	smp_start();
	begun = rdtsc();
	finish = begun + seconds * tsc_hz;
	print("heartbeat begin\n");
	for (u32 i = 1; i < machine.ncpus; i++)
		smp_post(i, live, 0);
	live(0);
	for (u32 i = 1; i < machine.ncpus; i++)
		smp_wait(i);
	seconds = (rdtsc() - begun) / tsc_hz;
	for (u32 i = 0; i < machine.ncpus; i++) {
		if (ticks[i] < least)
			least = ticks[i];
		EXPECT(rounds[i] && !changed[i],
		       "core %u: memory intact through %lu rounds (%lu words changed)", i,
		       rounds[i], changed[i]);
		EXPECT(!backward[i], "core %u: its clock never went back", i);
		print("core %u: longest pause %lu us\n", i, longest[i] / (tsc_hz / 1000000));
	}
	EXPECT(least >= seconds, "the timer kept ticking (%lu in %lu s)", least, seconds);
	EXPECT(!trap_unexpected, "no foreign interrupt (%lu, vector %u)", trap_unexpected,
	       trap_unexpected_vector);
	EXPECT(!nmis, "no foreign NMI (%lu)", nmis);
	for (u32 i = 1; i < machine.ncpus; i++)
		EXPECT(cpus[i].online == 1, "core %u was not restarted", i);
}
