#include "core/base/fmt.h"
#include "core/base/lock.h"
#include "core/metal/asm.h"
#include "core/metal/log.h"
#include "core/metal/screen.h"
#include "core/port.h"

#define COM1	      0x3f8
#define DEBUG_PORT    0xe9
#define LOG_RING_SIZE 16384
#define UART_PATIENCE 100000 /* reads of its status: a tenth of a second or more */

static struct spinlock lock;
static char ring[LOG_RING_SIZE];
static u32 head, tail; /* free-running: head written, tail output */
static bool deferred, panicking, have_uart, have_debug_port;
static u32 uart_lost; /* bytes since the UART took none */
static u8 max_level = LOG_INFO;
static const char *open_line; /* whose console text the last line out is; NULL: it is complete */

/* A UART is there when its loop-back answers (NS16550A data sheet, MCR bit 4). */
static bool uart_probe(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80); /* 115200 8N1 */
	outb(COM1 + 0, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 0x1a);
	bool there = (inb(COM1 + 6) & 0xf0) == 0x90;

	outb(COM1 + 4, 3);
	return there;
}

void log_init(void)
{
	have_uart = uart_probe();
	have_debug_port = inb(DEBUG_PORT) == DEBUG_PORT;
}

/*
 * A UART that takes nothing for long, because it is gone or because nobody reads at the other end, is
 * waited for once. Text goes past it until it takes some again.
 */
static bool uart_ready(void)
{
	for (u32 spins = 0; !(inb(COM1 + 5) & 0x20); spins++)
		if (uart_lost || spins > UART_PATIENCE)
			return false;
	return true;
}

static void uart_send(char c)
{
	if (!uart_ready()) {
		uart_lost++;
		return;
	}
	uart_lost = 0;
	outb(COM1, (u8)c);
}

static void uart_put(char c)
{
	char note[64];

	if (uart_lost && uart_ready()) {
		fmt(note, sizeof(note), "\r\n[caprock] warning: %u bytes lost: COM1 took none\r\n",
		    uart_lost);
		for (const char *n = note; *n; n++)
			uart_send(*n);
	}
	uart_send(c);
}

static void out(char c)
{
	if (have_uart) {
		if (c == '\n')
			uart_put('\r');
		uart_put(c);
	}
	if (have_debug_port)
		outb(DEBUG_PORT, (u8)c);
	screen_put(c);
}

static void close_line(void)
{
	if (open_line)
		out('\n');
	open_line = NULL;
}

static bool drain(void)
{
	bool any = false;
	u32 end = __atomic_load_n(&head, __ATOMIC_ACQUIRE);

	if (end - tail > LOG_RING_SIZE)
		tail = end - LOG_RING_SIZE;
	if (tail != end)
		close_line();
	for (; tail != end; tail++, any = true)
		out(ring[tail % LOG_RING_SIZE]);
	return any;
}

static void queue(const char *s)
{
	u32 at = head;

	for (; *s; s++)
		ring[at++ % LOG_RING_SIZE] = *s;
	__atomic_store_n(&head, at, __ATOMIC_RELEASE);
}

void port_log(enum log_level level, const char *format, ...)
{
	static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
	char line[400];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);

	if (!panicking)
		spin_lock(&lock);
	queue("[caprock] ");
	queue(names[level]);
	queue(line);
	queue("\n");
	if (!deferred)
		drain();
	if (!panicking)
		spin_unlock(&lock);
}

void log_set_screen(const struct boot_framebuffer *fb, bool early)
{
	if (!screen_init(fb, early))
		return;
	for (u32 i = head > LOG_RING_SIZE ? head - LOG_RING_SIZE : 0; i != head; i++)
		screen_put(ring[i % LOG_RING_SIZE]);
}

/* Under the lock: afterwards no other core is in drain() any more. */
void log_defer(void)
{
	spin_lock(&lock);
	deferred = true;
	spin_unlock(&lock);
}

bool log_drain(void)
{
	return drain();
}

void log_panic_mode(void)
{
	panicking = true;
	deferred = false;
	drain();
}

void log_set_level(u8 level)
{
	max_level = level;
}

/*
 * One physical line holds the text of one workstation. Who comes while another's line is open ends
 * it; that one's text goes on in a new line under its own name.
 */
void log_console(const char *name, const char *text, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		if (text[i] == '\r')
			continue;
		if (open_line != name) {
			close_line();
			out('[');
			for (const char *n = name; *n; n++)
				out(*n);
			out(']');
			out(' ');
			open_line = name;
		}
		out(text[i]);
		if (text[i] == '\n')
			open_line = NULL;
	}
}

u32 log_tail(char *buf, u32 size)
{
	u32 n = head < LOG_RING_SIZE ? head : LOG_RING_SIZE;

	if (n > size)
		n = size;
	for (u32 i = 0; i < n; i++)
		buf[i] = ring[(head - n + i) % LOG_RING_SIZE];
	return n;
}
