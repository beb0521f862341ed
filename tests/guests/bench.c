/*
 * What an operation costs, in ticks of the TSC: the least of many tries. Under the emulator's
 * `-icount shift=0,sleep=off` one tick is one instruction of everything on the machine, so the
 * figures are exact and the same on every host. Lines: `bench name value`.
 *
 * Runs with 2 cores, below the hypervisor or on the bare emulator; the harness pairs the two.
 */
#include "lib/guest.h"

const char guest_name[] = "bench";

#define VECTOR 0x40
#define TRIES  200

/* Raw entries: what is counted is theirs alone. The time of arrival goes to `stamp`. */
static volatile u64 stamp __aligned(64);
void raw_x2(void);
void raw_x1(void);
asm(".text\n"
    ".globl raw_x2, raw_x1\n"
    "raw_x2:\n"
    "	pushq %rax\n	pushq %rdx\n	pushq %rcx\n"
    "	rdtsc\n	shlq $32, %rdx\n	orq %rdx, %rax\n	movq %rax, stamp\n"
    "	movl $0x80b, %ecx\n	xorl %eax, %eax\n	xorl %edx, %edx\n	wrmsr\n"
    "	popq %rcx\n	popq %rdx\n	popq %rax\n"
    "	iretq\n"
    "raw_x1:\n"
    "	pushq %rax\n	pushq %rdx\n"
    "	rdtsc\n	shlq $32, %rdx\n	orq %rdx, %rax\n	movq %rax, stamp\n"
    "	movl $0xfee000b0, %eax\n	movl $0, (%rax)\n"
    "	popq %rdx\n	popq %rax\n"
    "	iretq\n");

/* The least cost of a statement beyond what two readings of the clock cost. */
#define LEAST(statement)                             \
	({                                           \
		u64 best_ = ~0ull;                   \
		for (u32 i_ = 0; i_ < TRIES; i_++) { \
			u64 t_ = rdtsc();            \
			statement;                   \
			t_ = rdtsc() - t_;           \
			if (t_ < best_)              \
				best_ = t_;          \
		}                                    \
		best_ - clock_cost;                  \
	})

/* Ticks until the timer: more than setting it costs below any hypervisor, or it expires on the way. */
#define SOON 40000u

static u64 clock_cost;

static void report(const char *name, u64 value)
{
	print("bench %s %lu\n", name, value);
}

/* The longest gap between two readings of the clock over one timer interrupt is the interrupt. */
static u64 timer_interrupt(void)
{
	u64 best = ~0ull;

	for (u32 i = 0; i < TRIES; i++) {
		u64 last, now, gap = 0, shortest = ~0ull;

		stamp = 0;
		apic_timer(VECTOR, SOON + 7 * i);
		last = rdtsc();
		if (stamp)
			continue;
		for (u32 after = 0; after < 100; after += stamp != 0) {
			now = rdtsc();
			if (now - last > gap)
				gap = now - last;
			if (now - last < shortest)
				shortest = now - last;
			last = now;
		}
		if (gap - shortest < best)
			best = gap - shortest;
	}
	return best;
}

/* From the instant the timer was to expire to the interrupt's first instructions, asleep. */
static u64 halt_wake(void)
{
	u64 best = ~0ull;

	for (u32 i = 0; i < TRIES; i++) {
		u32 count = SOON + 11 * i;
		u64 due, t;

		irq_off();
		stamp = 0;
		t = rdtsc();
		apic_timer(VECTOR, count);
		due = t + (u64)count * (tsc_hz / 1000) / (apic_hz / 1000);
		while (!stamp) {
			irq_on_halt();
			irq_off();
		}
		if (stamp - due < best && (s64)(stamp - due) > 0)
			best = stamp - due;
	}
	irq_on();
	return best;
}

static void spin(u64 unused)
{
	while (!__atomic_load_n(&cpus[1].arg, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void sleep_until_told(u64 unused)
{
	while (!__atomic_load_n(&cpus[1].arg, __ATOMIC_ACQUIRE))
		irq_on_halt();
}

/* From the start of the write of the command register to the target's handler. */
static u64 ipi(void (*target)(u64))
{
	u64 best = ~0ull;

	smp_post(1, target, 0);
	for (u32 i = 0; i < TRIES; i++) {
		u64 t, patience;

		for (u32 k = 0; k < 300; k++) /* let the other one settle */
			cpu_relax();
		stamp = 0;
		t = rdtsc();
		if (apic_x2)
			wrmsr(0x830, (u64)cpus[1].apic_id << 32 | VECTOR | ICR_ASSERT);
		else {
			apic_write(APIC_ICR2, cpus[1].apic_id << 24);
			apic_write(APIC_ICR, VECTOR | ICR_ASSERT);
		}
		for (patience = 0; !stamp && patience < 10000000; patience++)
			cpu_relax();
		if (!stamp)
			fatal("an IPI did not arrive");
		if (stamp - t < best)
			best = stamp - t;
	}
	cpus[1].arg = 1;
	apic_icr(cpus[1].apic_id, VECTOR | ICR_ASSERT);
	smp_wait(1);
	return best;
}

void guest_main(void)
{
	u64 ecam = machine.ecam ? pci_ecam_address(0, 0, 0) : 0;
	u64 base = rdmsr(APIC_BASE_MSR), mtrr;
	bool has_mtrr = !rdmsr_safe(0x2ff, &mtrr);
	u32 r[4];

	report("entry_tsc", entry_tsc);
	trap_set_raw(VECTOR, apic_x2 ? raw_x2 : raw_x1, 0);
	smp_start();
	irq_on();
	clock_cost = 0;
	clock_cost = LEAST();
	report("clock", clock_cost);
	report("cpuid", LEAST(cpuid(0, 0, r)));
	report("cpuid_1", LEAST(cpuid(1, 0, r)));
	report("cpuid_d", LEAST(cpuid(0xd, 0, r)));
	report("rdmsr", LEAST(rdmsr(APIC_BASE_MSR)));
	if (has_mtrr)
		report("rdmsr_mtrr", LEAST(rdmsr(0x2ff)));
	report("wrmsr", LEAST(wrmsr(APIC_BASE_MSR, base)));
	if (has_mtrr)
		report("wrmsr_mtrr", LEAST(wrmsr(0x2ff, mtrr)));
	report("uart_read", LEAST(inb(0x3fd)));
	report("cf8_read", LEAST({
		       outl(0xcf8, 0x80000000u);
		       inl(0xcfc);
	       }));
	if (ecam)
		report("ecam_read", LEAST(mmio_read32(ecam)));
	if (machine.pm_timer)
		report("pm_timer", LEAST(inl((u16)machine.pm_timer)));
	if (apic_x2)
		report("self_ipi", LEAST({
			       stamp = 0;
			       wrmsr(0x83f, VECTOR);
			       while (!stamp)
				       barrier();
		       }));
	report("self_ipi_icr", LEAST({
		       stamp = 0;
		       apic_write(APIC_ICR, VECTOR | ICR_SELF | ICR_ASSERT);
		       while (!stamp)
			       barrier();
	       }));
	report("timer_irq", timer_interrupt());
	report("hlt_wake", halt_wake());
	if (machine.ncpus > 1) {
		report("ipi_spinning", ipi(spin));
		report("ipi_halted", ipi(sleep_until_told));
	}
	EXPECT(!trap_unexpected, "no interrupt came unasked");
}
