#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/layout.h"

struct cpu *cpus;
u32 ncpus;

#define MSR_GS_BASE 0xc0000101

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __packed;

void cpu_load(struct cpu *c)
{
	u64 tss = (u64)&c->tss;
	u64 slot = STACK_BASE + (u64)c->index * STACK_SLOT;

	c->self = c;
	c->stack_top = slot + STACK_MAIN + STACK_MAIN_SIZE;
	c->tss = (struct tss){.iomap = sizeof(struct tss)};
	c->tss.rsp[0] = c->stack_top;
	c->tss.ist[IST_NMI - 1] = slot + STACK_NMI + STACK_IST_SIZE;
	c->tss.ist[IST_DF - 1] = slot + STACK_DF + STACK_IST_SIZE;
	c->tss.ist[IST_MC - 1] = slot + STACK_MC + STACK_IST_SIZE;
	c->gdt[0] = 0;
	c->gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	c->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	c->gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffff;
	c->gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
			      (tss >> 24 & 0xff) << 56;
	c->gdt[SEL_TSS / 8 + 1] = tss >> 32;

	struct descriptor_pointer gdt = {sizeof(c->gdt) - 1, (u64)c->gdt};

	asm volatile("lgdt %0\n\t"
		     "mov %1, %%ds; mov %1, %%es; mov %1, %%ss; mov %2, %%fs; mov %2, %%gs\n\t"
		     "pushq %3; leaq 1f(%%rip), %%rax; pushq %%rax; lretq\n1:"
		     :
		     : "m"(gdt), "r"(SEL_DATA), "r"(0), "i"(SEL_CODE64)
		     : "rax", "memory");
	asm volatile("ltr %w0" : : "r"(SEL_TSS));
	wrmsr(MSR_GS_BASE, (u64)c);
	idt_load();
}

static u32 width_of(u32 n)
{
	u32 w = 0;

	while ((1u << w) < n)
		w++;
	return w;
}

/*
 * Leaf 0Bh: a level in each subleaf, told by its type, 1 threads and 2 cores, with the number of APIC
 * id bits up to it; type 0 ends the list (SDM 2A). Not every processor lists threads. False: no level.
 */
static bool read_topology_levels(struct cpu *c)
{
	u32 r[4], type, smt = 0, package = 0, sub = 0;

	for (; sub < 8; sub++) {
		cpuid(0xb, sub, r);
		type = r[2] >> 8 & 0xff;
		if (!type)
			break;
		package = r[0] & 31;
		if (type == 1)
			smt = package;
	}
	if (!sub)
		return false;
	c->thread = c->apic_id & ((1u << smt) - 1);
	c->core = (c->apic_id & ((1u << package) - 1)) >> smt;
	c->package = c->apic_id >> package;
	return true;
}

void cpu_read_topology(struct cpu *c)
{
	u32 r[4], max;

	cpuid(0, 0, r);
	max = r[0];
	c->package = c->apic_id;
	c->core = c->thread = 0;
	if (max >= 0xb && read_topology_levels(c))
		return;
	cpuid(0x80000000, 0, r);
	if (r[0] >= 0x8000001e) {
		/* APM 3 E.4.16: EBX[15:8] threads a core - 1; 80000008h ECX[15:12] APIC id bits. */
		u32 s[4], pkg;

		cpuid(0x8000001e, 0, r);
		cpuid(0x80000008, 0, s);
		u32 smt = width_of((r[1] >> 8 & 0xff) + 1);

		pkg = s[2] >> 12 & 15 ? s[2] >> 12 & 15 : width_of((s[2] & 0xff) + 1);
		c->thread = c->apic_id & ((1u << smt) - 1);
		c->core = (c->apic_id & ((1u << pkg) - 1)) >> smt;
		c->package = c->apic_id >> pkg;
	}
}

#define CR4_OSXSAVE (1ull << 18)

/* Back to their initial values: XRSTOR of an area that has none. */
static void clear_vectors(void)
{
	static const u8 initial[576] __aligned(64) = {
	    [0] = 0x7f, [1] = 0x03, [24] = 0x80, [25] = 0x1f};

	if (read_cr4() & CR4_OSXSAVE) {
		asm volatile("xrstor64 %0" : : "m"(initial), "a"(~0u), "d"(~0u));
		write_xcr0(1);
	} else {
		asm volatile("fxrstor64 %0" : : "m"(initial));
	}
}

void cpu_clear_guest_registers(void)
{
	asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0ull));
	asm volatile("mov %0, %%dr6; mov %1, %%dr7" : : "r"(0xffff0ff0ull), "r"(0x400ull));
	write_cr2(0);
	clear_vectors();
}

struct cpu *cpu_by_apic_id(u32 id)
{
	for (u32 i = 0; i < ncpus; i++)
		if (cpus[i].apic_id == id)
			return &cpus[i];
	return NULL;
}
