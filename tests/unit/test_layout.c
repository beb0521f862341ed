/* core/partition/layout: where RAM and windows lie, for every size and need. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/partition/layout.h"

static void small_machine_is_one_piece(void **state)
{
	struct layout l;

	assert_int_equal(layout_make(GIB(1), 0, 0, 256, 40, &l), OK);
	assert_int_equal(l.npieces, 1);
	assert_int_equal(l.ram[0].base.v, 0);
	assert_int_equal(l.ram[0].size, GIB(1));
	assert_int_equal(l.low_top, GIB(1));
	assert_int_equal(l.mmio32[0].base, GIB(1));
	assert_int_equal(l.mmio64.size, 0);
}

static void the_hole_grows_with_the_need(void **state)
{
	struct layout l;

	assert_int_equal(layout_make(GIB(8), 0, 0, 256, 40, &l), OK);
	assert_int_equal(l.low_top, GIB(3));
	assert_int_equal(layout_make(GIB(8), MIB(512), 0, 256, 40, &l), OK);
	assert_int_equal(l.low_top, GIB(3));
	assert_int_equal(layout_make(GIB(8), MIB(513), 0, 256, 40, &l), OK);
	assert_int_equal(l.low_top, GIB(2));
	assert_int_equal(l.ram[1].base.v, GIB(4));
	assert_int_equal(l.ram[1].size, GIB(6));
	assert_int_equal(layout_make(GIB(8), MIB(2560), 0, 256, 40, &l), OK);
	assert_int_equal(l.low_top, GIB(1));
	assert_int_equal(layout_make(GIB(8), MIB(2561), 0, 256, 40, &l), ERR_RANGE);
	/* A guest with little memory has room for a large window without giving any up. */
	assert_int_equal(layout_make(MIB(512), MIB(2560), 0, 256, 40, &l), OK);
	assert_int_equal(l.low_top, MIB(512));
}

static void ram_goes_round_amds_hole(void **state)
{
	struct layout l;

	assert_int_equal(layout_make(GIB(1024), 0, GIB(256), 256, 48, &l), OK);
	assert_int_equal(l.npieces, 3);
	assert_int_equal(l.ram[1].base.v + l.ram[1].size, LAYOUT_AMD_HOLE);
	assert_int_equal(l.ram[2].base.v, LAYOUT_AMD_HOLE_END);
	assert_int_equal(l.ram[0].size + l.ram[1].size + l.ram[2].size, GIB(1024));
	assert_true(l.mmio64.base >= l.ram[2].base.v + l.ram[2].size);
	assert_true(is_aligned(l.mmio64.base, GIB(256)));

	/* The window alone would touch it: it moves behind. */
	assert_int_equal(layout_make(GIB(16), 0, GIB(1000), 256, 48, &l), OK);
	assert_int_equal(l.mmio64.base, LAYOUT_AMD_HOLE_END);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct layout l;

	assert_int_equal(layout_make(GIB(64), 0, 0, 256, 36, &l), ERR_RANGE);
	assert_int_equal(layout_make(GIB(60), 0, 0, 256, 36, &l), OK);
	assert_int_equal(layout_make(GIB(60), 0, GIB(16), 256, 36, &l), ERR_RANGE);
	assert_int_equal(layout_make(GIB(4), 0, ~(u64)0, 256, 52, &l), ERR_RANGE);
	assert_int_equal(layout_make(~(u64)0 & ~(MIB(2) - 1), 0, 0, 256, 52, &l), ERR_RANGE);
	assert_int_equal(layout_make(MIB(62), 0, 0, 256, 40, &l), ERR_INVAL);
	assert_int_equal(layout_make(GIB(1) + 4096, 0, 0, 256, 40, &l), ERR_INVAL);
	assert_int_equal(layout_make(GIB(1), 0, 0, 100, 40, &l), ERR_INVAL);
	assert_int_equal(layout_make(GIB(1), 0, 0, 256, 64, &l), ERR_INVAL);
}

static bool overlap(u64 a, u64 an, u64 b, u64 bn)
{
	return an && bn && a < b + bn && b < a + an;
}

/* Whatever is asked for, nothing overlaps anything else and the sums are right. */
static void property_no_overlaps(void **state)
{
	static const u16 buses[] = {64, 128, 256};
	u32 laid = 0;

	srand(7);
	for (int i = 0; i < 20000; i++) {
		u64 memory = MIB(2) * (u64)(32 + rand() % (1 << (rand() % 20 + 1)));
		u64 need32 = (u64)rand() % MIB(2700);
		u64 need64 = rand() % 2 ? 0 : (u64)rand() << (rand() % 12);
		u8 bits = (u8)(36 + rand() % 17);
		struct layout l;
		struct layout_window w[16];
		u32 n = 0;
		u64 sum = 0;

		if (layout_make(memory, need32, need64, buses[rand() % 3], bits, &l) != OK)
			continue;
		laid++;
		for (u32 k = 0; k < l.npieces; k++) {
			w[n++] = (struct layout_window){l.ram[k].base.v, l.ram[k].size};
			sum += l.ram[k].size;
			assert_true(layout_ram_allowed(l.ram[k].base.v, l.ram[k].size));
		}
		assert_int_equal(sum, memory);
		w[n++] = l.mmio32[0];
		w[n++] = l.mmio32[1];
		w[n++] = l.mmio64;
		w[n++] = (struct layout_window){LAYOUT_ECAM, MIB(l.ecam_buses)};
		w[n++] = (struct layout_window){LAYOUT_APIC_START, LAYOUT_4G - LAYOUT_APIC_START};
		w[n++] =
		    (struct layout_window){LAYOUT_AMD_HOLE, LAYOUT_AMD_HOLE_END - LAYOUT_AMD_HOLE};
		for (u32 a = 0; a < n; a++)
			for (u32 b = 0; b < a; b++)
				assert_false(overlap(w[a].base, w[a].size, w[b].base, w[b].size));
		for (u32 k = 0; k < l.npieces; k++)
			assert_true(l.ram[k].base.v + l.ram[k].size <= (u64)1 << bits);
		assert_true(l.mmio64.base + l.mmio64.size <= (u64)1 << bits);
		assert_true(l.mmio64.size >= need64);
		assert_true(l.mmio32[0].size >= need32 || l.mmio32[1].size >= need32);
	}
	assert_true(laid > 5000);
}

static void where_ram_may_not_be(void **state)
{
	assert_true(layout_ram_allowed(0, GIB(3)));
	assert_false(layout_ram_allowed(0, GIB(3) + 4096));
	assert_false(layout_ram_allowed(0xfee00000, 4096));
	assert_false(layout_ram_allowed(GIB(4) - 4096, 8192));
	assert_true(layout_ram_allowed(GIB(4), LAYOUT_AMD_HOLE - GIB(4)));
	assert_false(layout_ram_allowed(GIB(4), LAYOUT_AMD_HOLE - GIB(4) + 1));
	assert_false(layout_ram_allowed(LAYOUT_AMD_HOLE, 4096));
	assert_true(layout_ram_allowed(LAYOUT_AMD_HOLE_END, 4096));
	assert_false(layout_ram_allowed(~(u64)0 - 4095, 8192));
	assert_false(layout_ram_allowed(0, 0));
}

static void e820_tells_the_truth(void **state)
{
	/* The second piece touches the first: they are one line. */
	const struct layout_piece ram[] = {
	    {GPA(0), GIB(1)}, {GPA(GIB(1)), GIB(2)}, {GPA(GIB(4)), GIB(5)}};
	const struct layout_e820 expected[] = {
	    {0, 0xa0000, E820_RAM},
	    {0xe0000, 0x20000, E820_RESERVED},
	    {MIB(1), GIB(3) - MIB(1), E820_RAM},
	    {0xe0000000, MIB(64), E820_RESERVED},
	    {0xfec00000, 0x1400000, E820_RESERVED},
	    {GIB(4), GIB(5), E820_RAM},
	};
	struct layout_e820 e[LAYOUT_E820_MAX(3)];

	assert_int_equal(layout_e820(ram, 3, 64, e, ARRAY_SIZE(e)), ARRAY_SIZE(expected));
	assert_memory_equal(e, expected, sizeof(expected));
	assert_int_equal(layout_e820(ram, 3, 64, e, 5), 0);
	assert_int_equal(layout_e820(ram, 1, 64, e, ARRAY_SIZE(e)), 5);
	assert_int_equal(layout_e820(ram + 1, 2, 64, e, ARRAY_SIZE(e)), 0);
	assert_int_equal(layout_e820(ram, 0, 64, e, ARRAY_SIZE(e)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(small_machine_is_one_piece),
	    cmocka_unit_test(the_hole_grows_with_the_need),
	    cmocka_unit_test(ram_goes_round_amds_hole),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(property_no_overlaps),
	    cmocka_unit_test(where_ram_may_not_be),
	    cmocka_unit_test(e820_tells_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
