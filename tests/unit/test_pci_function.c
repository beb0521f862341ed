/* passthrough/pci: what a function says of itself, read without trusting it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/pci/function.h"
#include "passthrough/pci/reset.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"

static const struct bdf at = {0, 1, 0};
static struct fake_device dev;
static struct pci_function fn;
static struct pci_verdict verdict;

static int setup(void **state)
{
	fake_machine_reset();
	fake_device_init(&dev, at, 0x8086, 0x10d3, 0x020000);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = at;
	return 0;
}

static int teardown(void **state)
{
	fake_device_free(&dev);
	return 0;
}

/* ---- capability lists ------------------------------------------------------------------------ */

static void good_lists_are_read(void **state)
{
	const u32 serial[] = {0, 0x11223344, 0x55667788};

	fake_device_pm(&dev, 0x40, false);
	fake_device_msi(&dev, 0x50, 2, true, true);
	fake_device_express(&dev, 0x70, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, NULL, 0);
	fake_device_ext_cap(&dev, 0x148, PCI_EXT_SERIAL, serial, 3);
	fake_device_ready(&dev);
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.caps.problems, 0);
	assert_int_equal(fn.caps.nstandard, 3);
	assert_int_equal(fn.caps.nextended, 2);
	assert_int_equal(fn.at.pm, 0x40);
	assert_int_equal(fn.at.msi, 0x50);
	assert_int_equal(fn.at.express, 0x70);
	assert_int_equal(fn.at.aer, 0x100);
	assert_int_equal(fn.id.serial, 0x5566778811223344ull);
	assert_int_equal(pci_cap_find(&fn.caps, PCI_CAP_MSI)->size, 24);
	assert_int_equal(fn.msi_log2, 2);
	assert_int_equal(fn.msix_vectors, 0);
}

static void a_loop_is_cut(void **state)
{
	fake_device_pm(&dev, 0x40, false);
	fake_device_cap(&dev, 0x50, PCI_CAP_VENDOR, (u32[]){0x00080000, 0}, 2);
	dev.config[0x50 / 4] |= 0x40 << 8;
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, NULL, 0);
	dev.config[0x100 / 4] |= 0x100u << 20;
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.caps.problems, PCI_CAPS_LOOP);
	assert_int_equal(fn.caps.nstandard, 2);
	assert_int_equal(fn.caps.nextended, 1);
	assert_string_equal(pci_caps_problem_text(fn.caps.problems), "its capability list loops");
}

static void pointers_into_the_header_end_the_list(void **state)
{
	fake_device_pm(&dev, 0x40, false);
	dev.config[0x40 / 4] |= 0x10 << 8;
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, NULL, 0);
	dev.config[0x100 / 4] |= 0x0a2u << 20;
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.caps.problems, PCI_CAPS_POINTER);
	assert_int_equal(fn.caps.nstandard, 1);
	assert_int_equal(fn.caps.nextended, 1);
}

/* The two low bits of a pointer are reserved, not part of it. */
static void low_bits_of_pointers_are_ignored(void **state)
{
	fake_device_pm(&dev, 0x40, false);
	dev.config[PCI_CAPABILITIES / 4] |= 3;
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.at.pm, 0x40);
	assert_int_equal(fn.caps.problems, 0);
}

/* An MSI-X capability that the next one starts inside of is not used. */
static void overlapping_capabilities_are_not_used(void **state)
{
	fake_device_msix(&dev, 0x40, 4, 0, 0, 0, 0x800);
	fake_device_pm(&dev, 0x48, false);
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.caps.problems, PCI_CAPS_OVERLAP);
	assert_int_equal(fn.at.msix, 0);
	assert_int_equal(fn.at.pm, 0x48);
	assert_int_equal(fn.msix_vectors, 0);
}

static void a_capability_at_the_very_end_is_cut(void **state)
{
	fake_device_cap(&dev, 0xfc, PCI_CAP_EXPRESS, (u32[]){0x00020000}, 1);
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.at.express, 0);
	assert_int_equal(fn.caps.standard[0].size, 4);
}

static void forty_eight_capabilities_are_all_read(void **state)
{
	for (u32 off = 0x40; off < 0x100; off += 4)
		fake_device_cap(&dev, (u16)off, 0xee, NULL, 0);
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.caps.nstandard, PCI_STANDARD_CAPS_MAX);
	assert_int_equal(fn.caps.problems, 0);
}

/* Whenever the device vanishes, reading ends with an error or a named problem, never a crash. */
static void a_device_may_vanish_at_any_read(void **state)
{
	u32 reads, failed = 0, damaged = 0;

	fake_device_pm(&dev, 0x40, false);
	fake_device_msix(&dev, 0x50, 16, 0, 0x2000, 0, 0x3000);
	fake_device_express(&dev, 0x70, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_bar(&dev, 0, KIB(16), 0xf0000000, true, false);
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, NULL, 0);
	for (reads = 1; reads < 200; reads++) {
		struct pci_function f = {.bdf = at};
		struct fake_device copy = dev;

		dev.die_after = reads;
		failed += pci_function_read(&f, &verdict) != OK;
		if (!dev.dead)
			break;
		damaged++;
		dev = copy;
	}
	assert_true(damaged > 20);
	/* only where nothing but the last reads were lost may it go unnoticed */
	assert_true(failed + 2 >= damaged);
}

static void nobody_there(void **state)
{
	fn.bdf.devfn = 8;
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_NOENT);
	assert_string_equal(verdict.text, "nobody answers there");
}

/* ---- BARs ------------------------------------------------------------------------------------ */

static void bars_of_every_kind_are_sized(void **state)
{
	fake_device_bar(&dev, 0, MIB(16), 0xe0000000, false, true);
	fake_device_bar(&dev, 1, GIB(256), GIB(512), true, true);
	fake_device_io_bar(&dev, 3, 32, 0xe000);
	fake_device_bar(&dev, 4, 256, 0xe1000100, true, false);
	dev.config[PCI_COMMAND / 4] |= PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	const struct machine_bar *b = fn.bars.bar;

	assert_int_equal(b[0].size, MIB(16));
	assert_true(b[0].prefetch && !b[0].is64 && !b[0].io);
	assert_int_equal(b[1].size, GIB(256));
	assert_int_equal(b[1].base, GIB(512));
	assert_true(b[1].is64 && b[1].prefetch);
	assert_int_equal(b[2].size, 0);
	assert_int_equal(b[3].size, 32);
	assert_true(b[3].io);
	assert_int_equal(b[4].size, 256);
	assert_int_equal(b[4].base, 0xe1000100);
	/* nothing changed */
	assert_int_equal(dev.config[PCI_COMMAND / 4] & 7, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	assert_int_equal(dev.config[PCI_BAR0 / 4] & ~0xfu, 0xe0000000);
	assert_int_equal(dev.config[PCI_BAR0 / 4 + 2], 0x80);
}

static void bars_are_sized_with_decoding_off(void **state)
{
	fake_device_bar(&dev, 0, MIB(1), 0xe0000000, true, false);
	dev.config[PCI_COMMAND / 4] |= PCI_COMMAND_MEMORY;
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(dev.sizing, 1);
	assert_int_equal(dev.sized_while_decoding, 0);
}

static void a_bar_with_holes_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(64), 0xe0000000, false, false);
	dev.lies = FAKE_BAR_HOLES;
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_CORRUPT);
	assert_non_null(strstr(verdict.text, "BAR 0"));
}

static void a_bar_that_does_not_come_back_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(64), 0xe0000000, false, false);
	dev.config[PCI_COMMAND / 4] |= PCI_COMMAND_MEMORY;
	dev.lies = FAKE_BAR_STUCK;
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_IO);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY, 0);
}

static void a_bar_without_an_address_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(64), 0, false, false);
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_INVAL);
	assert_string_equal(verdict.text, "the firmware gave its BAR 0 (64 KiB) no address");
}

static void a_64_bit_bar_in_the_last_place_is_refused(void **state)
{
	dev.config[PCI_BAR0 / 4 + 5] = 0xe0000004;
	dev.writable[PCI_BAR0 / 4 + 5] = 0xffff0000;
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_CORRUPT);
	assert_non_null(strstr(verdict.text, "BAR 5"));
}

/* ---- MSI-X ----------------------------------------------------------------------------------- */

static void msix_inside_its_bars_is_taken(void **state)
{
	fake_device_bar(&dev, 0, KIB(16), 0xe0000000, false, false);
	fake_device_bar(&dev, 2, KIB(4), 0xe1000000, true, false);
	fake_device_msix(&dev, 0x40, 2048 / 16, 0, 0x3800, 2, 0xff0);
	assert_int_equal(pci_function_read(&fn, &verdict), OK);
	assert_int_equal(fn.msix_vectors, 128);
	assert_int_equal(fn.msix_table.off, 0x3800);
	assert_int_equal(fn.msix_pba.bar, 2);
}

static void msix_beyond_its_bar_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(16), 0xe0000000, false, false);
	fake_device_msix(&dev, 0x40, 129, 0, 0x3800, 0, 0);
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_CORRUPT);
	assert_string_equal(verdict.text, "its MSI-X table or PBA lies outside its BARs");
}

static void msix_in_a_bar_that_is_not_there_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(16), 0xe0000000, false, false);
	fake_device_msix(&dev, 0x40, 1, 0, 0, 7, 0);
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_CORRUPT);
}

static void msix_table_over_its_pba_is_refused(void **state)
{
	fake_device_bar(&dev, 0, KIB(16), 0xe0000000, false, false);
	fake_device_msix(&dev, 0x40, 4, 0, 0, 0, 0x38);
	assert_int_equal(pci_function_read(&fn, &verdict), ERR_CORRUPT);
	assert_string_equal(verdict.text, "its MSI-X table and PBA overlap");
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(good_lists_are_read),
	    T(a_loop_is_cut),
	    T(pointers_into_the_header_end_the_list),
	    T(low_bits_of_pointers_are_ignored),
	    T(overlapping_capabilities_are_not_used),
	    T(a_capability_at_the_very_end_is_cut),
	    T(forty_eight_capabilities_are_all_read),
	    T(a_device_may_vanish_at_any_read),
	    T(nobody_there),
	    T(bars_of_every_kind_are_sized),
	    T(bars_are_sized_with_decoding_off),
	    T(a_bar_with_holes_is_refused),
	    T(a_bar_that_does_not_come_back_is_refused),
	    T(a_bar_without_an_address_is_refused),
	    T(a_64_bit_bar_in_the_last_place_is_refused),
	    T(msix_inside_its_bars_is_taken),
	    T(msix_beyond_its_bar_is_refused),
	    T(msix_in_a_bar_that_is_not_there_is_refused),
	    T(msix_table_over_its_pba_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
