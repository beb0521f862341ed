/* passthrough/quirks: the table, and what the view makes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/quirks/quirks.h"
#include "passthrough/view.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"
#include "tests/fake/pdev_engine.h"

static void every_row_has_a_source_and_does_something(void **state)
{
	for (u32 i = 0; i < quirk_count; i++) {
		const struct quirk *q = &quirk_table[i];

		assert_true(q->vendor && q->first <= q->last);
		assert_true(q->actions || q->settle_ms || q->mirror_size);
		assert_true(strlen(q->source) > 20);
		assert_int_equal(q->class_code & ~q->class_mask, 0);
		assert_int_equal(q->mirror % PAGE_SIZE, 0);
	}
}

static struct quirk_sum find(u16 vendor, u16 device, u32 class_code)
{
	const struct pci_identity id = {
	    .vendor = vendor, .device = device, .class_code = class_code};

	return quirks_find(&id);
}

static void rows_add_up(void **state)
{
	assert_int_equal(find(0x8086, 0x10d3, 0x020000).actions, 0);
	/* an old AMD card has no reset that works, a newer one resets by its bus */
	assert_int_equal(find(0x1002, 0x67df, 0x030000).actions,
			 QUIRK_NO_PM_RESET | QUIRK_NO_RESET);
	assert_int_equal(find(0x1002, 0x73bf, 0x030000).actions,
			 QUIRK_NO_PM_RESET | QUIRK_RESET_KNOWN);
	/* its audio function is no display */
	assert_int_equal(find(0x1002, 0xaaf0, 0x040300).actions, 0);
	assert_int_equal(find(0x10de, 0x2684, 0x030000).mirror, 0x88000);
	assert_int_equal(find(0x10de, 0x22ba, 0x040300).mirror_size, 0);
	assert_int_equal(find(0x8086, 0x0953, 0x010802).settle_ms, 250);
}

static u8 left(u16 vendor, u16 device, u32 class_code, u8 resets)
{
	const struct pci_identity id = {
	    .vendor = vendor, .device = device, .class_code = class_code};

	return quirks_resets(&id, resets);
}

/* The same for who only knows a function's ids: survey and tool. */
static void rows_leave_resets(void **state)
{
	const u8 all = RESET_FLR | RESET_AF_FLR | RESET_PM | RESET_BUS;

	assert_int_equal(left(0x8086, 0x10d3, 0x020000, all), all);
	assert_int_equal(left(0x1022, 0x149c, 0x0c0330, all), RESET_PM | RESET_BUS);
	assert_int_equal(left(0x1002, 0x67df, 0x030000, all), 0);
	assert_int_equal(left(0x1002, 0x73bf, 0x030000, all), all & ~RESET_PM);
	assert_int_equal(left(0x10de, 0x2342, 0x030000, RESET_BUS), 0);
	assert_int_equal(left(0x10de, 0x2342, 0x030000, RESET_FLR), RESET_FLR);
}

static struct fake_device dev;
static struct pci_function fn;
static struct fake_engine e;

static void build(u16 vendor, u16 device, u32 class_code)
{
	struct pci_verdict v;

	fake_machine_reset();
	fake_device_init(&dev, (struct bdf){0, 1, 0}, vendor, device, class_code);
	fake_device_bar(&dev, 0, MIB(16), 0xe0000000, false, false);
	fake_device_pm(&dev, 0x60, false);
	fake_device_msi(&dev, 0x68, 0, true, false);
	fake_device_express(&dev, 0x78, PCI_EXP_TYPE_LEGACY, true);
	fake_device_ready(&dev);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = dev.bdf;
	fn.has_bridge = true;
	assert_int_equal(pci_function_read(&fn, &v), OK);
}

static void resets_that_do_not_work_are_not_found(void **state)
{
	build(0x1022, 0x149c, 0x0c0330);
	quirks_apply(&fn, true);
	assert_int_equal(fn.resets, RESET_PM | RESET_BUS);
	fake_device_free(&dev);
	build(0x1002, 0x67df, 0x030000);
	quirks_apply(&fn, true);
	assert_int_equal(fn.resets, 0);
	fake_device_free(&dev);
	build(0x1002, 0x73bf, 0x030000);
	quirks_apply(&fn, true);
	assert_int_equal(fn.resets, RESET_FLR | RESET_BUS);
	fake_device_free(&dev);
	build(0x8086, 0x0953, 0x010802);
	quirks_apply(&fn, false);
	assert_int_equal(fn.reset_settle_ms, 250);
	fake_device_free(&dev);
}

#define MIRROR (0xc1000000 + 0x88000)

/* Beyond what the model keeps of a BAR: only who was asked counts. */
static void the_mirror_shows_the_view(void **state)
{
	u8 bar;
	u64 off;

	build(0x10de, 0x2684, 0x030000);
	assert_int_equal(fake_engine_init(&e, &fn, view_quirks), OK);
	vpci_device_place(&e.dev, 0, 0xc1000000);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(fake_engine_direct(&e, MIRROR, &bar, &off));
	assert_true(fake_engine_direct(&e, MIRROR - 1, &bar, &off));
	assert_true(fake_engine_direct(&e, MIRROR + 0x1000, &bar, &off));
	assert_int_equal(off, 0x89000);
	assert_int_equal(fake_engine_load(&e, MIRROR, 4), 0x268410de);
	assert_int_equal(fake_engine_load(&e, MIRROR + PCI_BAR0, 4), 0xc1000000);
	assert_int_equal(fake_engine_load(&e, MIRROR, 8), 0x00100002268410deull);
	/* bus mastering by the mirror is bus mastering by the view */
	fake_engine_store(&e, MIRROR + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER);
	/* a BAR moved by it is moved for the guest, and stays where it is in the device */
	fake_engine_store(&e, MIRROR + PCI_BAR0, 4, 0xc8000000);
	assert_true(fake_engine_direct(&e, 0xc8000000, &bar, &off));
	assert_int_equal(dev.config[PCI_BAR0 / 4], 0xe0000000);
	assert_int_equal(fake_engine_load(&e, MIRROR, 4), 0xffffffff);
	assert_int_equal(vpci_device_disarm(&e.dev), OK);
	assert_int_equal(e.nmaps + e.platform.nregions, 0);
	fake_device_free(&dev);
}

static void no_mirror_where_the_bar_ends_before(void **state)
{
	struct pci_verdict v;

	fake_machine_reset();
	fake_device_init(&dev, (struct bdf){0, 1, 0}, 0x10de, 0x2684, 0x030000);
	fake_device_bar(&dev, 0, KIB(512), 0xe0000000, false, false);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = dev.bdf;
	assert_int_equal(pci_function_read(&fn, &v), OK);
	assert_int_equal(fake_engine_init(&e, &fn, view_quirks), OK);
	vpci_device_place(&e.dev, 0, 0xc1000000);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(e.nmaps, 1);
	assert_int_equal(e.platform.nregions, 0);
	fake_device_free(&dev);
}

/* Intel's graphics tell of the platform in a vendor capability; other cards keep theirs. */
static void what_speaks_of_the_platform_is_hidden(void **state)
{
	static const struct {
		u16 vendor;
		u32 class_code;
		u32 seen;
	} rows[] = {
	    {0x8086, 0x030000, 0},
	    {0x8086, 0x020000, 0x0c0009},
	    {0x1af4, 0x030000, 0x0c0009},
	};
	static const u32 vendor_capability[] = {0x000c0000, 0x12345678, 0x9abcdef0};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		build(rows[i].vendor, 0x1234, rows[i].class_code);
		fake_device_cap(&dev, 0xc0, PCI_CAP_VENDOR, vendor_capability, 3);
		memset(&fn, 0, sizeof(fn));
		fn.bdf = dev.bdf;
		assert_int_equal(pci_function_read(&fn, &(struct pci_verdict){0}), OK);
		assert_int_equal(fake_engine_init(&e, &fn, view_quirks), OK);
		vpci_device_place(&e.dev, 0, 0xc1000000);
		assert_int_equal(vpci_device_arm(&e.dev), OK);
		assert_int_equal(fake_engine_read(&e, 0xc0, 4), rows[i].seen);
		assert_int_equal(fake_engine_read(&e, 0xc4, 4), rows[i].seen ? 0x12345678 : 0);
		fake_device_free(&dev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_has_a_source_and_does_something),
	    cmocka_unit_test(rows_add_up),
	    cmocka_unit_test(rows_leave_resets),
	    cmocka_unit_test(resets_that_do_not_work_are_not_found),
	    cmocka_unit_test(the_mirror_shows_the_view),
	    cmocka_unit_test(no_mirror_where_the_bar_ends_before),
	    cmocka_unit_test(what_speaks_of_the_platform_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
