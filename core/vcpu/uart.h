/*
 * A 16550A without a wire: the transmitter is always empty, input comes from a ring.
 * National PC16550D datasheet (1995), §8; loopback as in §8.6.7, which Linux' probe depends on.
 *
 * Differences from the chip: no baud rate, parity or framing; the character time-out interrupt comes
 * at once; OUT2 does not gate the interrupt (as in every emulator guests are tested on).
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define UART_FIFO 16u
#define UART_RING 512u

struct uart {
	struct spinlock lock;
	u8 ier, lcr, mcr, scr, dll, dlm;
	u8 errors;     /* LSR bits that a read of LSR clears */
	u8 msr_delta;  /* MSR bits 0..3 */
	u8 fifo_level; /* receive trigger, bytes; 0: FIFOs off */
	bool thr_empty_pending;
	bool line; /* the interrupt output */
	u8 fifo_head, fifo_count;
	u8 fifo[UART_FIFO];
	u32 ring_head, ring_count;
	u8 ring[UART_RING]; /* typed, not yet in the FIFO */
};

/* What an access caused, for the caller to carry out after it: bits. */
enum uart_event {
	UART_IRQ = 1, /* the interrupt output rose */
	UART_TX = 2,  /* the written byte left on the wire */
};

void uart_reset(struct uart *u);

/* Register 0..7. Both return enum uart_event bits. */
unsigned uart_read(struct uart *u, u8 reg, u8 *value);
unsigned uart_write(struct uart *u, u8 reg, u8 value);

/* Take up to n bytes of input; *taken is how many there was room for. */
unsigned uart_input(struct uart *u, const u8 *bytes, u32 n, u32 *taken);
