/* Bringing the other cores up, and giving them work. */
#include "lib/internal.h"

extern const u8 trampoline_start[], trampoline_end[];
extern u64 ap_boot_stack;
struct cpu cpus[MAX_CPUS];
static struct cpu *volatile ap_boot_cpu;

static __noreturn void work(struct cpu *c)
{
	for (;;) {
		if (c->busy) {
			c->fn(c->arg);
			__atomic_store_n(&c->busy, false, __ATOMIC_RELEASE);
		}
		cpu_relax();
	}
}

void ap_start(void)
{
	struct cpu *c = ap_boot_cpu;

	cpu_load_tables(c);
	apic_enable(apic_x2);
	irq_on();
	__atomic_add_fetch(&c->online, 1, __ATOMIC_RELEASE);
	work(c);
}

bool smp_start_cpu(u32 index)
{
	struct cpu *c = &cpus[index];
	u32 before = c->online;

	memcpy((void *)TRAMPOLINE, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	c->busy = false;
	ap_boot_stack = (u64)c->stack + sizeof(c->stack);
	ap_boot_cpu = c;
	barrier();
	apic_icr(c->apic_id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	delay_us(200);
	for (u32 i = 0; i < 2 && c->online == before; i++) {
		apic_icr(c->apic_id, ICR_SIPI | ICR_ASSERT | (u32)(TRAMPOLINE >> 12));
		if (WAIT_FOR(c->online != before, 500000))
			break;
	}
	return c->online != before;
}

void smp_start(void)
{
	for (u32 i = 1; i < machine.ncpus; i++)
		if (!smp_start_cpu(i))
			fatal("core %u (APIC id %u) does not start", i, cpus[i].apic_id);
}

void smp_post(u32 index, void (*fn)(u64), u64 arg)
{
	struct cpu *c = &cpus[index];

	smp_wait(index);
	c->fn = fn;
	c->arg = arg;
	__atomic_store_n(&c->busy, true, __ATOMIC_RELEASE);
}

void smp_wait(u32 index)
{
	while (__atomic_load_n(&cpus[index].busy, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void guest_start(void)
{
	trap_init();
	cpu_load_tables(&cpus[0]);
	machine_read();
	cpus[0].online = 1;
	apic_enable(machine.has_x2apic && !option("xapic"));
	clock_init();
	guest_main();
	guest_end();
}
