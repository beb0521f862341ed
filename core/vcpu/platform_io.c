/* The I/O ports: a table, and a few registers too small for a file of their own. */
#include "core/vcpu/platform_priv.h"

/* One access that its range allows: inside it, of one of its widths. */
struct io {
	struct platform *p;
	u32 vcpu;
	u16 port;
	u8 width;
	bool write;
};

typedef void (*io_fn)(const struct io *io, u32 *value);

static void io_uart(const struct io *io, u32 *value)
{
	struct platform *p = io->p;
	u8 reg = io->port & 7, byte = (u8)*value;
	unsigned events;

	if (io->write) {
		events = uart_write(&p->uart, reg, byte);
	} else {
		events = uart_read(&p->uart, reg, &byte);
		*value = byte;
	}
	if (events & UART_TX)
		p->config.ops->console_put(p->config.ctx, byte);
	if (events & UART_IRQ)
		platform_edge(p, io->vcpu, PLATFORM_PIN_COM1);
}

static void io_rtc(const struct io *io, u32 *value)
{
	if (io->write)
		rtc_write(&io->p->rtc, io->port, (u8)*value, platform_now(io->p));
	else
		*value = rtc_read(&io->p->rtc, io->port, platform_now(io->p));
}

static void io_pm_timer(const struct io *io, u32 *value)
{
	if (!io->write)
		*value =
		    pm_timer(platform_now(io->p)) >> 8 * (io->port & 3) & platform_ones(io->width);
}

static void io_pm(const struct io *io, u32 *value)
{
	if (!io->write)
		*value = pm_read(&io->p->pm, io->port);
	else if (pm_write(&io->p->pm, io->port, (u8)*value))
		io->p->config.ops->power_off(io->p->config.ctx, io->vcpu);
}

static void io_pci_address(const struct io *io, u32 *value)
{
	if (io->write)
		vpci_address_write(&io->p->pci, *value);
	else
		*value = vpci_address_read(&io->p->pci);
}

static void io_pci_data(const struct io *io, u32 *value)
{
	u8 off = io->port & 3;

	if (io->write)
		vpci_data_write(&io->p->pci, off, io->width, *value);
	else
		*value = vpci_data_read(&io->p->pci, off, io->width);
}

static void reset(const struct io *io, enum platform_reset_kind kind)
{
	io->p->config.ops->reset(io->p->config.ctx, io->vcpu, kind);
}

/* Reset Control Register of the ICH (316972 §13.7.5): a rising RST_CPU resets. */
static void io_cf9(const struct io *io, u32 *value)
{
	const u8 rst_cpu = 4, sys_rst = 2, full_rst = 8;
	u8 old;

	if (!io->write) {
		*value = __atomic_load_n(&io->p->cf9, __ATOMIC_RELAXED);
		return;
	}
	old = __atomic_exchange_n(&io->p->cf9, (u8)*value & (sys_rst | full_rst | rst_cpu),
				  __ATOMIC_RELAXED);
	if ((*value & rst_cpu) && !(old & rst_cpu))
		reset(io, PLATFORM_RESET_CF9);
}

/* System control port A: A20 is always on, a rising bit 0 resets. */
static void io_port92(const struct io *io, u32 *value)
{
	const u8 fast_reset = 1, a20 = 2;
	u8 old;

	if (!io->write) {
		*value = __atomic_load_n(&io->p->port92, __ATOMIC_RELAXED) | a20;
		return;
	}
	old = __atomic_exchange_n(&io->p->port92, (u8)*value & fast_reset, __ATOMIC_RELAXED);
	if ((*value & fast_reset) && !(old & fast_reset))
		reset(io, PLATFORM_RESET_PORT92);
}

/* No keyboard controller, but its status never says "busy", and its reset pulse works. */
static void io_keyboard(const struct io *io, u32 *value)
{
	const u8 pulse_reset = 0xfe;

	if (!io->write)
		*value = 0;
	else if ((u8)*value == pulse_reset)
		reset(io, PLATFORM_RESET_KEYBOARD);
}

/*
 * System control port B. No NMI source, timer 2 always expired; the refresh bit toggles every
 * 16 us, because old delay loops count it.
 */
static void io_port61(const struct io *io, u32 *value)
{
	const u8 timer2_out = 0x20, refresh = 0x10;

	if (!io->write)
		*value = timer2_out | (platform_now(io->p) >> 14 & 1 ? refresh : 0);
}

/* Known hardware that is not there: all ones, and nobody is told. */
static void io_absent(const struct io *io, u32 *value)
{
	if (!io->write)
		*value = platform_ones(io->width);
}

struct io_range {
	u16 first, last;
	u8 widths; /* sum of the widths that go to fn whole: 1, 2, 4 */
	io_fn fn;
};

/* Sorted, not overlapping. An access that no range takes whole is split into bytes. */
// clang-format off
static const struct io_range io_ranges[] = {
	{0x0020, 0x0021, 1, io_absent}, /* PIC */
	{0x0040, 0x0043, 1, io_absent}, /* PIT */
	{0x0060, 0x0060, 1, io_absent},
	{0x0061, 0x0061, 1, io_port61},
	{0x0064, 0x0064, 1, io_keyboard},
	{0x0070, 0x0071, 1, io_rtc},
	{0x0080, 0x0080, 1, io_absent}, /* POST codes; also a delay */
	{0x0092, 0x0092, 1, io_port92},
	{0x00a0, 0x00a1, 1, io_absent}, /* second PIC */
	{0x00ed, 0x00ed, 1, io_absent}, /* a delay, too */
	{0x03f8, 0x03ff, 1, io_uart},
	{0x04d0, 0x04d1, 1, io_absent}, /* ELCR */
	{PM_BASE, PM_TIMER - 1, 1, io_pm},
	{PM_TIMER, PM_TIMER + 3, 1 + 2 + 4, io_pm_timer},
	{PM_TIMER + 4, PM_END - 1, 1, io_pm},
	{0x0cf8, 0x0cf8, 4, io_pci_address},
	{0x0cf9, 0x0cf9, 1, io_cf9},
	{0x0cfc, 0x0cff, 1 + 2 + 4, io_pci_data},
};
// clang-format on

static const struct io_range *find_range(u16 port)
{
	u32 low = 0, high = ARRAY_SIZE(io_ranges);

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (port > io_ranges[mid].last)
			low = mid + 1;
		else if (port < io_ranges[mid].first)
			high = mid;
		else
			return &io_ranges[mid];
	}
	return NULL;
}

/*
 * Does `r` take the access whole? Ranges begin where their widest register does, so a naturally
 * aligned access that starts in one stays in it.
 */
static bool takes(const struct io_range *r, u16 port, u8 width)
{
	return (r->widths & width) && (port & (width - 1)) == 0;
}

/* Each byte of an access to its own register; true when somebody was there for one of them. */
static bool io_bytewise(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	u32 v = 0;
	bool any = false;

	for (u8 i = 0; i < width; i++) {
		struct io io = {p, vcpu, (u16)(port + i), 1, write};
		const struct io_range *r = find_range(io.port);
		u32 byte = write ? *value >> 8 * i & 0xff : 0xff;

		if (r && (r->widths & 1)) {
			r->fn(&io, &byte);
			any = true;
		}
		v |= (byte & 0xff) << 8 * i;
	}
	if (!write)
		*value = v;
	return any;
}

void platform_io(struct platform *p, u32 vcpu, u16 port, u8 width, bool write, u32 *value)
{
	const struct io_range *r = find_range(port);

	if (r && takes(r, port, width)) {
		const struct io io = {p, vcpu, port, width, write};

		r->fn(&io, value);
		return;
	}
	if (!io_bytewise(p, vcpu, port, width, write, value))
		platform_refuse(p, vcpu, PLATFORM_REFUSED_PORT, port, width, write);
}
