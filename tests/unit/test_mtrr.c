/* core/vcpu/mtrr: what firmware would have left, and what a guest may make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/mtrr.h"

static struct mtrr m;

static u64 rd(u32 msr)
{
	u64 v = 0;

	assert_int_equal(mtrr_read(&m, msr, &v), OK);
	return v;
}

static void ram_is_cached_and_holes_are_not(void **state)
{
	const struct mtrr_hole holes[] = {{GPA(0xb0000000), 0x50000000},
					  {GPA(0x4000000000), GIB(256)}};
	static const struct {
		u64 gpa;
		u8 type;
	} v[] = {{0, MT_WB},
		 {0x9ffff, MT_WB},
		 {0xa0000, MT_UC},
		 {0xbffff, MT_UC},
		 {0xc0000, MT_WB},
		 {0xfffff, MT_WB},
		 {0x100000, MT_WB},
		 {0xafffffff, MT_WB},
		 {0xb0000000, MT_UC},
		 {0xbfffffff, MT_UC},
		 {0xc0000000, MT_UC},
		 {0xfee00000, MT_UC},
		 {0xffffffff, MT_UC},
		 {0x100000000, MT_WB},
		 {0x3fffffffff, MT_WB},
		 {0x4000000000, MT_UC},
		 {0x7fffffffff, MT_UC},
		 {0x8000000000, MT_WB}};

	assert_int_equal(mtrr_boot(&m, 48, holes, 2), OK);
	assert_int_equal(rd(0xfe), 8 | 1 << 8 | 1 << 10);
	assert_int_equal(rd(0x2ff), 0xc06); /* on, fixed on, write-back */
	assert_int_equal(rd(0x200), 0xb0000000);
	assert_int_equal(rd(0x201), 0xfffff0000800);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_int_equal(mtrr_type(&m, GPA(v[i].gpa)), v[i].type);
}

static void holes_that_need_too_many_ranges(void **state)
{
	/* 0x7ff00000 bytes from 1 MiB below the top of a block: eleven powers of two. */
	const struct mtrr_hole wild = {GPA(0x80100000), 0x7ff00000};
	const struct mtrr_hole byte = {GPA(0x80000000), 100};
	const struct mtrr_hole zero = {GPA(0), GIB(1)};

	assert_int_equal(mtrr_boot(&m, 40, &wild, 1), ERR_RANGE);
	assert_int_equal(mtrr_boot(&m, 40, &byte, 1), ERR_RANGE);
	assert_int_equal(mtrr_boot(&m, 40, &zero, 1), OK);
	assert_int_equal(mtrr_type(&m, GPA(MIB(512))), MT_UC);
	assert_int_equal(mtrr_type(&m, GPA(GIB(1))), MT_WB);
}

static void firmware_s_own_start(void **state)
{
	mtrr_reset(&m, 40);
	assert_int_equal(rd(0x2ff), 0);
	assert_int_equal(mtrr_type(&m, GPA(0x1000)), MT_UC);
	/* What OVMF does: default UC, low RAM write-back by variable ranges. */
	assert_int_equal(mtrr_write(&m, 0x200, MT_WB), OK);
	assert_int_equal(mtrr_write(&m, 0x201, 0xff80000800), OK);
	assert_int_equal(mtrr_write(&m, 0x2ff, 0x800), OK);
	assert_int_equal(mtrr_type(&m, GPA(0x7fffffff)), MT_WB);
	assert_int_equal(mtrr_type(&m, GPA(0x80000000)), MT_UC);
	/* Overlaps: UC wins, WT wins over WB, an invalid mask counts for nothing. */
	assert_int_equal(mtrr_write(&m, 0x202, 0x40000000 | MT_WT), OK);
	assert_int_equal(mtrr_write(&m, 0x203, 0xffffff0000), OK);
	assert_int_equal(mtrr_type(&m, GPA(0x40000000)), MT_WB);
	assert_int_equal(mtrr_write(&m, 0x203, 0xffffff0800), OK);
	assert_int_equal(mtrr_type(&m, GPA(0x4000ffff)), MT_WT);
	assert_int_equal(mtrr_type(&m, GPA(0x40010000)), MT_WB);
	assert_int_equal(mtrr_write(&m, 0x202, 0x40000000 | MT_UC), OK);
	assert_int_equal(mtrr_type(&m, GPA(0x40000000)), MT_UC);
}

static void every_register_reads_back(void **state)
{
	static const u32 fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
				    0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

	mtrr_reset(&m, 40);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_int_equal(mtrr_write(&m, fixed[i], 0x0605040100060504 ^ i % 2), OK);
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(mtrr_write(&m, 0x200 + i, (u64)i << 12 | (i & 1 ? 0x800 : 6)), OK);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_int_equal(rd(fixed[i]), 0x0605040100060504 ^ i % 2);
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(rd(0x200 + i), (u64)i << 12 | (i & 1 ? 0x800 : 6));
	/* Each fixed register governs its own bytes. */
	assert_int_equal(mtrr_write(&m, 0x2ff, 0xc00), OK);
	assert_int_equal(mtrr_write(&m, 0x250, 0x0600000000000000), OK); /* 70000h..7ffffh */
	assert_int_equal(mtrr_type(&m, GPA(0x6ffff)), MT_UC);
	assert_int_equal(mtrr_type(&m, GPA(0x70000)), MT_WB);
	assert_int_equal(mtrr_write(&m, 0x258, 0x0000000000000004), OK); /* 80000h..83fffh */
	assert_int_equal(mtrr_type(&m, GPA(0x80000)), MT_WT);
	assert_int_equal(mtrr_type(&m, GPA(0x84000)), MT_UC);
	assert_int_equal(mtrr_write(&m, 0x268, 0x0000000000000005), OK); /* c0000h..c0fffh */
	assert_int_equal(mtrr_type(&m, GPA(0xc0000)), MT_WP);
	assert_int_equal(mtrr_write(&m, 0x259, 0x0000000000000500), OK); /* a4000h..a7fffh */
	assert_int_equal(mtrr_type(&m, GPA(0xa4000)), MT_WP);
	assert_int_equal(mtrr_type(&m, GPA(0xa8000)), MT_UC);
	assert_int_equal(mtrr_write(&m, 0x26f, 0x0100000000000000), OK); /* ff000h..fffffh */
	assert_int_equal(mtrr_type(&m, GPA(0xfffff)), MT_WC);
	assert_int_equal(mtrr_type(&m, GPA(0xfefff)), MT_UC);
}

static void values_that_raise_gp(void **state)
{
	static const struct {
		u32 msr;
		u64 value;
	} bad[] = {{0xfe, 0},
		   {0x2ff, 2},
		   {0x2ff, 3},
		   {0x2ff, 7},
		   {0x2ff, 8},
		   {0x2ff, 0x106},
		   {0x2ff, 0x1006},
		   {0x2ff, 1ull << 32},
		   {0x200, 2},
		   {0x200, 0x100},
		   {0x200, 0x800},
		   {0x200, 1ull << 40},
		   {0x201, 1},
		   {0x201, 0x400},
		   {0x201, 1ull << 63},
		   {0x250, 0x02},
		   {0x268, 0x0700000000000000},
		   {0x259, 0x0000000300000000}};
	static const u32 others[] = {0x1ff, 0x210, 0x24f, 0x251, 0x257,
				     0x25a, 0x267, 0x270, 0x277, 0x2fe};
	u64 v;

	mtrr_reset(&m, 40);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mtrr_write(&m, bad[i].msr, bad[i].value), ERR_PERM);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(mtrr_write(&m, others[i], 0), ERR_NOENT);
		assert_int_equal(mtrr_read(&m, others[i], &v), ERR_NOENT);
	}
	assert_int_equal(rd(0x2ff), 0);
}

/* Each byte of a fixed-range register by itself, all values (SDM vol. 3 table 11-8). */
static void every_type_of_a_fixed_register(void **state)
{
	mtrr_reset(&m, 40);
	for (u32 shift = 0; shift < 64; shift += 8) {
		for (u64 type = 0; type < 256; type++) {
			u64 value = 0x0606060606060606 & ~(0xffull << shift), now;
			bool good = type == 0 || type == 1 || (type >= 4 && type <= 6);

			value |= type << shift;
			assert_int_equal(mtrr_write(&m, 0x26f, value), good ? OK : ERR_PERM);
			assert_int_equal(mtrr_read(&m, 0x26f, &now), OK);
			assert_int_equal(now == value, good);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_type_of_a_fixed_register),
	    cmocka_unit_test(ram_is_cached_and_holes_are_not),
	    cmocka_unit_test(holes_that_need_too_many_ranges),
	    cmocka_unit_test(firmware_s_own_start),
	    cmocka_unit_test(every_register_reads_back),
	    cmocka_unit_test(values_that_raise_gp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
