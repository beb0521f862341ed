/* iommu/tables: the last value that is right, the first that is wrong, and nothing else said. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "tests/fake/fw_table.h"

/*
 * Each parsed array lies in an allocation of just its size (linked with --wrap=table_take), so that
 * a look behind its end is seen. What does not fit, table_take() itself still refuses.
 */
void *__real_table_take(struct table *t, u32 n, size_t size);
void *__wrap_table_take(struct table *t, u32 n, size_t size);

static void *arrays[256];
static unsigned narrays;

void *__wrap_table_take(struct table *t, u32 n, size_t size)
{
	if (!__real_table_take(t, n, size))
		return NULL;
	assert_in_range(narrays, 0, ARRAY_SIZE(arrays) - 1);
	arrays[narrays] = calloc(n, size);
	assert_non_null(arrays[narrays]);
	return arrays[narrays++];
}

static void forget_arrays(void)
{
	while (narrays)
		free(arrays[--narrays]);
}

static struct fw_table b;
static struct fw_notes notes;
static struct dmar d;
static struct ivrs v;

/* Seal and read what was built: understood, and these notes, no others. */
static void expect_dmar(const char *names)
{
	forget_arrays();
	fw_seal(&b);
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
	assert_string_equal(notes.names, names);
}

static void expect_ivrs(const char *names)
{
	forget_arrays();
	fw_seal(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), OK);
	assert_string_equal(notes.names, names);
}

/* ---- DMAR ----------------------------------------------------------------------------------- */

#define WIDTH_AT 36

/* The unit for all other devices of segment 0. */
static void catch_all(void)
{
	fw_drhd(&b, true, 0, 0xfed91000);
	fw_scope(&b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_end_structure(&b);
}

static void begin(u8 width)
{
	fw_begin_dmar(&b);
	b.bytes[WIDTH_AT] = (u8)(width - 1);
}

static void rmrr(u64 base, u64 limit)
{
	fw_rmrr(&b, 0, base, limit);
	fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(&b);
}

static void ranges_have_sharp_edges(void **state)
{
	static const struct {
		u64 base, limit;
		u8 width;
		const char *notes;
	} one[] = {
	    {0x1000, 0x1fff, 39, ""},
	    {0x1000, 0x1000, 39, "range-unaligned "},
	    {0x1000, 0x0fff, 39, "range-reversed "},
	    {0, GIB(4) - 1, 39, ""},
	    {0, GIB(4), 39, "range-unaligned range-huge "},
	    {1ull << 31, (1ull << 32) - 1, 32, ""},
	    {1ull << 32, (1ull << 32) + 0xfff, 32, "range-width "},
	    {1ull << 32, (1ull << 32) + 0xfff, 31, "address-width "},
	    {1ull << 52, (1ull << 52) + 0xfff, 52, "range-width "},
	    {1ull << 53, (1ull << 53) + 0xfff, 53, "address-width "},
	};
	static const struct {
		u64 base[2], limit[2];
		const char *notes;
	} two[] = {
	    {{0x1000, 0x2000}, {0x1fff, 0x2fff}, ""},
	    {{0x2000, 0x1000}, {0x2fff, 0x1fff}, ""},
	    {{0x1000, 0x1000}, {0x1fff, 0x1fff}, ""},
	    {{0x1000, 0x1fff}, {0x1fff, 0x2fff}, "range-unaligned ranges-overlap "},
	    {{0x1fff, 0x1000}, {0x2fff, 0x1fff}, "range-unaligned ranges-overlap "},
	    {{0x1000, 0x1800}, {0x1fff, 0x1800}, "range-unaligned ranges-overlap "},
	    {{0x1800, 0x1000}, {0x1800, 0x1fff}, "range-unaligned ranges-overlap "},
	    {{0x1000, 0x3000}, {0x3fff, 0x1fff}, "range-reversed "},
	    {{0x3000, 0x1000}, {0x1fff, 0x3fff}, "range-reversed "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(one); i++) {
		begin(one[i].width);
		catch_all();
		rmrr(one[i].base, one[i].limit);
		expect_dmar(one[i].notes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
		begin(39);
		catch_all();
		rmrr(two[i].base[0], two[i].limit[0]);
		rmrr(two[i].base[1], two[i].limit[1]);
		expect_dmar(two[i].notes);
	}
}

static void registers_lie_where_they_can(void **state)
{
	static const struct {
		u64 base;
		u8 width;
		const char *notes;
	} units[] = {
	    {0x1000, 39, ""},
	    {0, 39, "unit-base "},
	    {0x1800, 39, "unit-base "},
	    {~0ull, 39, "unit-base "},
	    {(1ull << 39) - 0x1000, 39, ""},
	    {1ull << 39, 39, "unit-base-width "},
	    {1ull << 32, 32, "unit-base-width "},
	    {1ull << 52, 52, "unit-base-width "},
	    {1ull << 32, 31, "address-width "},
	    {1ull << 53, 53, "address-width "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		begin(units[i].width);
		fw_drhd(&b, true, 0, units[i].base);
		fw_scope(&b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
		fw_end_structure(&b);
		expect_dmar(units[i].notes);
	}
}

static void scopes_name_what_can_be(void **state)
{
	static const struct {
		u8 type, device, function;
		const char *notes;
	} scopes[] = {
	    {DMAR_SCOPE_ENDPOINT, 31, 7, ""},
	    {DMAR_SCOPE_ENDPOINT, 32, 7, "scope-path "},
	    {DMAR_SCOPE_ENDPOINT, 31, 8, "scope-path "},
	    {DMAR_SCOPE_BRIDGE, 2, 0, ""},
	    {DMAR_SCOPE_IOAPIC, 2, 0, "range-scope-kind "},
	    {DMAR_SCOPE_ACPI, 2, 0, "range-scope-kind "},
	    {0, 2, 0, "unknown-scope "},
	    {DMAR_SCOPE_ACPI + 1, 2, 0, "unknown-scope "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		begin(39);
		catch_all();
		fw_rmrr(&b, 0, 0x1000, 0x1fff);
		fw_scope(&b, scopes[i].type, 0, 0, scopes[i].device, scopes[i].function);
		fw_end_structure(&b);
		expect_dmar(scopes[i].notes);
	}
	assert_string_equal(dmar_scope_name(DMAR_SCOPE_ACPI), "ACPI device");
	assert_string_equal(dmar_scope_name(DMAR_SCOPE_ACPI + 1), "unknown");
	assert_string_equal(dmar_scope_name(0), "unknown");
}

/* A device is named once in its segment; another segment's devices are others. */
static void segments_are_apart(void **state)
{
	begin(39);
	fw_drhd(&b, false, 0, 0xfed90000);
	fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(&b);
	catch_all();
	fw_drhd(&b, true, 1, 0xfed92000);
	fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(&b);
	expect_dmar("");

	/* two units, neither for all others, of a segment that is not the first */
	begin(39);
	catch_all();
	for (u8 i = 0; i < 2; i++) {
		fw_drhd(&b, false, 1, 0xfed92000 + i * 0x1000);
		fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, i, 0);
		fw_end_structure(&b);
	}
	expect_dmar("no-catch-all ");

	begin(39);
	fw_drhd(&b, true, 0, 0xfed91000);
	fw_scope(&b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(&b);
	expect_dmar("device-twice ");
	assert_int_equal(notes.level[NOTE_ODD], 1);
	assert_true(d.complete);
}

#define FIRST_UNKNOWN 7 /* the first structure type that VT-d 4.1 does not define */

static void structures_end_with_the_table(void **state)
{
	/* four bytes are a structure, and unknown ones have no place in the order of types */
	begin(39);
	fw_begin_structure(&b, FIRST_UNKNOWN);
	fw_end_structure(&b);
	catch_all();
	fw_begin_structure(&b, FIRST_UNKNOWN);
	fw_end_structure(&b);
	expect_dmar("unknown-structure unknown-structure ");
	assert_int_equal(d.nunknown, 2);

	begin(39);
	catch_all();
	fw_begin_structure(&b, 0);
	fw_end_structure(&b);
	expect_dmar("structure-short ");

	/* a scope of the right length that the structure has no room for, and a stump of one */
	for (u8 room = 1; room < 8; room++) {
		begin(39);
		catch_all();
		fw_rmrr(&b, 0, 0x1000, 0x1fff);
		fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
		fw_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 3, 0);
		b.n -= 8u - room;
		fw_end_structure(&b);
		expect_dmar("scope-length ");
		assert_int_equal(d.reserved[0].nscopes, 1);
		if (room > 1)
			assert_non_null(strstr(notes.last, "runs past the structure's end"));
	}

	/* every array that a table has one of, read to its end */
	fw_whole_dmar(&b);
	expect_dmar("");
	/* a name as long as fits, what is no character shown as such */
	begin(39);
	fw_drhd(&b, true, 0, 0xfed91000);
	fw_scope(&b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_scope(&b, DMAR_SCOPE_ACPI, 1, 0, 1, 0);
	fw_end_structure(&b);
	fw_begin_structure(&b, 4);
	fw_put(&b, 3, 0);
	fw_put(&b, 1, 1);
	fw_put_text(&b, "ABCDEFGHIJKLMNOP~\x7f", 18);
	for (unsigned i = 18; i < 80; i++)
		fw_put(&b, 1, 'x');
	fw_end_structure(&b);
	expect_dmar("");
	assert_int_equal(strlen(d.andd[0].name), sizeof(d.andd[0].name) - 1);
	assert_memory_equal(d.andd[0].name, "ABCDEFGHIJKLMNOP~.x", 19);
}

/* ---- IVRS ----------------------------------------------------------------------------------- */

#define PA_AT 37 /* physical address bits, of IVinfo */

static void unit(u16 devid, u64 base)
{
	fw_ivhd(&b, 0x40, devid, base);
}

/* A unit for everything, which names an I/O APIC, with its block still open. */
static void begin_unit(void)
{
	fw_begin_ivrs(&b);
	unit(2, 0xfeb80000);
	fw_special(&b, 33, 0xa0, 1);
}

static void whole_unit(void)
{
	begin_unit();
	fw_entry4(&b, 1, 0, 0);
	fw_end_structure(&b);
}

static void device_entries_have_sharp_edges(void **state)
{
	begin_unit();
	fw_entry4(&b, 3, 8, 0);
	fw_entry4(&b, 4, 8, 0);
	fw_end_structure(&b);
	expect_ivrs("");
	assert_int_equal(v.units[0].entries[1].first, 8);
	assert_int_equal(v.units[0].entries[1].last, 8);

	/* a range that is never ended is not ended by a later one's end */
	begin_unit();
	fw_entry4(&b, 3, 0x100, 0);
	fw_entry4(&b, 2, 0x200, 0);
	fw_entry4(&b, 4, 0x300, 0);
	fw_end_structure(&b);
	expect_ivrs("range-open range-end-alone ");
	assert_int_equal(v.units[0].entries[1].last, 0x100);

	/* types past F0h have no length, however much follows */
	begin_unit();
	fw_entry4(&b, 0xf1, 0x100, 0);
	fw_put_text(&b, "", 60);
	fw_end_structure(&b);
	expect_ivrs("entries-broken ");
	assert_non_null(strstr(notes.last, "length is not defined"));
}

static void acpi_entry(u8 format, u8 length, u64 uid)
{
	fw_entry4(&b, 240, 0xa5, 0);
	fw_put_text(&b, "AMDI0020", 8);
	fw_put_text(&b, "AMDI0021", 8);
	fw_put(&b, 1, format);
	fw_put(&b, 1, length);
	fw_put(&b, length, uid);
}

static void acpi_entries_have_their_length(void **state)
{
	begin_unit();
	acpi_entry(1, 8, 0xabcdef0123456789);
	acpi_entry(1, 7, 0x23456789);
	acpi_entry(0, 0, 0);
	fw_end_structure(&b);
	expect_ivrs("");
	assert_string_equal(v.units[0].entries[1].hid, "AMDI0020");
	assert_string_equal(v.units[0].entries[1].cid, "AMDI0021");
	assert_string_equal(v.units[0].entries[1].uid, "0xabcdef0123456789");
	assert_string_equal(v.units[0].entries[2].uid, "");
	assert_string_equal(v.units[0].entries[3].uid, "");

	/* cut within the fixed part, before and behind its length */
	for (unsigned cut = 1; cut <= 3; cut++) {
		begin_unit();
		acpi_entry(0, 0, 0);
		b.n -= cut;
		fw_end_structure(&b);
		expect_ivrs("entries-broken ");
		assert_int_equal(v.units[0].nentries, 1);
	}
}

static void blocks_are_known_by_their_type(void **state)
{
	static const struct {
		u8 type;
		const char *notes;
	} blocks[] = {
	    {0x0f, "unknown-block "}, {0x10, "block-short "}, {0x11, "block-short "},
	    {0x1f, "unknown-block "}, {0x20, "block-short "}, {0x22, "block-short "},
	    {0x23, "unknown-block "}, {0x40, "block-short "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		whole_unit();
		fw_begin_structure(&b, blocks[i].type);
		fw_end_structure(&b);
		expect_ivrs(blocks[i].notes);
	}

	/* of two alike the first is used */
	whole_unit();
	unit(2, 0xfeb80000);
	fw_end_structure(&b);
	expect_ivrs("unit-twice ");
	assert_true(v.units[0].used);
	assert_false(v.units[1].used);
	fw_whole_ivrs(&b);
	expect_ivrs("");
}

static void two_units_may_meet_but_not_overlap(void **state)
{
	static const struct {
		u16 first[2], last[2];
		const char *notes;
	} two[] = {
	    {{0x008, 0x100}, {0x0ff, 0x1ff}, ""},
	    {{0x100, 0x008}, {0x1ff, 0x0ff}, ""},
	    {{0x008, 0x100}, {0x100, 0x1ff}, "device-twice "},
	    {{0x100, 0x008}, {0x1ff, 0x100}, "device-twice "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
		fw_begin_ivrs(&b);
		for (u8 k = 0; k < 2; k++) {
			unit((u16)(k << 14 | 2), 0xfeb80000 + k * 0x100000);
			fw_special(&b, 33 + k, 0xa0, 1);
			fw_entry4(&b, 3, two[i].first[k], 0);
			fw_entry4(&b, 4, two[i].last[k], 0);
			fw_end_structure(&b);
		}
		expect_ivrs(two[i].notes);
	}
}

static void headers_and_ranges_of_an_ivrs_have_sharp_edges(void **state)
{
	static const struct {
		u8 bits;
		const char *notes;
	} widths[] = {{31, "address-width "}, {32, ""}, {52, ""}, {53, "address-width "}};

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		whole_unit();
		b.bytes[PA_AT] = (u8)((b.bytes[PA_AT] & 0x80) | widths[i].bits);
		expect_ivrs(widths[i].notes);
	}
	whole_unit();
	fw_ivmd(&b, 0x22, IVRS_UNITY | IVRS_READ, 8, 8, 0x1000, 0x1000);
	fw_ivmd(&b, 0x21, IVRS_UNITY | IVRS_READ, 9, 0, 0x2000, 0x1000);
	expect_ivrs("");
	whole_unit();
	fw_ivmd(&b, 0x22, IVRS_UNITY | IVRS_READ, 8, 7, 0x1000, 0x1000);
	expect_ivrs("range-devices-reversed ");
	whole_unit();
	fw_ivmd(&b, 0x21, IVRS_UNITY | IVRS_READ, 8, 0, 0x1000, 0x1000);
	b.bytes[b.n - 24] = 3;
	expect_ivrs("range-segment ");
}

/* ---- both ----------------------------------------------------------------------------------- */

static void what_is_too_short_or_long_is_not_read(void **state)
{
	static u8 big[TABLE_MAX + 1];
	static u64 memory[8192 * 26 / 8];

	fw_begin_dmar(&b);
	assert_int_equal(fw_read_dmar(&b, 4, &d, &notes), ERR_RANGE);
	assert_int_equal(fw_read_ivrs(&b, 4, &v, &notes), ERR_CORRUPT);
	b.bytes[4] = 5; /* the header's length counts as soon as all of it is there */
	assert_int_equal(fw_read_dmar(&b, 7, &d, &notes), ERR_RANGE);
	assert_non_null(strstr(notes.last, "has 7 bytes"));
	assert_int_equal(fw_read_dmar(&b, 8, &d, &notes), ERR_RANGE);
	assert_non_null(strstr(notes.last, "has 5 bytes"));

	whole_unit();
	fw_seal(&b);
	assert_int_equal(ivrs_parse(b.bytes, b.n, memory, ivrs_memory(b.n) - 1, &v, NULL, NULL),
			 ERR_NOMEM);
	assert_int_equal(ivrs_parse(b.bytes, b.n, memory, ivrs_memory(b.n), &v, NULL, NULL), OK);

	/* refused for its length alone: it is not looked into */
	struct table_header header = {.signature = "none"};
	struct table t = {0};

	memcpy(big, "DMAR", 4);
	memcpy(big + 4, &(u32){TABLE_MAX + 1}, 4);
	assert_int_equal(table_open(&t, big, sizeof(big), "DMAR", 48, &header), ERR_RANGE);
	assert_string_equal(header.signature, "none");
	memcpy(big + 4, &(u32){TABLE_MAX}, 4);
	assert_int_equal(table_open(&t, big, sizeof(big), "DMAR", 48, &header), OK);
	assert_string_equal(header.signature, "DMAR");
}

static void memory_is_taken_to_its_last_byte(void **state)
{
	u64 *room = malloc(24);
	struct table t = {.memory = (u8 *)room, .left = 24};

	assert_ptr_equal(__real_table_take(&t, 1, 5), room);
	assert_null(__real_table_take(&t, 3, 8));
	assert_true(t.fault);
	t.fault = false;
	assert_ptr_equal(__real_table_take(&t, 2, 8), room + 1);
	assert_false(t.fault);
	assert_null(__real_table_take(&t, 1, 1));
	assert_true(t.fault);
	free(room);
}

static int end(void **state)
{
	forget_arrays();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(ranges_have_sharp_edges, end),
	    cmocka_unit_test_teardown(registers_lie_where_they_can, end),
	    cmocka_unit_test_teardown(scopes_name_what_can_be, end),
	    cmocka_unit_test_teardown(segments_are_apart, end),
	    cmocka_unit_test_teardown(structures_end_with_the_table, end),
	    cmocka_unit_test_teardown(device_entries_have_sharp_edges, end),
	    cmocka_unit_test_teardown(acpi_entries_have_their_length, end),
	    cmocka_unit_test_teardown(blocks_are_known_by_their_type, end),
	    cmocka_unit_test_teardown(two_units_may_meet_but_not_overlap, end),
	    cmocka_unit_test_teardown(headers_and_ranges_of_an_ivrs_have_sharp_edges, end),
	    cmocka_unit_test_teardown(what_is_too_short_or_long_is_not_read, end),
	    cmocka_unit_test_teardown(memory_is_taken_to_its_last_byte, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
