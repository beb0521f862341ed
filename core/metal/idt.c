#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/apic.h"
#include "core/metal/layout.h"
#include "core/metal/panic.h"

extern const char trap_stubs[], trap_discard[];
extern const char park_begin[], park_end[];			    /* park.S */
extern const char vmx_window_begin[], vmx_window_end[], vmx_stay[]; /* vmx/enter.S */
void trap(struct trap_frame *f);

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, reserved;
};

static struct gate idt[256] __aligned(16);
static struct gate discard[256] __aligned(16);

/* Instructions allowed to raise #GP, and where they go on. */
struct fixup {
	u64 at, to;
};
extern const char rdmsr_at[], rdmsr_bad[], wrmsr_at[], wrmsr_bad[];

__attribute__((noipa)) bool rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo, hi, ok = 1;

	asm volatile(".globl rdmsr_at, rdmsr_bad\n"
		     "rdmsr_at: rdmsr\n\t"
		     "jmp 1f\n"
		     "rdmsr_bad: xorl %2, %2\n1:"
		     : "=a"(lo), "=d"(hi), "+r"(ok)
		     : "c"(msr));
	*v = (u64)hi << 32 | lo;
	return ok;
}

__attribute__((noipa)) bool wrmsr_safe(u32 msr, u64 v)
{
	u32 ok = 1;

	asm volatile(".globl wrmsr_at, wrmsr_bad\n"
		     "wrmsr_at: wrmsr\n\t"
		     "jmp 1f\n"
		     "wrmsr_bad: xorl %0, %0\n1:"
		     : "+r"(ok)
		     : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
		     : "memory");
	return ok;
}

/*
 * Code between a look at what is asked for and the instruction that would be too late to look after,
 * a halt or an entry into a guest: an NMI there goes on where the code looks again.
 */
static const struct {
	const char *begin, *end, *go_on;
} windows[] = {
    {park_begin, park_end, park_end},
    {vmx_window_begin, vmx_window_end, vmx_stay},
};

static struct gate make_gate(const char *handler, u8 ist)
{
	u64 at = (u64)handler;

	return (struct gate){
	    .offset0 = (u16)at,
	    .selector = SEL_CODE64,
	    .ist = ist,
	    .type = 0x8e,
	    .offset1 = (u16)(at >> 16),
	    .offset2 = (u32)(at >> 32),
	};
}

void idt_init(void)
{
	for (u32 v = 0; v < 256; v++) {
		u8 ist = v == 2 ? IST_NMI : v == 8 ? IST_DF : v == 18 ? IST_MC : 0;

		idt[v] = make_gate(trap_stubs + v * 16, ist);
		discard[v] = v == 2 ? idt[v] : make_gate(trap_discard, 0);
	}
}

static void load(const struct gate *table)
{
	struct {
		u16 limit;
		u64 base;
	} __packed p = {sizeof(idt) - 1, (u64)table};

	asm volatile("lidt %0" : : "m"(p));
}

void idt_load(void)
{
	load(idt);
}

void idt_load_discard(void)
{
	load(discard);
}

static bool fix_up(struct trap_frame *f)
{
	const struct fixup fixups[] = {
	    {(u64)rdmsr_at, (u64)rdmsr_bad},
	    {(u64)wrmsr_at, (u64)wrmsr_bad},
	};

	for (u32 i = 0; i < ARRAY_SIZE(fixups); i++) {
		if (f->rip == fixups[i].at) {
			f->rip = fixups[i].to;
			return true;
		}
	}
	return false;
}

void trap(struct trap_frame *f)
{
	switch (f->vector) {
	case 2:
		/* The kick: it has done its work by making the core leave the guest. */
		panic_nmi(f);
		for (u32 i = 0; i < ARRAY_SIZE(windows); i++)
			if (f->rip >= (u64)windows[i].begin && f->rip < (u64)windows[i].end)
				f->rip = (u64)windows[i].go_on;
		return;
	case 13:
		if (fix_up(f))
			return;
		break;
	case VECTOR_SPURIOUS:
		return;
	default:
		if (f->vector >= 32) {
			apic_eoi();
			host_interrupt((u8)f->vector);
			return;
		}
	}
	panic_trap(f);
}
