/* core/vcpu/rtc: the calendar against libc's, formats, setting, bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/vcpu/rtc.h"

#define S 1000000000ull

static struct rtc r;
static u64 now;

static u8 get(u8 reg)
{
	rtc_write(&r, 0x70, reg, now);
	return rtc_read(&r, 0x71, now);
}

static void set(u8 reg, u8 v)
{
	rtc_write(&r, 0x70, reg, now);
	rtc_write(&r, 0x71, v, now);
}

static u8 bcd(int v)
{
	return (u8)(v / 10 << 4 | v % 10);
}

static void check_time(time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	assert_int_equal(get(0), bcd(tm.tm_sec));
	assert_int_equal(get(2), bcd(tm.tm_min));
	assert_int_equal(get(4), bcd(tm.tm_hour));
	assert_int_equal(get(6), tm.tm_wday + 1);
	assert_int_equal(get(7), bcd(tm.tm_mday));
	assert_int_equal(get(8), bcd(tm.tm_mon + 1));
	assert_int_equal(get(9), bcd(tm.tm_year % 100));
	assert_int_equal(get(0x32), bcd((tm.tm_year + 1900) / 100));
}

static void calendar_agrees_with_libc(void **state)
{
	static const time_t edges[] = {0,	   86399,      86400,	   951782399,
				       951868799,  951868800,  1709164800, 1709251199,
				       1709251200, 4107542399, 4107542400, 253402300799};

	now = 0;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		rtc_init(&r, (u64)edges[i], 0, 0);
		check_time(edges[i]);
	}
	srand(3);
	for (int i = 0; i < 20000; i++) {
		time_t t = (time_t)(((u64)rand() << 31 | (u64)rand()) % 253402300800ull);
		u64 passed = (u64)rand() % 100000;

		rtc_init(&r, (u64)t, 0, 0);
		now = passed * S + 5;
		if ((u64)t + passed < 253402300800ull)
			check_time(t + (time_t)passed);
	}
}

static void formats(void **state)
{
	static const struct {
		int hour;
		u8 half_day;
	} h[] = {{0, 0x12}, {1, 0x01}, {11, 0x11}, {12, 0x92}, {13, 0x81}, {23, 0x91}};

	for (size_t i = 0; i < sizeof(h) / sizeof(h[0]); i++) {
		rtc_init(&r, 946684800 + 3600 * (u64)h[i].hour, 0, 0);
		now = 0;
		set(0x0b, 0x02);
		assert_int_equal(get(4), bcd(h[i].hour));
		set(0x0b, 0x06);
		assert_int_equal(get(4), h[i].hour);
		set(0x0b, 0x00);
		assert_int_equal(get(4), h[i].half_day);
		/* What was read can be written back, in any format. */
		set(4, h[i].half_day);
		assert_int_equal(get(4), h[i].half_day);
		set(0x0b, 0x02);
		check_time(946684800 + 3600 * h[i].hour);
	}
}

static void setting_under_hold(void **state)
{
	rtc_init(&r, 1700000000, 0, 0);
	now = 10 * S;
	set(0x0b, 0x82);
	set(0, 0x58);
	set(2, 0x59);
	set(4, 0x23);
	set(7, 0x28);
	set(8, 0x02);
	set(9, 0x24);
	set(0x32, 0x20);
	now = 500 * S; /* held: no time passes */
	assert_int_equal(get(0), 0x58);
	set(0x0b, 0x02);
	check_time(1709164798);
	now += 3 * S;
	check_time(1709164801);
	/* A reset keeps the clock. */
	rtc_reset(&r);
	check_time(1709164801);
}

static void nonsense_is_not_taken(void **state)
{
	rtc_init(&r, 1700000000, 0, 0);
	now = 0;
	set(8, 0x13);
	set(8, 0x00);
	set(7, 0x31); /* November has 30 */
	set(0, 0x60);
	set(4, 0x24);
	set(0x32, 0x18);
	check_time(1700000000);
	set(0x0b, 0x82);
	for (u8 reg = 0; reg < 10; reg++)
		set(reg, 0xff);
	set(0x0b, 0x02);
	check_time(1700000000);
}

static void update_in_progress_is_short(void **state)
{
	u32 seen = 0;

	rtc_init(&r, 1700000000, 0, 0);
	for (now = 0; now < 3 * S; now += 100000) {
		bool uip = get(0x0a) & 0x80;

		seen += uip;
		assert_int_equal(uip, now % S >= S - 244000);
	}
	assert_int_equal(seen, 6);
	now = S - 1;
	set(0x0b, 0x82);
	assert_int_equal(get(0x0a) & 0x80, 0);
}

static void memory(void **state)
{
	rtc_init(&r, 0, GIB(3), GIB(5));
	assert_int_equal(get(0x34) | get(0x35) << 8, (GIB(3) - MIB(16)) >> 16);
	assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, GIB(5) >> 16);
	assert_int_equal(get(0x17) | get(0x18) << 8, 0xffff);
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x0d), 0x80);
	set(0x0d, 0);
	set(0x0c, 0xff);
	assert_int_equal(get(0x0d), 0x80);
	assert_int_equal(get(0x0c), 0);
	set(0xff, 0x77); /* bit 7 is not part of the index */
	assert_int_equal(get(0x7f), 0x77);
	assert_int_equal(rtc_read(&r, 0x70, now), 0x7f);
	set(0x0a, 0xff);
	assert_int_equal(get(0x0a) & 0x7f, 0x7f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calendar_agrees_with_libc),   cmocka_unit_test(formats),
	    cmocka_unit_test(setting_under_hold),	   cmocka_unit_test(nonsense_is_not_taken),
	    cmocka_unit_test(update_in_progress_is_short), cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
