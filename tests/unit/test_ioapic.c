/* core/vcpu/ioapic: what leaves it, and what never does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/ioapic.h"

static struct ioapic a;
static struct ioapic_message m;

static int fresh(void **state)
{
	memset(&a, 0, sizeof(a));
	memset(&m, 0, sizeof(m));
	ioapic_reset(&a);
	return 0;
}

static u32 get(u8 reg)
{
	assert_int_equal(ioapic_write(&a, 0x00, reg, &m), IOAPIC_NOTHING);
	return ioapic_read(&a, 0x10);
}

static enum ioapic_event set(u8 reg, u32 v)
{
	assert_int_equal(ioapic_write(&a, 0x00, reg, &m), IOAPIC_NOTHING);
	return ioapic_write(&a, 0x10, v, &m);
}

static enum ioapic_event set_pin(u8 pin, u64 e)
{
	assert_int_equal(set((u8)(0x11 + 2 * pin), (u32)(e >> 32)), IOAPIC_NOTHING);
	return set((u8)(0x10 + 2 * pin), (u32)e);
}

static void identity(void **state)
{
	assert_int_equal(get(1), 0x00170020);
	assert_int_equal(get(0), 0);
	set(0, 0xff123456);
	assert_int_equal(get(0), 0x0f000000);
	assert_int_equal(get(2), 0x0f000000);
	assert_int_equal(get(3), 0);
	assert_int_equal(get(0xff), 0);
	assert_int_equal(ioapic_read(&a, 0x20), 0);
	for (u8 pin = 0; pin < IOAPIC_PINS; pin++)
		assert_int_equal(get((u8)(0x10 + 2 * pin)), 0x10000);
}

static void fixed_and_lowest(void **state)
{
	set_pin(4, 0x0300000000000031ull);
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_SEND);
	assert_int_equal(m.vector, 0x31);
	assert_int_equal(m.destination, 3);
	assert_false(m.logical);
	assert_false(m.lowest);
	set_pin(4, 0xff00000000000931ull);
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_SEND);
	assert_int_equal(m.destination, 0xff);
	assert_true(m.logical);
	assert_true(m.lowest);
}

static void extended_destination(void **state)
{
	set_pin(9, 0x3402000000000040ull);
	assert_int_equal(ioapic_pulse(&a, 9, &m), IOAPIC_SEND);
	assert_int_equal(m.destination, 0x134);
}

/* Every delivery mode and vector: nothing but fixed and lowest from 16 up ever leaves. */
static void only_harmless_messages_leave(void **state)
{
	for (u32 mode = 0; mode < 8; mode++)
		for (u32 vector = 0; vector < 256; vector++) {
			bool good = mode <= 1 && vector >= 16;

			set_pin(7, (u64)mode << 8 | vector);
			assert_int_equal(get(0x1e), mode << 8 | vector);
			assert_int_equal(ioapic_pulse(&a, 7, &m),
					 good ? IOAPIC_SEND : IOAPIC_REFUSED);
		}
}

static void always_edge(void **state)
{
	set_pin(4, 0xfffffffffffeffffull);
	assert_int_equal(get(0x18), 0x00002fff);
	assert_int_equal(get(0x19), 0xfffe0000);
}

static void masked_edge_waits(void **state)
{
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_NOTHING);
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_NOTHING);
	assert_int_equal(set(0x18, 0x10031), IOAPIC_NOTHING);
	assert_int_equal(set(0x18, 0x00031), IOAPIC_SEND);
	assert_int_equal(m.vector, 0x31);
	/* Once. */
	assert_int_equal(set(0x18, 0x00032), IOAPIC_NOTHING);
	/* A remembered edge does not get round the refusal either. */
	set(0x18, 0x10000);
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_NOTHING);
	assert_int_equal(set(0x18, 0x00431), IOAPIC_REFUSED);
	/* A reset forgets. */
	set(0x18, 0x10000);
	assert_int_equal(ioapic_pulse(&a, 4, &m), IOAPIC_NOTHING);
	ioapic_reset(&a);
	assert_int_equal(set(0x18, 0x00031), IOAPIC_NOTHING);
}

static void no_such_pin(void **state)
{
	assert_int_equal(ioapic_pulse(&a, IOAPIC_PINS, &m), IOAPIC_NOTHING);
	assert_int_equal(ioapic_pulse(&a, 255, &m), IOAPIC_NOTHING);
	assert_int_equal(set(0x10 + 2 * IOAPIC_PINS, 0x31), IOAPIC_NOTHING);
	assert_int_equal(a.pending, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(identity, fresh),
	    cmocka_unit_test_setup(fixed_and_lowest, fresh),
	    cmocka_unit_test_setup(extended_destination, fresh),
	    cmocka_unit_test_setup(only_harmless_messages_leave, fresh),
	    cmocka_unit_test_setup(always_edge, fresh),
	    cmocka_unit_test_setup(masked_edge_waits, fresh),
	    cmocka_unit_test_setup(no_such_pin, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
