/*
 * Lines out of COM1, whole ones also when several cores speak; the tally of results. Where there is no
 * COM1 they go to port E9h, which Xen has for its guests.
 */
#include "core/base/fmt.h"
#include "lib/guest.h"

#define COM1   0x3f8
#define LSR    (COM1 + 5)
#define THRE   0x20
#define ABSENT 0xff
#define DEBUG  0xe9

static volatile u32 lock;
static u32 passed, failed;

static void put(char c)
{
	u32 patience = 100000;
	u8 status;

	if (c == '\n')
		put('\r');
	while (!((status = inb(LSR)) & THRE) && --patience)
		;
	outb(status == ABSENT ? DEBUG : COM1, (u8)c);
}

void vprint(const char *format, va_list ap)
{
	char line[512];
	u64 flags = irq_save();

	vfmt(line, sizeof(line), format, ap);
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
	for (const char *p = line; *p; p++)
		put(*p);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	irq_restore(flags);
}

void print(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprint(format, ap);
	va_end(ap);
}

bool expect(bool cond, const char *file, int line, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vfmt(text, sizeof(text), format, ap);
	va_end(ap);
	__atomic_add_fetch(cond ? &passed : &failed, 1, __ATOMIC_RELAXED);
	if (cond)
		print("ok - %s\n", text);
	else
		print("not ok - %s (%s:%d)\n", text, file, line);
	return cond;
}

void fatal(const char *format, ...)
{
	va_list ap;

	failed++;
	print("not ok - fatal: ");
	va_start(ap, format);
	vprint(format, ap);
	va_end(ap);
	print("\n");
	guest_end();
}

void guest_tally(void)
{
	print("GUEST %s: %u passed, %u failed\n", guest_name, passed, failed);
}

void guest_end(void)
{
	guest_tally();
	if (option_is("end", "reset"))
		power_reset();
	if (option_is("end", "cf9"))
		power_cf9();
	if (option_is("end", "triple"))
		power_triple();
	if (!option_is("end", "halt"))
		power_off();
	for (;;)
		asm volatile("cli; hlt");
}
