/* The I/O ports: a table, and a few registers too small for a file of their own. */
#include "core/vcpu/platform_priv.h"

/*
 * One access that its range allows: inside it, of one of its widths. All of it is passed in registers,
 * as platform_io() itself gets it.
 */
typedef void (*io_fn)(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value);

static void io_uart(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	u8 reg = port & 7, byte = (u8)*value;
	unsigned events;

	if (write) {
		events = uart_write(&p->uart, reg, byte);
	} else {
		events = uart_read(&p->uart, reg, &byte);
		*value = byte;
	}
	if (events & UART_TX)
		p->config.ops->console_put(p->config.ctx, byte);
	if (events & UART_IRQ)
		platform_edge(p, vcpu, PLATFORM_PIN_COM1);
}

static void io_rtc(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	if (write)
		rtc_write(&p->rtc, port, (u8)*value, platform_now(p));
	else
		*value = rtc_read(&p->rtc, port, platform_now(p));
}

static void io_pm_timer(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	if (!write)
		*value = pm_timer(platform_now(p)) >> 8 * (port & 3) & platform_ones(width);
}

static void io_pm(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	if (!write)
		*value = pm_read(&p->pm, port);
	else if (pm_write(&p->pm, port, (u8)*value))
		p->config.ops->power_off(p->config.ctx, vcpu);
}

static void io_pci_address(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	if (write)
		vpci_address_write(&p->pci, *value);
	else
		*value = vpci_address_read(&p->pci);
}

static void io_pci_data(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	u8 off = port & 3;

	if (write)
		vpci_data_write(&p->pci, off, width, *value);
	else
		*value = vpci_data_read(&p->pci, off, width);
}

static void reset(struct platform *p, u32 vcpu, enum platform_reset_kind kind)
{
	p->config.ops->reset(p->config.ctx, vcpu, kind);
}

/* Reset Control Register of the ICH (316972 §13.7.5): a rising RST_CPU resets. */
static void io_cf9(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const u8 rst_cpu = 4, sys_rst = 2, full_rst = 8;
	u8 old;

	if (!write) {
		*value = __atomic_load_n(&p->cf9, __ATOMIC_RELAXED);
		return;
	}
	old = __atomic_exchange_n(&p->cf9, (u8)*value & (sys_rst | full_rst | rst_cpu),
				  __ATOMIC_RELAXED);
	if ((*value & rst_cpu) && !(old & rst_cpu))
		reset(p, vcpu, PLATFORM_RESET_CF9);
}

/* System control port A: A20 is always on, a rising bit 0 resets. */
static void io_port92(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const u8 fast_reset = 1, a20 = 2;
	u8 old;

	if (!write) {
		*value = __atomic_load_n(&p->port92, __ATOMIC_RELAXED) | a20;
		return;
	}
	old = __atomic_exchange_n(&p->port92, (u8)*value & fast_reset, __ATOMIC_RELAXED);
	if ((*value & fast_reset) && !(old & fast_reset))
		reset(p, vcpu, PLATFORM_RESET_PORT92);
}

/* No keyboard controller, but its status never says "busy", and its reset pulse works. */
static void io_keyboard(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const u8 pulse_reset = 0xfe;

	if (!write)
		*value = 0;
	else if ((u8)*value == pulse_reset)
		reset(p, vcpu, PLATFORM_RESET_KEYBOARD);
}

/*
 * System control port B. No NMI source, timer 2 always expired; the refresh bit toggles every
 * 16 us, because old delay loops count it.
 */
static void io_port61(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const u8 timer2_out = 0x20, refresh = 0x10;

	if (!write)
		*value = timer2_out | (platform_now(p) >> 14 & 1 ? refresh : 0);
}

/* Known hardware that is not there: all ones, and nobody is told. */
static void io_absent(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	if (!write)
		*value = platform_ones(width);
}

/* What answers at a port. Kinds begin where their widest register does. */
enum io_kind {
	IO_NOBODY,
	IO_ABSENT,
	IO_PORT61,
	IO_KEYBOARD,
	IO_RTC,
	IO_PORT92,
	IO_UART,
	IO_PM,
	IO_PM_TIMER,
	IO_PCI_ADDRESS,
	IO_CF9,
	IO_PCI_DATA,
	IO_KINDS,
};

struct io_handler {
	io_fn fn;
	u8 widths; /* sum of the widths that go to fn whole: 1, 2, 4 */
};

// clang-format off
static const struct io_handler io_handlers[IO_KINDS] = {
	[IO_NOBODY]	 = {NULL, 0},
	[IO_ABSENT]	 = {io_absent, 1},
	[IO_PORT61]	 = {io_port61, 1},
	[IO_KEYBOARD]	 = {io_keyboard, 1},
	[IO_RTC]	 = {io_rtc, 1},
	[IO_PORT92]	 = {io_port92, 1},
	[IO_UART]	 = {io_uart, 1},
	[IO_PM]		 = {io_pm, 1},
	[IO_PM_TIMER]	 = {io_pm_timer, 1 + 2 + 4},
	[IO_PCI_ADDRESS] = {io_pci_address, 4},
	[IO_CF9]	 = {io_cf9, 1},
	[IO_PCI_DATA]	 = {io_pci_data, 1 + 2 + 4},
};

/* By port, so that the look-up is one load; ports from IO_PORTS on are nobody's. */
#define IO_PORTS 0xd00u

static const u8 io_kinds[IO_PORTS] = {
	[0x020 ... 0x021] = IO_ABSENT, /* PIC */
	[0x040 ... 0x043] = IO_ABSENT, /* PIT */
	[0x060]		  = IO_ABSENT,
	[0x061]		  = IO_PORT61,
	[0x064]		  = IO_KEYBOARD,
	[0x070 ... 0x071] = IO_RTC,
	[0x080]		  = IO_ABSENT, /* POST codes; also a delay */
	[0x092]		  = IO_PORT92,
	[0x0a0 ... 0x0a1] = IO_ABSENT, /* second PIC */
	[0x0ed]		  = IO_ABSENT, /* a delay, too */
	[0x3f8 ... 0x3ff] = IO_UART,
	[0x4d0 ... 0x4d1] = IO_ABSENT, /* ELCR */
	[PM_BASE ... PM_TIMER - 1]    = IO_PM,
	[PM_TIMER ... PM_TIMER + 3]   = IO_PM_TIMER,
	[PM_TIMER + 4 ... PM_END - 1] = IO_PM,
	[0xcf8]		  = IO_PCI_ADDRESS,
	[0xcf9]		  = IO_CF9,
	[0xcfc ... 0xcff] = IO_PCI_DATA,
};
// clang-format on

static const struct io_handler *find_handler(u16 port)
{
	return &io_handlers[port < IO_PORTS ? io_kinds[port] : IO_NOBODY];
}

/*
 * Each byte of an access to its own register; refused when nobody was there for any of them. Out of
 * line, so that the common path above it stays small.
 */
static __attribute__((noinline)) void io_bytewise(struct platform *p, u32 vcpu, u16 port, u8 width,
						  bool write, u32 *value)
{
	u32 v = 0;
	bool any = false;

	for (u8 i = 0; i < width; i++) {
		u16 at = (u16)(port + i);
		u32 byte = write ? *value >> 8 * i & 0xff : 0xff;
		const struct io_handler *h = find_handler(at);

		if (h->widths & 1) {
			h->fn(p, vcpu, at, 1, write, &byte);
			any = true;
		}
		v |= (byte & 0xff) << 8 * i;
	}
	if (!write)
		*value = v;
	if (!any)
		platform_refuse(p, vcpu, PLATFORM_REFUSED_PORT, port, width, write);
}

void platform_io(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const struct io_handler *h = find_handler(port);

	/* A naturally aligned access that starts at a kind's register stays in it. */
	if ((h->widths & width) && (port & (width - 1)) == 0)
		h->fn(p, vcpu, port, width, write, value);
	else
		io_bytewise(p, vcpu, port, width, write, value);
}
