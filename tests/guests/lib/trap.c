/* Descriptor tables, exceptions that are expected, and interrupts that are not. */
#include "lib/internal.h"

struct gate {
	u16 low, selector;
	u8 ist, type;
	u16 mid;
	u32 high, reserved;
} __packed;

struct extable {
	u64 from, to;
};

extern const struct extable extable_start[], extable_end[];
extern u8 isr_table[];
extern u64 gdt[];
static struct gate idt[256] __aligned(16);
static trap_handler handlers[256];
volatile u64 trap_unexpected;
volatile u32 trap_unexpected_vector;

static void set_gate(u32 vector, u64 entry, u8 ist)
{
	idt[vector] = (struct gate){.low = (u16)entry,
				    .selector = 0x10,
				    .ist = ist,
				    .type = 0x8e,
				    .mid = (u16)(entry >> 16),
				    .high = (u32)(entry >> 32)};
}

static u8 stack_of(u32 vector)
{
	return vector == 2 ? 1 : vector == TRAP_DF || vector == TRAP_MC ? 2 : 0;
}

void trap_set(u32 vector, trap_handler handler)
{
	handlers[vector] = handler;
	set_gate(vector, (u64)isr_table + 16 * vector, stack_of(vector));
}

void trap_set_raw(u32 vector, void (*entry)(void), u8 ist)
{
	set_gate(vector, (u64)entry, ist);
}

void trap_dispatch(struct frame *f)
{
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	if (f->vector < 32 && f->vector != 2) {
		for (const struct extable *e = extable_start; e < extable_end; e++)
			if (e->from == f->ip) {
				f->r11 = TRAPPED(f->vector, (u32)f->error);
				f->ip = e->to;
				return;
			}
		fatal("exception %u error %x at %#lx, flags %#lx, cr2 %#lx, on core %u",
		      (u32)f->vector, (u32)f->error, f->ip, f->flags, read_cr2(),
		      this_cpu()->index);
	}
	trap_unexpected_vector = (u32)f->vector;
	__atomic_add_fetch(&trap_unexpected, 1, __ATOMIC_RELAXED);
	if (f->vector >= 32 && f->vector != SPURIOUS)
		apic_eoi();
}

void trap_load(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed r = {sizeof(idt) - 1, (u64)idt};

	asm volatile("lidt %0" ::"m"(r));
}

void cpu_load_tables(struct cpu *c)
{
	struct {
		u16 limit;
		u64 base;
	} __packed r = {sizeof(c->gdt) - 1, (u64)c->gdt};
	u64 tss = (u64)c->tss;

	c->self = c;
	for (u32 i = 0; i < 6; i++)
		c->gdt[i] = gdt[i];
	c->gdt[6] = (sizeof(c->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
		    (tss >> 24 & 0xff) << 56;
	c->gdt[7] = tss >> 32;
	*(u64 *)&c->tss[1] = (u64)c->fault_stack + sizeof(c->fault_stack); /* RSP0 */
	*(u64 *)&c->tss[9] = (u64)c->nmi_stack + sizeof(c->nmi_stack);	   /* IST1 */
	*(u64 *)&c->tss[11] = (u64)c->fault_stack + sizeof(c->fault_stack);
	c->tss[25] = sizeof(c->tss) << 16;
	asm volatile("lgdt %0; ltr %w1" ::"m"(r), "r"(0x30));
	wrmsr(0xc0000101, (u64)c);
	trap_load();
}

void trap_init(void)
{
	for (u32 v = 0; v < 256; v++)
		set_gate(v, (u64)isr_table + 16 * v, stack_of(v));
}
