/*
 * All cores up, and every way one core may signal another of the same guest: fixed interrupts by
 * physical and logical destination and by each shorthand, NMIs, INIT and start-up again.
 * Also what NMIs promise: none is lost, none nests before IRET, and one is kept meanwhile.
 */
#include "lib/guest.h"

const char guest_name[] = "smp";

#define VECTOR 0x51

static volatile u64 hits[MAX_CPUS], nmis[MAX_CPUS];
static volatile u32 nmi_depth, nmi_nested;
static volatile bool hold_nmi, nmi_saw_flag;

static void on_ipi(struct frame *f)
{
	__atomic_add_fetch(&hits[this_cpu()->index], 1, __ATOMIC_RELAXED);
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	u32 me = this_cpu()->index;

	if (__atomic_add_fetch(&nmi_depth, 1, __ATOMIC_SEQ_CST) > 1 && hold_nmi)
		nmi_nested++;
	if (hold_nmi && nmis[me] == 0) {
		/* A second one comes while we are in here: it must wait for our IRET. */
		nmis[me] = 1;
		if (machine.ncpus > 1)
			WAIT_FOR(nmi_saw_flag, 2000000);
		else
			apic_icr(cpus[0].apic_id, ICR_NMI | ICR_ASSERT);
		delay_us(2000);
		if (nmis[me] != 1)
			nmi_nested++;
	} else
		__atomic_add_fetch(&nmis[me], 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&nmi_depth, 1, __ATOMIC_SEQ_CST);
}

static void clear(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		hits[i] = nmis[i] = 0;
}

/* Each core of the mask was hit exactly `n` times, every other one never. */
static bool hit(const volatile u64 *what, u64 mask, u64 n)
{
	bool all = WAIT_FOR(({
				    bool yes = true;
				    for (u32 i = 0; i < machine.ncpus; i++)
					    yes &= what[i] == (mask >> i & 1 ? n : 0);
				    yes;
			    }),
			    1000000);

	delay_us(2000); /* time for one too many */
	for (u32 i = 0; i < machine.ncpus; i++)
		all &= what[i] == (mask >> i & 1 ? n : 0);
	return all;
}

static u32 logical_id(u32 cpu)
{
	u32 x = cpus[cpu].apic_id;

	return apic_x2 ? (x >> 4) << 16 | 1u << (x & 15) : 1u << (cpu & 7);
}

static void read_ldr(u64 out)
{
	*(u32 *)out = apic_read(APIC_LDR);
}

static void check_fixed(u64 all)
{
	u64 me = 1;
	bool logical = true;

	for (u32 i = 0; i < machine.ncpus; i++) {
		clear();
		apic_icr(cpus[i].apic_id, VECTOR | ICR_ASSERT);
		EXPECT(hit(hits, 1ull << i, 1), "a fixed IPI reaches core %u and no other", i);
	}
	clear();
	apic_icr(0, VECTOR | ICR_SELF | ICR_ASSERT);
	EXPECT(hit(hits, me, 1), "shorthand self");
	clear();
	apic_icr(0, VECTOR | ICR_ALL | ICR_ASSERT);
	EXPECT(hit(hits, all, 1), "shorthand all, self included");
	clear();
	apic_icr(0, VECTOR | ICR_ALL_BUT | ICR_ASSERT);
	EXPECT(hit(hits, all & ~me, 1), "shorthand all but self");
	clear();
	apic_icr(apic_x2 ? ~0u : 0xff, VECTOR | ICR_ASSERT);
	EXPECT(hit(hits, all, 1), "physical broadcast");
	for (u32 i = 0; i < machine.ncpus; i++) {
		u32 ldr = 0, want = logical_id(i);

		if (i)
			smp_run(i, read_ldr, (u64)&ldr);
		else
			ldr = apic_read(APIC_LDR);
		EXPECT((apic_x2 ? ldr : ldr >> 24) == want, "core %u has logical id %#x (%#x)", i,
		       want, ldr);
		clear();
		apic_icr(want, VECTOR | ICR_LOGICAL | ICR_ASSERT);
		logical &= hit(hits, 1ull << i, 1);
	}
	EXPECT(logical, "a logical destination reaches each core alone");
	clear();
	apic_icr(apic_x2 ? 0xffff : 0xff, VECTOR | ICR_LOGICAL | ICR_ASSERT);
	EXPECT(hit(hits, machine.ncpus >= 16 ? all & 0xffff : all, 1),
	       "a logical destination with every bit reaches the whole cluster");
	clear();
	apic_icr(logical_id(0), VECTOR | ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT);
	EXPECT(hit(hits, me, 1), "lowest priority with one candidate");
	clear();
	for (u32 n = 0; n < 1000; n++) {
		u64 before = hits[machine.ncpus - 1];

		apic_icr(cpus[machine.ncpus - 1].apic_id, VECTOR | ICR_ASSERT);
		WAIT_FOR(hits[machine.ncpus - 1] != before, 5000000);
	}
	EXPECT(hit(hits, 1ull << (machine.ncpus - 1), 1000), "1000 IPIs one by one: none is lost");
	if (apic_x2) {
		clear();
		apic_write(APIC_SELF_IPI, VECTOR);
		EXPECT(hit(hits, me, 1), "the self-IPI register");
	}
}

static void hold_and_wait(u64 unused)
{
	for (u32 i = 0; i < 100 && nmis[this_cpu()->index] < 2; i++)
		delay_us(10000);
}

static void check_nmi(u64 all)
{
	u32 last = machine.ncpus - 1;
	bool lost = false;

	trap_set(2, on_nmi);
	for (u32 i = 0; i < machine.ncpus; i++) {
		clear();
		apic_icr(cpus[i].apic_id, ICR_NMI | ICR_ASSERT);
		EXPECT(hit(nmis, 1ull << i, 1), "an NMI reaches core %u and no other", i);
	}
	clear();
	apic_icr(0, ICR_NMI | ICR_ALL_BUT | ICR_ASSERT);
	EXPECT(hit(nmis, all & ~1ull, 1), "NMI to all but self");
	clear();
	for (u32 n = 1; n <= 200; n++) {
		apic_icr(cpus[last].apic_id, ICR_NMI | ICR_ASSERT);
		lost |= !WAIT_FOR(nmis[last] == n, 5000000);
	}
	EXPECT(!lost, "200 NMIs one by one: none is lost");

	/* The window: NMIs that come inside the handler wait for its IRET; one of them is kept. */
	clear();
	hold_nmi = true;
	nmi_saw_flag = false;
	if (last) {
		smp_post(last, hold_and_wait, 0);
		apic_icr(cpus[last].apic_id, ICR_NMI | ICR_ASSERT);
		EXPECT(WAIT_FOR(nmis[last] == 1, 1000000), "the held handler began");
		apic_icr(cpus[last].apic_id, ICR_NMI | ICR_ASSERT);
		apic_icr(cpus[last].apic_id, ICR_NMI | ICR_ASSERT);
		delay_us(1000);
		nmi_saw_flag = true;
		smp_wait(last);
	} else {
		apic_icr(cpus[0].apic_id, ICR_NMI | ICR_ASSERT);
		hold_and_wait(0);
	}
	EXPECT(!nmi_nested, "no NMI nests in the handler of another");
	EXPECT(nmis[last] >= 2, "one that came meanwhile is delivered after IRET (%lu seen)",
	       nmis[last]);
	hold_nmi = false;

	/* With interrupts off an NMI still comes. */
	clear();
	irq_off();
	apic_icr(cpus[0].apic_id, ICR_NMI | ICR_ASSERT);
	EXPECT(hit(nmis, 1, 1), "an NMI ignores EFLAGS.IF");
	irq_on();
}

static void halt_off(u64 unused)
{
	irq_off();
	asm volatile("hlt" ::: "memory");
	irq_on();
}

static volatile u32 wakes;
static void halt_loop(u64 unused)
{
	u64 last = 0; /* hits of this core that were seen */

	while (wakes < 100) {
		irq_off();
		if (hits[this_cpu()->index] == last)
			irq_on_halt();
		else
			irq_on();
		if (hits[this_cpu()->index] != last) {
			last = hits[this_cpu()->index];
			wakes++;
		}
	}
}

static void check_halted(void)
{
	u32 last = machine.ncpus - 1;
	bool lost = false;

	clear();
	smp_post(last, halt_loop, 0);
	for (u32 n = 0; n < 100; n++) {
		delay_us(200);
		apic_icr(cpus[last].apic_id, VECTOR | ICR_ASSERT);
		lost |= !WAIT_FOR(wakes > n, 2000000);
	}
	EXPECT(!lost, "100 IPIs wake a core out of HLT, each time");
	if (lost)
		wakes = 100, apic_icr(cpus[last].apic_id, VECTOR | ICR_ASSERT);
	smp_wait(last);
	clear();
	smp_post(last, halt_off, 0);
	for (u32 i = 0; i < 100 && cpus[last].busy; i++) { /* the first may come before the HLT */
		delay_us(3000);
		apic_icr(cpus[last].apic_id, ICR_NMI | ICR_ASSERT);
		WAIT_FOR(!cpus[last].busy, 50000);
	}
	EXPECT(!cpus[last].busy, "an NMI wakes a core that sleeps with interrupts off");
}

static void check_restart(void)
{
	u32 last = machine.ncpus - 1, before = cpus[last].online;

	/* INIT stops it, wherever it is; a start-up brings it back through the trampoline. */
	EXPECT(smp_start_cpu(last) && cpus[last].online == before + 1,
	       "INIT and start-up bring core %u round again", last);
	clear();
	apic_icr(cpus[last].apic_id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	delay_us(1000);
	apic_icr(cpus[last].apic_id, VECTOR | ICR_ASSERT);
	delay_us(5000);
	EXPECT(!hits[last], "a core that waits for start-up takes no interrupt");
	EXPECT(smp_start_cpu(last), "and starts again");
	for (u32 i = 0; i < 10; i++)
		if (!EXPECT(smp_start_cpu(last), "restart %u", i))
			break;
}

void guest_main(void)
{
	u64 all;

	print("%u cores, %s\n", machine.ncpus, apic_x2 ? "x2apic" : "xapic");
	trap_set(VECTOR, on_ipi);
	smp_start();
	EXPECT(machine.ncpus > 1, "more than one core");
	for (u32 i = 0; i < machine.ncpus; i++)
		EXPECT(cpus[i].online == 1, "core %u is up, once", i);
	all = machine.ncpus >= 64 ? ~0ull : (1ull << machine.ncpus) - 1;
	irq_on();
	check_fixed(all);
	check_nmi(all);
	if (machine.ncpus > 1) {
		check_halted();
		check_restart();
	}
	EXPECT(!trap_unexpected, "no interrupt came unasked (%lu, vector %u)", trap_unexpected,
	       trap_unexpected_vector);
}
