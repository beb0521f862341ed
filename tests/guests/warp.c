/*
 * Passes a turn between core 0 and each other core and watches whether the time stamp ever went
 * back on the way. CPUID may promise an invariant TSC only where it did not.
 */
#include "lib/guest.h"

const char guest_name[] = "warp";

#define TURNS 20000

static volatile u64 turn __aligned(64);
static volatile u64 last __aligned(64);
static u64 worst;

static void side(u64 parity)
{
	for (u64 i = parity; i < TURNS; i += 2) {
		u64 now, patience = 0;

		while (turn != i)
			if (++patience % 64 == 0)
				cpu_relax();
		now = rdtsc();
		if (now < last && last - now > worst)
			worst = last - now;
		last = now;
		turn = i + 1;
	}
}

void guest_main(void)
{
	u32 r[4];
	bool promised;

	cpuid(0x80000000, 0, r);
	promised = r[0] >= 0x80000007;
	if (promised) {
		cpuid(0x80000007, 0, r);
		promised = r[3] >> 8 & 1;
	}
	smp_start();
	for (u32 i = 1; i < machine.ncpus; i++) {
		turn = 0;
		smp_post(i, side, 1);
		side(0);
		smp_wait(i);
	}
	print("warp %lu ticks over %u cores, invariant TSC %s\n", worst, machine.ncpus,
	      promised ? "promised" : "not promised");
	EXPECT(!promised || !worst, "a promised invariant TSC never goes back (%lu)", worst);
}
