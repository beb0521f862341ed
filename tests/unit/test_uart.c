/* core/vcpu/uart: what drivers of a 16550A see. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct uart u;
static unsigned events; /* of the last access */

static u8 in(u8 reg)
{
	u8 v = 0xee;

	events = uart_read(&u, reg, &v);
	return v;
}

static void out(u8 reg, u8 v)
{
	events = uart_write(&u, reg, v);
}

static u32 type(const char *text)
{
	u32 taken;

	events = uart_input(&u, (const u8 *)text, (u32)strlen(text), &taken);
	return taken;
}

static int fresh(void **state)
{
	memset(&u, 0, sizeof(u));
	uart_reset(&u);
	return 0;
}

static void after_reset(void **state)
{
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(DATA), 0);
}

static void divisor_and_scratch(void **state)
{
	out(LCR, 0x83);
	out(DATA, 1);
	assert_int_equal(events, 0);
	out(IER, 2);
	assert_int_equal(in(DATA), 1);
	assert_int_equal(in(IER), 2);
	out(LCR, 3);
	assert_int_equal(in(IER), 0);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
	out(LSR, 0xff);
	out(MSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
}

/* Linux' autoconfig: without this ttyS0 is not found. */
static void loopback_probe(void **state)
{
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0x10 | 0x05);
	assert_int_equal(in(MSR)&0xf0, 0x60);
	out(MCR, 0x10);
	/* All four changed since the last read; RI's trailing edge counts. */
	assert_int_equal(in(MSR), 0x06);
	out(MCR, 0);
	assert_int_equal(in(MSR), 0xbb);
	assert_int_equal(in(MSR), 0xb0);
}

static void loopback_data(void **state)
{
	out(FCR, 0x01);
	out(MCR, 0x10);
	assert_int_equal(type("typed meanwhile"), 15);
	for (u8 i = 0; i < 16; i++) {
		out(DATA, (u8)(0x40 + i));
		assert_int_equal(events & UART_TX, 0);
	}
	assert_int_equal(in(LSR), 0x61);
	out(DATA, 0xff);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61);
	for (u8 i = 0; i < 16; i++)
		assert_int_equal(in(DATA), 0x40 + i);
	assert_int_equal(in(LSR), 0x60);
	/* What was typed waited outside. */
	out(MCR, 0);
	assert_int_equal(in(DATA), 't');
}

static void fifo_is_found(void **state)
{
	assert_int_equal(in(IIR)&0xc0, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR)&0xc0, 0xc0);
}

static void transmit_interrupt(void **state)
{
	out(DATA, 'a');
	assert_int_equal(events, UART_TX);
	out(IER, 2);
	assert_int_equal(events, UART_IRQ);
	/* Told once, acknowledged by the read that told it. */
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x01);
	out(DATA, 'b');
	assert_int_equal(events, UART_TX | UART_IRQ);
	/* A burst is one edge. */
	out(DATA, 'c');
	assert_int_equal(events, UART_TX);
	assert_int_equal(in(IIR), 0x02);
	/* Off and on again asks again (the THRE bug probe). */
	out(IER, 0);
	out(IER, 2);
	assert_int_equal(events, UART_IRQ);
	assert_int_equal(in(IIR), 0x02);
	out(IER, 2);
	assert_int_equal(events, 0);
}

static void receive_interrupt(void **state)
{
	out(IER, 1);
	assert_int_equal(type("x"), 1);
	assert_int_equal(events, UART_IRQ);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'x');
	assert_int_equal(in(IIR), 0x01);

	/* With FIFOs: below the trigger it is the time-out. */
	out(FCR, 0x81);
	type("1234567");
	assert_int_equal(events, UART_IRQ);
	assert_int_equal(in(IIR), 0xcc);
	type("8");
	assert_int_equal(events, 0);
	assert_int_equal(in(IIR), 0xc4);
	for (char c = '1'; c <= '8'; c++)
		assert_int_equal(in(DATA), c);
	assert_int_equal(in(IIR), 0xc1);
	/* Enabling with data there is an edge as well. */
	out(IER, 0);
	type("9");
	assert_int_equal(events, 0);
	out(IER, 1);
	assert_int_equal(events, UART_IRQ);
}

static void priorities(void **state)
{
	out(IER, 0x0f);
	out(MCR, 0x18);
	out(DATA, 1);
	out(DATA, 2); /* overrun: FIFOs are off */
	assert_int_equal(in(IIR), 0x06);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(DATA), 1);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x00);
	in(MSR);
	assert_int_equal(in(IIR), 0x01);
}

static void input_ring_is_bounded_and_in_order(void **state)
{
	u8 many[UART_RING + 100], got[UART_RING + 100];
	u32 taken, n = 0;

	for (u32 i = 0; i < sizeof(many); i++)
		many[i] = (u8)(i * 7);
	out(FCR, 0x01);
	uart_input(&u, many, sizeof(many), &taken);
	assert_int_equal(taken, UART_RING);
	while (in(LSR)&1)
		got[n++] = in(DATA);
	assert_int_equal(n, UART_RING);
	assert_memory_equal(many, got, n);
	/* Clearing the FIFO loses what is in it, not what was typed behind it. */
	uart_input(&u, many, 20, &taken);
	out(FCR, 0x03);
	assert_int_equal(in(DATA), many[16]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(after_reset, fresh),
	    cmocka_unit_test_setup(divisor_and_scratch, fresh),
	    cmocka_unit_test_setup(loopback_probe, fresh),
	    cmocka_unit_test_setup(loopback_data, fresh),
	    cmocka_unit_test_setup(fifo_is_found, fresh),
	    cmocka_unit_test_setup(transmit_interrupt, fresh),
	    cmocka_unit_test_setup(receive_interrupt, fresh),
	    cmocka_unit_test_setup(priorities, fresh),
	    cmocka_unit_test_setup(input_ring_is_bounded_and_in_order, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
