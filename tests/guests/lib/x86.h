/*
 * Instructions C has no words for. The `_safe` forms return what was raised instead of dying:
 * 0 for nothing, else TRAPPED(vector, error code).
 */
#pragma once

#include "core/base/types.h"

#define EFLAGS_IF 0x200ull

/* What a `_safe` instruction returns when it raised exception `vector`. */
#define TRAPPED_BIT	   (1ull << 63)
#define TRAPPED(vec, code) (TRAPPED_BIT | (u64)(vec) << 32 | (code))
#define TRAPPED_VECTOR(t)  ((u32)((t) >> 32 & 0xff))
#define TRAP_DB		   1
#define TRAP_UD		   6
#define TRAP_DF		   8
#define TRAP_GP		   13
#define TRAP_PF		   14
#define TRAP_AC		   17
#define TRAP_MC		   18

/*
 * An instruction that may fault: on a fault the trap handler puts TRAPPED() in %r11 and goes on
 * behind it. Use with `xorl %%r11d, %%r11d` in front and r11 as the result.
 */
#define SAFE(insn)                               \
	"xorl %%r11d, %%r11d\n1: " insn "\n2:\n" \
	".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection\n"
#define SAFE_OUT(var) register u64 var asm("r11")

static inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

static inline void barrier(void)
{
	asm volatile("" ::: "memory");
}

static inline void irq_on(void)
{
	asm volatile("sti" ::: "memory");
}

static inline void irq_off(void)
{
	asm volatile("cli" ::: "memory");
}

static inline u64 irq_save(void)
{
	u64 flags;

	asm volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
	return flags;
}

static inline void irq_restore(u64 flags)
{
	if (flags & EFLAGS_IF)
		irq_on();
}

/* Sleep until an interrupt; STI's shadow makes sure that none is lost in between. */
static inline void irq_on_halt(void)
{
	asm volatile("sti; hlt" ::: "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile("cpuid"
		     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(sub));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline u64 rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0;
	SAFE_OUT(t);

	asm volatile(SAFE("rdmsr") : "+a"(lo), "+d"(hi), "=r"(t) : "c"(msr) : "memory");
	*v = (u64)hi << 32 | lo;
	return t;
}

static inline u64 wrmsr_safe(u32 msr, u64 v)
{
	SAFE_OUT(t);

	asm volatile(SAFE("wrmsr")
		     : "=r"(t)
		     : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
		     : "memory");
	return t;
}

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 v)
{
	asm volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

#define DEFINE_CR(n)                                                                   \
	static inline u64 read_cr##n(void)                                             \
	{                                                                              \
		u64 v;                                                                 \
		asm volatile("movq %%cr" #n ", %0" : "=r"(v)::"memory");               \
		return v;                                                              \
	}                                                                              \
	static inline u64 write_cr##n##_safe(u64 v)                                    \
	{                                                                              \
		SAFE_OUT(t);                                                           \
		asm volatile(SAFE("movq %1, %%cr" #n) : "=&r"(t) : "r"(v) : "memory"); \
		return t;                                                              \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
DEFINE_CR(8)
#undef DEFINE_CR

static inline u64 xsetbv_safe(u32 index, u64 v)
{
	SAFE_OUT(t);

	asm volatile(SAFE("xsetbv")
		     : "=r"(t)
		     : "c"(index), "a"((u32)v), "d"((u32)(v >> 32))
		     : "memory");
	return t;
}

static inline u64 xgetbv(u32 index)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return (u64)hi << 32 | lo;
}

static inline u8 mmio_read8(u64 a)
{
	u8 v;

	asm volatile("movb %1, %0" : "=q"(v) : "m"(*(volatile u8 *)a) : "memory");
	return v;
}

static inline u16 mmio_read16(u64 a)
{
	u16 v;

	asm volatile("movw %1, %0" : "=r"(v) : "m"(*(volatile u16 *)a) : "memory");
	return v;
}

static inline u32 mmio_read32(u64 a)
{
	u32 v;

	asm volatile("movl %1, %0" : "=r"(v) : "m"(*(volatile u32 *)a) : "memory");
	return v;
}

static inline void mmio_write32(u64 a, u32 v)
{
	asm volatile("movl %1, %0" : "=m"(*(volatile u32 *)a) : "r"(v) : "memory");
}
