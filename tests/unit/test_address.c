/* PCI functions as people name them: every common spelling, and what only looks like one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "profiles/address.h"

static void spellings(void **state)
{
	static const struct {
		const char *text, *printed;
		bool whole;
	} good[] = {
	    {"01:00.0", "0000:01:00.0", false},
	    {"1:0.0", "0000:01:00.0", false},
	    {"0000:01:00.0", "0000:01:00.0", false},
	    {"10ab:c1:1f.7", "10ab:c1:1f.7", false},
	    {"C1:1F.7", "0000:c1:1f.7", false},
	    {"pci_0000_01_00_0", "0000:01:00.0", false},
	    {"pci-0000:01:00.0", "0000:01:00.0", false},
	    {"01:00", "0000:01:00", true},
	    {"0000:01:00", "0000:01:00", true},
	    {"0000:00/1c.4/00.0", "0000:00/1c.4/00.0", false},
	    {"0000:00/01.0", "0000:00/01.0", false},
	    {"0000:00/1c.4/00", "0000:00/1c.4/00", true},
	};
	struct address_text t;
	struct pci_address a;

	for (u32 i = 0; i < ARRAY_SIZE(good); i++) {
		if (!address_parse(good[i].text, &a))
			fail_msg("'%s' is refused", good[i].text);
		assert_int_equal(a.whole, good[i].whole);
		assert_string_equal(address_text(&t, &a), good[i].printed);
	}
}

static void no_addresses(void **state)
{
	static const char *const bad[] = {"",
					  "01",
					  "01:00.8",
					  "01:20.0",
					  "100:00.0",
					  "01:00.0 ",
					  " 01:00.0",
					  "01:00.",
					  "01:00.00",
					  "0000:01:00.0.0",
					  "00001:00:00.0",
					  "5:0:0",
					  "gpu",
					  "01-00.0",
					  "pci_01_00_0",
					  "pci_0000_01_00_8",
					  "0000:00/",
					  "0000:00/1c.4/",
					  "0000:00/1c/00.0",
					  "0000/1c.4",
					  "0000:00/20.0",
					  "0000:00/1c.4/00.0/00.0/00.0/00.0/00.0/00.0/00.0/"
					  "00.0/00.0/00.0/00.0/00.0/00.0/00.0/00.0/00.0"};
	struct pci_address a = {.bdf = {7, 7, 7}};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		if (address_parse(bad[i], &a))
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(a.bdf.bus, 7); /* untouched */
	}
}

static void what_an_address_matches(void **state)
{
	struct pci_path path = {.depth = 2, .devfn = {0xe4, 0x01}};
	struct bdf at = {0, 1, 0x01};
	struct pci_address a;

	assert_true(address_parse("01:00.1", &a));
	assert_true(address_matches(&a, at, &path));
	assert_true(address_parse("01:00.0", &a));
	assert_false(address_matches(&a, at, &path));
	assert_true(address_parse("01:00", &a));
	assert_true(address_matches(&a, at, &path));
	assert_true(address_parse("0001:01:00", &a));
	assert_false(address_matches(&a, at, &path));
	assert_true(address_parse("0000:00/1c.4/00.1", &a));
	assert_true(address_matches(&a, at, &path));
	assert_true(address_parse("0000:00/1c.4/00.0", &a));
	assert_false(address_matches(&a, at, &path));
	assert_true(address_parse("0000:00/1c.4/00", &a));
	assert_true(address_matches(&a, at, &path));
	assert_true(address_parse("0000:00/1c.4", &a));
	assert_false(address_matches(&a, at, &path));
}

static void ids_and_slots(void **state)
{
	struct pci_ids ids;
	u8 devfn = 0;

	assert_true(ids_parse("10de:2204", &ids));
	assert_true(ids.given && !ids.sub_given && ids.vendor == 0x10de && ids.device == 0x2204);
	assert_true(ids_parse("10DE:2204:1458:403b", &ids));
	assert_true(ids.sub_given && ids.subvendor == 0x1458 && ids.subdevice == 0x403b);
	assert_false(ids_parse("10de", &ids));
	assert_false(ids_parse("10de:2204:1458", &ids));
	assert_false(ids_parse("10de:220", &ids));
	assert_false(ids_parse("10de:2204:", &ids));
	assert_false(ids_parse("10de:2204:1:2:3", &ids));
	assert_true(slot_parse("1e.7", &devfn));
	assert_int_equal(devfn, 0xf7);
	assert_false(slot_parse("20.0", &devfn));
	assert_false(slot_parse("04", &devfn));
	assert_false(slot_parse("04.0x", &devfn));
	assert_int_equal(devfn, 0xf7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spellings),
	    cmocka_unit_test(no_addresses),
	    cmocka_unit_test(what_an_address_matches),
	    cmocka_unit_test(ids_and_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
