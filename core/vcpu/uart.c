#include "core/vcpu/uart.h"

/* Registers (PC16550D table II); the first two change with LCR's divisor latch bit. */
enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8, IER_MASK = 15 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16, MCR_MASK = 31 };
enum { LSR_DATA = 1, LSR_OVERRUN = 2, LSR_ERRORS = 0x1e, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

/* Interrupt identification, highest priority first (table IV). */
enum { IIR_LINE = 6, IIR_RX = 4, IIR_TIMEOUT = 0xc, IIR_THRE = 2, IIR_MODEM = 0, IIR_NONE = 1 };
enum { IIR_FIFO = 0xc0 };

static u8 pending(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->errors)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->fifo_count)
		return u->fifo_level && u->fifo_count < u->fifo_level ? IIR_TIMEOUT : IIR_RX;
	if ((u->ier & IER_THRE) && u->thr_empty_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* Bring the interrupt output up to date; an event when it rose. */
static unsigned update_line(struct uart *u)
{
	bool was = u->line;

	u->line = pending(u) != IIR_NONE;
	return u->line && !was ? UART_IRQ : 0;
}

static u32 fifo_depth(const struct uart *u)
{
	return u->fifo_level ? UART_FIFO : 1;
}

static void fifo_put(struct uart *u, u8 byte)
{
	u->fifo[(u->fifo_head + u->fifo_count++) % UART_FIFO] = byte;
}

/* Typed input moves up when there is room; in loopback the wire is cut and it waits. */
static void fifo_fill(struct uart *u)
{
	if (u->mcr & MCR_LOOP)
		return;
	while (u->ring_count && u->fifo_count < fifo_depth(u)) {
		fifo_put(u, u->ring[u->ring_head]);
		u->ring_head = (u->ring_head + 1) % UART_RING;
		u->ring_count--;
	}
}

static u8 modem_lines(const struct uart *u)
{
	u8 m = u->mcr;

	if (!(m & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (u8)((m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_DTR ? MSR_DSR : 0) |
		    (m & MCR_OUT1 ? MSR_RI : 0) | (m & MCR_OUT2 ? MSR_DCD : 0));
}

void uart_reset(struct uart *u)
{
	struct spinlock lock = u->lock;

	/* The chip's reset leaves divisor and scratch undefined; zero is as good as any. */
	*u = (struct uart){.lock = lock, .dll = 12};
}

static u8 read_rbr(struct uart *u)
{
	u8 byte = 0;

	if (u->fifo_count) {
		byte = u->fifo[u->fifo_head];
		u->fifo_head = (u->fifo_head + 1) % UART_FIFO;
		u->fifo_count--;
	}
	fifo_fill(u);
	return byte;
}

/* Reading the identification acknowledges THRE, if that is what it told. */
static u8 read_iir(struct uart *u)
{
	u8 id = pending(u);

	if (id == IIR_THRE)
		u->thr_empty_pending = false;
	return (u8)(id | (u->fifo_level ? IIR_FIFO : 0));
}

static u8 read_lsr(struct uart *u)
{
	u8 v = (u8)(LSR_THRE | LSR_TEMT | u->errors | (u->fifo_count ? LSR_DATA : 0));

	u->errors = 0;
	return v;
}

static u8 read_msr(struct uart *u)
{
	u8 v = (u8)(modem_lines(u) | u->msr_delta);

	u->msr_delta = 0;
	return v;
}

unsigned uart_read(struct uart *u, u8 reg, u8 *value)
{
	spin_lock(&u->lock);

	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		*value = dlab ? u->dll : read_rbr(u);
		break;
	case IER:
		*value = dlab ? u->dlm : u->ier;
		break;
	case IIR_FCR:
		*value = read_iir(u);
		break;
	case LCR:
		*value = u->lcr;
		break;
	case MCR:
		*value = u->mcr;
		break;
	case LSR:
		*value = read_lsr(u);
		break;
	case MSR:
		*value = read_msr(u);
		break;
	default:
		*value = u->scr;
	}
	unsigned events = update_line(u);

	spin_unlock(&u->lock);
	return events;
}

/* The byte is on the wire (or back at the receiver) at once, and the transmitter empty again. */
static unsigned write_thr(struct uart *u, u8 v)
{
	u->thr_empty_pending = true;
	if (!(u->mcr & MCR_LOOP))
		return UART_TX;
	if (u->fifo_count < fifo_depth(u))
		fifo_put(u, v);
	else
		u->errors |= LSR_OVERRUN;
	return 0;
}

static void write_ier(struct uart *u, u8 v)
{
	/* Enabling the transmitter interrupt while it is empty raises it (§8.6.6 note). */
	if ((v & IER_THRE) && !(u->ier & IER_THRE))
		u->thr_empty_pending = true;
	u->ier = v & IER_MASK;
}

static void write_fcr(struct uart *u, u8 v)
{
	static const u8 trigger[] = {1, 4, 8, 14};
	bool on = v & FCR_ENABLE;

	/* Switching modes empties the FIFOs, as does asking for it. */
	if (on != !!u->fifo_level || (v & FCR_CLEAR_RX))
		u->fifo_count = 0;
	u->fifo_level = on ? trigger[v >> 6] : 0;
	if (v & FCR_CLEAR_TX)
		u->thr_empty_pending = true;
	fifo_fill(u);
}

static void write_mcr(struct uart *u, u8 v)
{
	u8 before = modem_lines(u);

	u->mcr = v & MCR_MASK;

	u8 changed = before ^ modem_lines(u);

	/* DCTS, DDSR, trailing edge of RI, DDCD. */
	u->msr_delta |= (u8)((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4);
	if ((changed & MSR_RI) && (before & MSR_RI))
		u->msr_delta |= MSR_RI >> 4;
	fifo_fill(u);
}

unsigned uart_write(struct uart *u, u8 reg, u8 v)
{
	unsigned events = 0;

	spin_lock(&u->lock);

	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			u->dll = v;
		else
			events = write_thr(u, v);
		break;
	case IER:
		if (dlab)
			u->dlm = v;
		else
			write_ier(u, v);
		break;
	case IIR_FCR:
		write_fcr(u, v);
		break;
	case LCR:
		u->lcr = v;
		break;
	case MCR:
		write_mcr(u, v);
		break;
	case SCR:
		u->scr = v;
		break;
	default: /* LSR and MSR are read-only for all practical purposes */
		break;
	}
	events |= update_line(u);
	spin_unlock(&u->lock);
	return events;
}

unsigned uart_input(struct uart *u, const u8 *bytes, u32 n, u32 *taken)
{
	spin_lock(&u->lock);

	u32 room = UART_RING - u->ring_count;

	if (n > room)
		n = room;
	for (u32 i = 0; i < n; i++)
		u->ring[(u->ring_head + u->ring_count + i) % UART_RING] = bytes[i];
	u->ring_count += n;
	*taken = n;
	fifo_fill(u);

	unsigned events = update_line(u);

	spin_unlock(&u->lock);
	return events;
}
