#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/apic.h"
#include "core/metal/layout.h"
#include "core/metal/log.h"
#include "core/metal/panic.h"
#include "core/metal/remap.h"
#include "core/metal/run.h"
#include "core/metal/symbols.h"
#include "core/port.h"

#define CRASH_MAGIC 0x4853415243504143ull /* "CAPCRASH" */

struct crash_record {
	u64 magic;
	u32 length, checksum;
	char text[CRASH_RECORD_SIZE - 16];
};

static struct crash_record *record;
static const struct boot_info *boot;
static u32 panicking; /* the core that panics, plus one */

static u32 checksum(const char *s, u32 n)
{
	u32 h = 2166136261u; /* FNV-1a */

	for (u32 i = 0; i < n; i++)
		h = (h ^ (u8)s[i]) * 16777619u;
	return h;
}

static void tell(const char *text, u32 length)
{
	port_log(LOG_WARN, "the last run ended in a crash; its last words were:");
	for (u32 i = 0; i < length;) {
		u32 n = 0;

		while (i + n < length && text[i + n] != '\n')
			n++;
		port_log(LOG_WARN, "  | %.*s", (int)n, text + i);
		i += n + 1;
	}
}

void crash_record_init(void *area, const struct boot_info *b)
{
	struct crash_record *r = area;

	if (r->magic == CRASH_MAGIC && r->length <= sizeof(r->text) &&
	    r->checksum == checksum(r->text, r->length))
		tell(r->text, r->length);
	else if (b->crash[0])
		tell(b->crash, (u32)str_len(b->crash));
	memset(r, 0, sizeof(*r));
	record = r;
	boot = b;
}

static void save_record(void)
{
	if (!record)
		return;
	record->length = log_tail(record->text, sizeof(record->text));
	record->checksum = checksum(record->text, record->length);
	record->magic = CRASH_MAGIC;
	port_cache_flush(record, sizeof(*record));
}

/*
 * A core in VMX operation, or with GIF 0, holds INIT back, and on some boards a warm reset is that and
 * nothing more: leave both first. For good.
 */
static __noreturn void stop_core(void)
{
	if (virt && this_cpu())
		virt->core_stop(this_cpu());
	cpu_stop();
}

static void begin(void)
{
	u32 me = this_cpu() ? this_cpu()->index + 1 : 1, none = 0;

	irq_disable();
	if (!__atomic_compare_exchange_n(&panicking, &none, me, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		cpu_stop(); /* another core is at it, or this one fell over its own panic */
	log_panic_mode();
	apic_stop_others();
}

static __noreturn void end(void)
{
	save_record();
	port_log(LOG_ERROR, "halted; the record of this crash is printed after a warm reset");
	/* Last, because they may fall over what broke, and the firmware may not come back. */
	remap_quiesce();
	if (record)
		boot_keep_crash(boot, record->text, record->length);
	stop_core();
}

/* Frame pointers are kept (-fno-omit-frame-pointer), so a trace is a walk of saved RBPs. */
static void trace(u64 rip, u64 rbp)
{
	u64 offset;
	const char *name = symbol_find(rip, &offset);

	port_log(LOG_ERROR, "  at %#lx %s+%#lx", (unsigned long)rip, name, (unsigned long)offset);
	for (u32 depth = 0; depth < 24; depth++) {
		/* Stacks lie in the stack area or the image; follow nothing else. */
		if (!(rbp >= STACK_BASE && rbp < STACK_BASE + 0x8000000000 - 16) &&
		    !(rbp >= IMAGE_BASE && rbp < (u64)-32))
			break;
		if (rbp & 7)
			break;
		u64 next = ((u64 *)rbp)[0], ret = ((u64 *)rbp)[1];

		if (!ret)
			break;
		name = symbol_find(ret, &offset);
		port_log(LOG_ERROR, "  from %#lx %s+%#lx", (unsigned long)ret, name,
			 (unsigned long)offset);
		if (next <= rbp)
			break;
		rbp = next;
	}
}

void panic(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	begin();
	port_log(LOG_ERROR, "panic: %s", line);
	trace((u64)__builtin_return_address(0), (u64)__builtin_frame_address(0));
	end();
}

void panic_trap(const struct trap_frame *f)
{
	begin();
	port_log(LOG_ERROR, "panic: exception %lu (error %#lx) on core %u",
		 (unsigned long)f->vector, (unsigned long)f->error,
		 this_cpu() ? this_cpu()->index : 0);
#define REG(a, b, c)                                                                            \
	port_log(LOG_ERROR, "  " #a " %016lx " #b " %016lx " #c " %016lx", (unsigned long)f->a, \
		 (unsigned long)f->b, (unsigned long)f->c)
	REG(rax, rbx, rcx);
	REG(rdx, rsi, rdi);
	REG(rbp, rsp, rflags);
	REG(r8, r9, r10);
	REG(r11, r12, r13);
	REG(r14, r15, rip);
#undef REG
	port_log(LOG_ERROR, "  cr0 %lx cr2 %lx cr3 %lx cr4 %lx", (unsigned long)read_cr0(),
		 (unsigned long)read_cr2(), (unsigned long)read_cr3(), (unsigned long)read_cr4());
	trace(f->rip, f->rbp);
	end();
}

void panic_nmi(const struct trap_frame *f)
{
	if (__atomic_load_n(&panicking, __ATOMIC_ACQUIRE))
		stop_core();
}

void refuse_boot(const char *remedy, const char *format, ...)
{
	char line[320];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	log_panic_mode();
	port_log(LOG_ERROR, "%s. %s.", line, remedy);
	port_log(LOG_ERROR, "halted");
	irq_disable();
	cpu_stop();
}

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("a stack was overrun");
}
unsigned long __stack_chk_guard;
