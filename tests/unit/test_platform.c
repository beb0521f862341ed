/* core/vcpu/platform: ports and addresses reach the right device, and wild ones nobody. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/vcpu/platform.h"

static struct platform p;
static struct platform_region regions[4];

/* What the engine was asked. */
static struct {
	u32 interrupts, console, resets, power_offs, refusals;
	struct ioapic_message message;
	u8 byte;
	enum platform_reset_kind reset;
	u32 vcpu;
	struct platform_refused refused;
	u64 now;
} seen;

static void on_interrupt(void *ctx, const struct ioapic_message *m)
{
	__atomic_fetch_add(&seen.interrupts, 1, __ATOMIC_RELAXED);
	seen.message = *m;
}

static void on_console(void *ctx, u8 byte)
{
	__atomic_fetch_add(&seen.console, 1, __ATOMIC_RELAXED);
	seen.byte = byte;
}

static void on_reset(void *ctx, u32 vcpu, enum platform_reset_kind kind)
{
	seen.resets++;
	seen.vcpu = vcpu;
	seen.reset = kind;
}

static void on_power_off(void *ctx, u32 vcpu)
{
	seen.power_offs++;
	seen.vcpu = vcpu;
}

static u64 on_time(void *ctx)
{
	return seen.now;
}

static void on_refused(void *ctx, const struct platform_refused *r)
{
	__atomic_fetch_add(&seen.refusals, 1, __ATOMIC_RELAXED);
	seen.refused = *r;
}

static const struct platform_ops ops = {
    on_interrupt, on_console, on_reset, on_power_off, on_time, on_refused,
};

static struct platform_config config(void)
{
	return (struct platform_config){
	    .ops = &ops,
	    .epoch_s = 1700000000,
	    .ecam = GPA(0xe0000000),
	    .ecam_buses = 256,
	    .memory_low = GIB(1),
	    .regions = regions,
	    .max_regions = 4,
	};
}

static int fresh(void **state)
{
	struct platform_config c = config();

	memset(&seen, 0, sizeof(seen));
	return platform_init(&p, &c);
}

static u32 in(u16 port, u8 width)
{
	u32 v = 0x5a5a5a5a;

	platform_io(&p, 2, port, width, false, &v);
	return v;
}

static void out(u16 port, u8 width, u32 v)
{
	platform_io(&p, 2, port, width, true, &v);
}

static u64 load(u64 gpa, u8 width)
{
	u64 v = 0x5a5a5a5a5a5a5a5a;

	platform_mmio(&p, 3, GPA(gpa), width, false, &v);
	return v;
}

static void store(u64 gpa, u8 width, u64 v)
{
	platform_mmio(&p, 3, GPA(gpa), width, true, &v);
}

static void ioapic_set(u8 pin, u64 e)
{
	store(0xfec00000, 4, 0x11u + 2 * pin);
	store(0xfec00010, 4, e >> 32);
	store(0xfec00000, 4, 0x10u + 2 * pin);
	store(0xfec00010, 4, (u32)e);
}

static void console_and_its_interrupt(void **state)
{
	const u8 typed[] = "ls\n";

	out(0x3f8, 1, 'A');
	assert_int_equal(seen.console, 1);
	assert_int_equal(seen.byte, 'A');
	ioapic_set(PLATFORM_PIN_COM1, 0x0100000000000030ull);
	out(0x3f9, 1, 1);
	assert_int_equal(platform_console_input(&p, typed, 3), 3);
	assert_int_equal(seen.interrupts, 1);
	assert_int_equal(seen.message.vector, 0x30);
	assert_int_equal(seen.message.destination, 1);
	assert_int_equal(in(0x3fd, 1), 0x61);
	assert_int_equal(in(0x3f8, 1), 'l');
	/* A wide access is the bytes of it: data and IER. */
	assert_int_equal(in(0x3f8, 2), 's' | 1 << 8);
	assert_int_equal(seen.refusals, 0);
}

static void ports_that_reset_or_end(void **state)
{
	out(0xcf9, 1, 0x02);
	assert_int_equal(seen.resets, 0);
	out(0xcf9, 1, 0x06);
	assert_int_equal(seen.resets, 1);
	assert_int_equal(seen.reset, PLATFORM_RESET_CF9);
	assert_int_equal(seen.vcpu, 2);
	assert_int_equal(in(0xcf9, 1), 0x06);
	out(0xcf9, 1, 0x0e); /* no rising edge */
	assert_int_equal(seen.resets, 1);
	platform_reset(&p);
	out(0xcf9, 1, 0x0e);
	assert_int_equal(seen.resets, 2);

	out(0x64, 1, 0xaa);
	assert_int_equal(seen.resets, 2);
	assert_int_equal(in(0x64, 1), 0);
	out(0x64, 1, 0xfe);
	assert_int_equal(seen.resets, 3);
	assert_int_equal(seen.reset, PLATFORM_RESET_KEYBOARD);

	assert_int_equal(in(0x92, 1), 2);
	out(0x92, 1, 3);
	out(0x92, 1, 3);
	assert_int_equal(seen.resets, 4);
	assert_int_equal(seen.reset, PLATFORM_RESET_PORT92);

	/* SLP_EN with another type, or S5 without SLP_EN, is nothing. */
	out(PM_SLEEP_CONTROL, 1, 0x20 | 3 << 2);
	out(PM_SLEEP_CONTROL, 1, 5 << 2);
	assert_int_equal(seen.power_offs, 0);
	out(PM_SLEEP_CONTROL, 1, 0x20 | 5 << 2);
	assert_int_equal(seen.power_offs, 1);
	/* Q35's own way, as firmware does it: 16 bits wide. */
	out(0x604, 2, 0x1c01);
	assert_int_equal(seen.power_offs, 1);
	assert_int_equal(in(0x604, 2), 0x1c01);
	out(0x604, 2, 0x2001);
	assert_int_equal(seen.power_offs, 2);
	assert_int_equal(in(0x604, 2), 0x0001);
	assert_int_equal(seen.refusals, 0);
}

static void pm_timer_ticks(void **state)
{
	seen.now = 0;
	assert_int_equal(in(0x608, 4), 0);
	seen.now = 1000000000;
	assert_in_range(in(0x608, 4), PM_TIMER_HZ - 1, PM_TIMER_HZ);
	seen.now = 3600ull * 1000000000;
	assert_in_range(in(0x608, 4), (u32)(3600ull * PM_TIMER_HZ - 1),
			(u32)(3600ull * PM_TIMER_HZ));
	assert_int_equal(in(0x609, 1), in(0x608, 4) >> 8 & 0xff);
	assert_int_equal(in(0x60a, 2), in(0x608, 4) >> 16);
	/* Monotone across many wraps of 64-bit arithmetic's low half. */
	u32 last = pm_timer(0);
	for (u64 t = 0; t < 1u << 22; t += 97) {
		u32 v = pm_timer((1ull << 62) + t);

		if (t)
			assert_true(v - last <= 1);
		last = v;
	}
}

static void power_button(void **state)
{
	ioapic_set(PLATFORM_PIN_GED, 0x35);
	platform_power_button(&p);
	assert_int_equal(seen.interrupts, 1);
	assert_int_equal(seen.message.vector, 0x35);
	assert_int_equal(in(PM_EVENT, 1), PM_EVENT_POWER_BUTTON);
	assert_int_equal(in(PM_EVENT, 1), 0);
}

static void absent_is_harmless(void **state)
{
	static const u16 quiet[] = {0x20, 0x21, 0x40, 0x43, 0x60, 0x80, 0xa0, 0xa1, 0xed, 0x4d0};

	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
		assert_int_equal(in(quiet[i], 1), 0xff);
		out(quiet[i], 1, 0);
	}
	assert_int_equal(in(0x61, 1) & 0xef, 0x20);
	assert_int_equal(seen.refusals, 0);
}

static void wild_ports_are_refused_and_counted(void **state)
{
	static const u16 wild[] = {0x0, 0xe9, 0xf4, 0x2f8, 0x510, 0x3c0, 0xcf0, 0xd00, 0xffff};
	u32 n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		for (u8 width = 1; width <= 4; width *= 2) {
			assert_int_equal(in(wild[i], width),
					 width == 4 ? 0xffffffffu : (1u << 8 * width) - 1);
			out(wild[i], width, 0);
			n += 2;
		}
	/* 0xffff wraps to port 0: still nobody. */
	assert_int_equal(seen.refusals, n);
	assert_int_equal(p.refused, n);
	assert_int_equal(seen.refused.kind, PLATFORM_REFUSED_PORT);
	assert_int_equal(seen.refused.address, 0xffff);
	assert_int_equal(seen.refused.vcpu, 2);
	assert_true(seen.refused.write);
}

static void configuration_ports(void **state)
{
	out(0xcf8, 4, 0x80000000);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	assert_int_equal(in(0xcfc, 4), 0x29c08086);
	assert_int_equal(in(0xcfe, 2), 0x29c0);
	assert_int_equal(in(0xcfd, 1), 0x80);
	assert_int_equal(in(0xcfd, 2), 0xc080);
	/* Narrow writes to the address register are not for it. */
	out(0xcf8, 1, 0);
	out(0xcfa, 2, 0);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	assert_int_equal(seen.resets, 0);
	assert_int_equal(load(0xe0000000, 4), 0x29c08086);
	assert_int_equal(load(0xe0000002, 2), 0x29c0);
	assert_true(load(0xe0008000, 8) == ~(u64)0);
	store(0xe0000090, 4, 0x01020304);
	assert_int_equal(load(0xe0000090, 8), 0x01020304);
}

static void wild_addresses(void **state)
{
	assert_true(load(0xf0000000, 8) == ~(u64)0);
	assert_int_equal(load(0xefffffff, 2), 0xffff); /* leaves the ECAM window */
	assert_int_equal(load(0xfed00000, 4), 0xffffffff);
	assert_int_equal(load(0xfec00ffe, 4), 0xffffffff);
	store(~(u64)0 - 3, 8, 1);
	store(0, 1, 1);
	assert_int_equal(seen.refusals, 6);
	assert_int_equal(seen.refused.kind, PLATFORM_REFUSED_MMIO);
	/* A mode the I/O APIC may not send is refused where it would leave. */
	ioapic_set(PLATFORM_PIN_GED, 0x235);
	platform_power_button(&p);
	assert_int_equal(seen.interrupts, 0);
	assert_int_equal(seen.refusals, 7);
	assert_int_equal(seen.refused.kind, PLATFORM_REFUSED_IRQ);
	/* Unaligned or odd accesses to its page do nothing. */
	assert_int_equal(load(0xfec00011, 1), 0);
	store(0xfec00002, 4, 0x1f);
	store(0xfec00000, 1, 0x01);
	assert_int_equal(load(0xfec00010, 4), 0x170020);
	assert_int_equal(load(0xfec00010, 1), 0x20);
	assert_int_equal(seen.refusals, 7);
}

static u64 region_off;
static u8 region_width;

static void on_region(void *ctx, u32 vcpu, u64 off, u8 width, bool write, u64 *value)
{
	region_off = off;
	region_width = width;
	assert_int_equal(vcpu, 3);
	if (!write)
		*value = (u64)(uintptr_t)ctx;
}

static int region(u64 base, u64 size, uintptr_t id)
{
	const struct platform_region r = {GPA(base), size, on_region, (void *)id};

	return platform_region_add(&p, &r);
}

static void regions_come_and_go(void **state)
{
	assert_int_equal(region(GIB(8), 4096, 8), OK);
	assert_int_equal(region(0xc0000000, 0x1000, 1), OK);
	assert_int_equal(region(0xc0002000, 0x1000, 3), OK);
	assert_int_equal(region(0xc0001000, 0x1000, 2), OK);
	assert_int_equal(region(0xc0004000, 0x1000, 4), ERR_NOMEM);
	assert_int_equal(load(0xc0000ffc, 4), 1);
	assert_int_equal(load(0xc0001000, 4), 2);
	assert_int_equal(load(0xc0002fff, 1), 3);
	assert_int_equal(region_off, 0xfff);
	assert_int_equal(load(GIB(8) + 8, 8), 8);
	assert_int_equal(region_width, 8);
	store(GIB(8), 1, 0);
	/* Across two regions is in neither. */
	assert_int_equal(load(0xc0000ffe, 4), 0xffffffff);
	assert_int_equal(seen.refusals, 1);

	assert_int_equal(platform_region_remove(&p, GPA(0xc0001000)), OK);
	assert_int_equal(platform_region_remove(&p, GPA(0xc0001000)), ERR_NOENT);
	assert_int_equal(load(0xc0001000, 4), 0xffffffff);
	assert_int_equal(load(0xc0002000, 4), 3);
	assert_int_equal(region(0xc0000800, 0x1000, 9), ERR_EXIST);
	assert_int_equal(region(0xefffffff, 2, 9), ERR_EXIST);
	assert_int_equal(region(0xfee00000, 0x1000, 9), ERR_EXIST);
	assert_int_equal(region(~(u64)0 - 1, 4096, 9), ERR_INVAL);
	assert_int_equal(region(0xc0008000, 0, 9), ERR_INVAL);
}

static void bad_configurations(void **state)
{
	struct platform q;
	struct platform_config c = config();

	c.ecam_buses = 100;
	assert_int_equal(platform_init(&q, &c), ERR_INVAL);
	c = config();
	c.ecam.v += MIB(64);
	assert_int_equal(platform_init(&q, &c), ERR_INVAL);
	c = config();
	c.regions = NULL;
	assert_int_equal(platform_init(&q, &c), ERR_INVAL);
	c = config();
	c.ecam = GPA(0 - MIB(256));
	assert_int_equal(platform_init(&q, &c), ERR_INVAL);
}

static void reset_brings_everything_back(void **state)
{
	out(0x3fb, 1, 0x1b);
	ioapic_set(4, 0x31);
	out(0xcf8, 4, 0x80000100);
	store(0xe0000090, 4, 0xffffffff);
	out(PM_SLEEP_CONTROL, 1, 0x14);
	platform_reset(&p);
	assert_int_equal(in(0x3fb, 1), 0);
	store(0xfec00000, 4, 0x18);
	assert_int_equal(load(0xfec00010, 4), 0x10000);
	assert_int_equal(in(0xcf8, 4), 0);
	assert_int_equal(load(0xe0000090, 4), 0);
	assert_int_equal(in(PM_SLEEP_CONTROL, 1), 0);
}

/* Two cores at once: no byte is lost, no lock is left taken. */
enum { TURNS = 1000 }; /* a ticket lock is slow where threads share a core */

static void *hammer(void *arg)
{
	u32 id = (u32)(uintptr_t)arg;

	for (u32 i = 0; i < TURNS; i++) {
		u32 v = i;
		u64 w = i;

		platform_io(&p, id, 0x3f8, 1, true, &v);
		platform_io(&p, id, 0x3fd, 1, false, &v);
		platform_mmio(&p, id, GPA(0xe0000090), 4, true, &w);
		platform_mmio(&p, id, GPA(0xfec00010), 4, false, &w);
		platform_io(&p, id, 0x2f8, 1, false, &v);
	}
	return NULL;
}

static void cores_at_once(void **state)
{
	pthread_t t[2];

	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)i), 0);
	for (u32 i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(seen.console, 2 * TURNS);
	assert_int_equal(seen.refusals, 2 * TURNS);
	assert_int_equal(p.refused, 2 * TURNS);
	assert_int_equal(p.uart.lock.next, p.uart.lock.serving);
	assert_int_equal(p.ioapic.lock.next, p.ioapic.lock.serving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(console_and_its_interrupt, fresh),
	    cmocka_unit_test_setup(ports_that_reset_or_end, fresh),
	    cmocka_unit_test_setup(pm_timer_ticks, fresh),
	    cmocka_unit_test_setup(power_button, fresh),
	    cmocka_unit_test_setup(absent_is_harmless, fresh),
	    cmocka_unit_test_setup(wild_ports_are_refused_and_counted, fresh),
	    cmocka_unit_test_setup(configuration_ports, fresh),
	    cmocka_unit_test_setup(wild_addresses, fresh),
	    cmocka_unit_test_setup(regions_come_and_go, fresh),
	    cmocka_unit_test_setup(bad_configurations, fresh),
	    cmocka_unit_test_setup(reset_brings_everything_back, fresh),
	    cmocka_unit_test_setup(cores_at_once, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
