/*
 * The runtime below every tiny guest. A guest defines guest_main(); the runtime brings it up from
 * the PVH entry (one core, interrupts off, identity map of 16 GiB, console), and prints the tally
 * and ends the machine when it returns.
 *
 * Results are lines on the serial port: `ok - words` or `not ok - words`, then
 * `GUEST name: N passed, N failed`. The harness reads nothing else.
 */
#pragma once

#include <stdarg.h>
#include "core/base/types.h"
#include "core/base/mem.h"
#include "lib/x86.h"

/* ---- what a guest provides ------------------------------------------------------------------ */

extern const char guest_name[];
void guest_main(void);

/* ---- console and results -------------------------------------------------------------------- */

void print(const char *format, ...) __printf(1, 2);
void vprint(const char *format, va_list ap) __printf(1, 0);

/* Count and print one result. Returns the condition. */
bool expect(bool cond, const char *file, int line, const char *format, ...) __printf(4, 5);
#define EXPECT(cond, ...)                                                                       \
	({                                                                                      \
		bool expect_cond_ = (cond); /* before the words, which may print what it set */ \
		expect(expect_cond_, __FILE__, __LINE__, __VA_ARGS__);                          \
	})

__noreturn void fatal(const char *format, ...) __printf(1, 2);

/* ---- the command line: words `key` or `key=value` ------------------------------------------- */

bool option(const char *key);
u64 option_number(const char *key, u64 otherwise);
bool option_is(const char *key, const char *value);
const char *option_text(const char *key, char *buf, size_t size);

/* ---- the machine ---------------------------------------------------------------------------- */

struct memory_range {
	u64 base, size;
	u32 type; /* E820: 1 RAM */
	u32 reserved;
};

struct guest_machine {
	bool caprock;	 /* a Hyper-V style hypervisor that is not the bare emulator is below us */
	bool has_x2apic; /* by CPUID */
	bool reduced;	 /* hardware-reduced ACPI */
	u32 nranges;
	const struct memory_range *ranges;
	u32 ncpus; /* enabled entries of the MADT */
	u64 ecam;
	u8 ecam_first, ecam_last;
	u64 pm_timer;  /* port, 0: none */
	u64 sleep_reg; /* hardware-reduced sleep control or PM1a control: port */
	u8 sleep_s5;   /* SLP_TYP of S5 */
	u64 reset_reg; /* port */
	u8 reset_value;
	u64 ioapic;
};
extern struct guest_machine machine;
extern u64 entry_tsc;

/* Find an ACPI table by signature; NULL when there is none. */
const void *acpi_find(const char *signature);

/* ---- time ----------------------------------------------------------------------------------- */

extern u64 tsc_hz, apic_hz; /* apic_hz: the timer's input before its divider */
void delay_us(u64 us);
static inline u64 tsc_us(u64 us)
{
	return tsc_hz / 1000 * us / 1000;
}

/* ---- traps ---------------------------------------------------------------------------------- */

struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, bp, di, si, dx, cx, bx, ax;
	u64 vector, error;
	u64 ip, cs, flags, sp, ss;
};

typedef void (*trap_handler)(struct frame *f);

/* Vector 2 runs on a stack of its own, 8 and 18 on another; everything else on the current one. */
void trap_set(u32 vector, trap_handler handler);
/* A raw entry of the guest's own making (it ends with IRETQ), for what is counted. */
void trap_set_raw(u32 vector, void (*entry)(void), u8 ist);
void trap_load(void);
/* What arrived on a vector nobody had claimed, all cores together. */
extern volatile u64 trap_unexpected;
extern volatile u32 trap_unexpected_vector;

/* ---- local APIC ----------------------------------------------------------------------------- */

enum {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVTT = 0x320,
	APIC_LVTTHMR = 0x330,
	APIC_LVTPC = 0x340,
	APIC_LVT0 = 0x350,
	APIC_LVT1 = 0x360,
	APIC_LVTERR = 0x370,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0,
	APIC_SELF_IPI = 0x3f0,
};

#define X2APIC_MSR(reg) (0x800u + ((reg) >> 4))
#define LVT_MASKED	0x10000u
#define LVT_PERIODIC	0x20000u
#define LVT_DEADLINE	0x40000u

/* ICR low half. */
#define ICR_FIXED     0x000u
#define ICR_LOWEST    0x100u
#define ICR_SMI	      0x200u
#define ICR_NMI	      0x400u
#define ICR_INIT      0x500u
#define ICR_SIPI      0x600u
#define ICR_EXTINT    0x700u
#define ICR_LOGICAL   0x800u
#define ICR_ASSERT    0x4000u
#define ICR_LEVEL     0x8000u
#define ICR_SELF      0x40000u
#define ICR_ALL	      0x80000u
#define ICR_ALL_BUT   0xc0000u
#define SPURIOUS      0xff
#define APIC_BASE_MSR 0x1bu

extern bool apic_x2; /* mode all cores run their APIC in */

u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 v);
u64 apic_write_safe(u32 reg, u64 v);
/* Send to `dest` (an APIC id or logical destination) and wait until xAPIC says it went out. */
void apic_icr(u32 dest, u32 low);
u64 apic_icr_safe(u32 dest, u32 low);
static inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}
/* Enable this core's APIC in the wanted mode, everything masked, spurious vector 255. */
void apic_enable(bool x2);
/* Divider 1; count in apic_hz ticks. */
void apic_timer(u32 lvt, u32 count);
bool apic_bit(u32 bank, u32 vector);

/* ---- cores ---------------------------------------------------------------------------------- */

#define MAX_CPUS 64

struct cpu {
	struct cpu *self; /* %gs:0 */
	u32 index;
	u32 apic_id;
	volatile u32 online; /* times this core came up */
	void (*volatile fn)(u64);
	volatile u64 arg;
	volatile bool busy;
	u64 gdt[8]; /* with its TSS, which carries the interrupt stacks */
	u32 tss[26];
	u8 stack[16384] __aligned(16);
	u8 nmi_stack[8192] __aligned(16);
	u8 fault_stack[8192] __aligned(16);
};
extern struct cpu cpus[MAX_CPUS];
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/* INIT-SIPI-SIPI every core of the MADT; they then wait for work with interrupts on. */
void smp_start(void);
/* Start (or restart) one core. Returns false when it does not answer within a second. */
bool smp_start_cpu(u32 index);
void smp_post(u32 index, void (*fn)(u64), u64 arg);
void smp_wait(u32 index);
static inline void smp_run(u32 index, void (*fn)(u64), u64 arg)
{
	smp_post(index, fn, arg);
	smp_wait(index);
}
/* Wait up to `us` for a condition that others make true. */
#define WAIT_FOR(cond, us)                                        \
	({                                                        \
		u64 wait_end_ = rdtsc() + tsc_us(us);             \
		while (!(cond) && (s64)(wait_end_ - rdtsc()) > 0) \
			cpu_relax();                              \
		(bool)(cond);                                     \
	})

/* ---- configuration space -------------------------------------------------------------------- */

u32 pci_cf8_read(u32 bus, u32 devfn, u32 reg);
static inline u64 pci_ecam_address(u32 bus, u32 devfn, u32 reg)
{
	return machine.ecam + ((u64)bus << 20 | (u64)devfn << 12 | reg);
}

struct pci_place {
	u8 bus, devfn;
};

/* One dword of a function's configuration space; all ones where nobody is. */
u32 pci_read(struct pci_place p, u32 off);
void pci_write(struct pci_place p, u32 off, u32 v);
/* All functions that are no bridges, behind bridges too; or the one with `device << 16 | vendor`. */
u32 pci_find_all(struct pci_place *out, u32 max);
bool pci_find(u32 ids, struct pci_place *out);
u64 pci_bar(struct pci_place p, u32 bar);
/* Memory decoding and bus mastering on. */
void pci_enable(struct pci_place p);
/* Offset of a capability, 0: it has none. */
u32 pci_capability(struct pci_place p, u8 id);

/* ---- random numbers (xorshift64*), never zero state ----------------------------------------- */

static inline u64 rng_next(u64 *state)
{
	u64 x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Print the tally and end as the command line says: end=poweroff (default), reset, cf9, triple, halt. */
__noreturn void guest_end(void);
/* Only the tally, for guests that go on to what they may not survive. */
void guest_tally(void);
__noreturn void power_off(void);
__noreturn void power_reset(void);
__noreturn void power_cf9(void);
__noreturn void power_triple(void);
__noreturn void power_keyboard(void);
/* Another core jumps to F000:FFF0 in real mode, where a BIOS begins. */
__noreturn void power_bios(void);
