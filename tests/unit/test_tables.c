/* iommu/tables: DMAR and IVRS as firmware writes them, and as it should not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "tests/fake/fw_table.h"

static u64 memory[8192 * 26 / 8];

static void a_whole_dmar_is_read(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct dmar d;
	char text[96];

	fw_whole_dmar(&b);
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
	assert_int_equal(notes.n, 0);
	assert_true(d.complete && d.header.checksum_ok);
	assert_string_equal(d.header.oem_id, "ACME");
	assert_int_equal(d.address_width, 39);
	assert_int_equal(d.nunits, 2);
	assert_int_equal(d.units[0].base, 0xfed90000);
	assert_false(d.units[0].all);
	assert_int_equal(d.units[0].nscopes, 1);
	assert_true(d.units[1].all);
	assert_int_equal(d.units[1].size, 4096);
	assert_int_equal(d.units[1].nscopes, 4);
	dmar_scope_text(0, &d.units[1].scopes[0], text, sizeof(text));
	assert_string_equal(text, "I/O APIC 2 at 0000:f0:1f.0");
	assert_int_equal(d.units[1].scopes[3].depth, 3);
	dmar_scope_text(5, &d.units[1].scopes[3], text, sizeof(text));
	assert_string_equal(text, "0005:40:1c.1/00.0/03.1 and below");
	assert_int_equal(d.nreserved, 1);
	assert_int_equal(d.reserved[0].limit, 0x7fffffff);
	assert_int_equal(d.natsr, 1);
	assert_int_equal(d.nrhsa, 1);
	assert_int_equal(d.rhsa[0].domain, 3);
	assert_int_equal(d.nandd, 1);
	assert_string_equal(d.andd[0].name, "\\_SB.PCI0.UA01");
	assert_int_equal(d.nsatc, 1);
	assert_int_equal(d.satc[0].flags, 1);
	assert_int_equal(d.nsidp, 1);
}

/* Each oddity in a table that is whole but for it: its note appears, and none but its own. */
static void each_dmar_oddity_has_its_sentence(void **state)
{
	static const struct {
		size_t at; /* byte of the whole table */
		u8 v;
		const char *note;
		bool complete;
	} odd[] = {
	    {36, 60, "address-width", true},	   {37, 0, "no-interrupt-remapping", true},
	    {37, 3, "x2apic-opt-out", true},	   {37, 0x11, "reserved-flags", true},
	    {40, 1, "reserved-bytes", true},	   {48, 9, "unknown-structure", true},
	    {48 + 4, 2, "reserved-flags", true},   {48 + 4, 1, "two-catch-alls", true},
	    {48 + 16, 9, "unknown-scope", true},   {48 + 17, 5, "scope-length", false},
	    {48 + 17, 200, "scope-length", false}, {48 + 22, 40, "scope-path", true},
	    {48 + 23, 9, "scope-path", true},
	};
	static struct fw_table b;
	struct fw_notes notes;
	struct dmar d;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		fw_whole_dmar(&b);
		b.bytes[odd[i].at] = odd[i].v;
		fw_seal(&b);
		assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
		if (!fw_noted(&notes, odd[i].note))
			fail_msg("byte %zu = %u: no note '%s'", odd[i].at, odd[i].v, odd[i].note);
		assert_int_equal(d.complete, odd[i].complete);
	}
}

struct dmar_case {
	void (*build)(struct fw_table *b);
	const char *note;
};

static void unit_twice(struct fw_table *b)
{
	fw_drhd(b, false, 0, 0xfed90000);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_drhd(b, true, 0, 0xfed90000);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_end_structure(b);
}

static void device_twice(struct fw_table *b)
{
	fw_drhd(b, false, 0, 0xfed90000);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_drhd(b, true, 0, 0xfed91000);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
}

static void one_unit(struct fw_table *b)
{
	fw_drhd(b, true, 0, 0xfed91000);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_end_structure(b);
}

static void catch_all_first(struct fw_table *b)
{
	one_unit(b);
	fw_drhd(b, false, 0, 0xfed90000);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
}

static void empty_unit(struct fw_table *b)
{
	fw_drhd(b, false, 0, 0xfed90000);
	fw_end_structure(b);
	one_unit(b);
}

static void no_catch_all(struct fw_table *b)
{
	one_unit(b);
	b->bytes[52] = 0;
}

static void no_units(struct fw_table *b)
{
}

static void no_ioapic(struct fw_table *b)
{
	fw_drhd(b, true, 0, 0xfed91000);
	fw_end_structure(b);
}

static void range(struct fw_table *b, u64 base, u64 limit)
{
	one_unit(b);
	fw_rmrr(b, 0, base, limit);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
}

static void range_reversed(struct fw_table *b)
{
	range(b, 0x2000, 0x1fff - 0x1000);
}

static void range_unaligned(struct fw_table *b)
{
	range(b, 0x1000, 0x1ffe);
}

static void range_start_unaligned(struct fw_table *b)
{
	range(b, 0x1800, 0x1fff);
}

static void range_wide(struct fw_table *b)
{
	range(b, 1ull << 38, (1ull << 39) + 0xfff);
}

static void range_huge(struct fw_table *b)
{
	range(b, 0, GIB(8) - 1);
}

static void range_for_nobody(struct fw_table *b)
{
	one_unit(b);
	fw_rmrr(b, 0, 0x1000, 0x1fff);
	fw_end_structure(b);
}

static void range_segment(struct fw_table *b)
{
	one_unit(b);
	fw_rmrr(b, 4, 0x1000, 0x1fff);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
}

static void range_for_ioapic(struct fw_table *b)
{
	one_unit(b);
	fw_rmrr(b, 0, 0x1000, 0x1fff);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0, 2, 0);
	fw_end_structure(b);
}

static void ranges_overlap(struct fw_table *b)
{
	range(b, 0x1000, 0x3fff);
	fw_rmrr(b, 0, 0x3000, 0x4fff);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 3, 0);
	fw_end_structure(b);
}

static void group_segment(struct fw_table *b)
{
	one_unit(b);
	fw_begin_structure(b, 2);
	fw_put(b, 2, 1);
	fw_put(b, 2, 1);
	fw_end_structure(b);
}

static void rhsa_lost(struct fw_table *b)
{
	one_unit(b);
	fw_begin_structure(b, 3);
	fw_put(b, 4, 0);
	fw_put(b, 8, 0x1234000);
	fw_put(b, 4, 0);
	fw_end_structure(b);
}

static void andd(struct fw_table *b, u8 number)
{
	fw_begin_structure(b, 4);
	fw_put(b, 3, 0);
	fw_put(b, 1, number);
	fw_put_text(b, "\\_SB.X", 8);
	fw_end_structure(b);
}

static void andd_twice(struct fw_table *b)
{
	one_unit(b);
	andd(b, 1);
	andd(b, 1);
}

static void andd_uncovered(struct fw_table *b)
{
	one_unit(b);
	andd(b, 1);
}

static void acpi_unnamed(struct fw_table *b)
{
	fw_drhd(b, true, 0, 0xfed91000);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_scope(b, DMAR_SCOPE_ACPI, 9, 0, 1, 0);
	fw_end_structure(b);
}

static void out_of_order(struct fw_table *b)
{
	fw_rmrr(b, 0, 0x1000, 0x1fff);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	one_unit(b);
}

static void short_structure(struct fw_table *b)
{
	one_unit(b);
	fw_begin_structure(b, 3);
	fw_put(b, 8, 0);
	fw_end_structure(b);
}

static const struct dmar_case dmar_cases[] = {
    {unit_twice, "unit-twice"},
    {device_twice, "device-twice"},
    {catch_all_first, "catch-all-not-last"},
    {empty_unit, "unit-empty"},
    {no_catch_all, "no-catch-all"},
    {no_units, "no-unit"},
    {no_ioapic, "no-ioapic"},
    {range_reversed, "range-reversed"},
    {range_unaligned, "range-unaligned"},
    {range_start_unaligned, "range-unaligned"},
    {range_wide, "range-width"},
    {range_huge, "range-huge"},
    {range_for_nobody, "range-for-nobody"},
    {range_segment, "range-segment"},
    {range_for_ioapic, "range-scope-kind"},
    {ranges_overlap, "ranges-overlap"},
    {group_segment, "group-segment"},
    {rhsa_lost, "affinity-unit"},
    {andd_twice, "acpi-number-twice"},
    {andd_uncovered, "acpi-uncovered"},
    {acpi_unnamed, "acpi-unnamed"},
    {out_of_order, "structure-order"},
    {short_structure, "structure-short"},
};

static void contradictions_of_a_dmar_are_named(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct dmar d;

	fw_begin_dmar(&b);
	one_unit(&b);
	fw_seal(&b);
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
	assert_int_equal(notes.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(dmar_cases); i++) {
		fw_begin_dmar(&b);
		dmar_cases[i].build(&b);
		fw_seal(&b);
		assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
		if (!fw_noted(&notes, dmar_cases[i].note))
			fail_msg("no note '%s' (last: %s)", dmar_cases[i].note, notes.last);
	}
}

/* ---- IVRS ----------------------------------------------------------------------------------- */

static void a_whole_ivrs_is_read(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct ivrs v;
	char text[96];

	fw_whole_ivrs(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), OK);
	assert_int_equal(notes.n, 0);
	assert_true(v.complete);
	assert_int_equal(v.nunits, 2);
	assert_false(v.units[0].used);

	const struct ivrs_unit *u = &v.units[1];

	assert_true(u->used);
	assert_int_equal(u->features, 0x246577efa2254afaull);
	assert_int_equal(u->nentries, 8);
	assert_int_equal(u->entries[0].kind, IVRS_RANGE);
	assert_int_equal(u->entries[0].last, 0xfeff);
	assert_true(u->entries[1].aliased);
	assert_int_equal(u->entries[1].alias, 0xa5);
	assert_int_equal(u->entries[1].last, 0xffff);
	assert_int_equal(u->entries[2].alias, 0xa4);
	assert_int_equal(u->entries[3].extended, 0x80000000);
	assert_int_equal(u->entries[4].settings, 0x40);
	ivrs_entry_text(&u->entries[5], text, sizeof(text));
	assert_string_equal(text, "I/O APIC 33 at 00:14.0");
	assert_int_equal(u->entries[6].kind, IVRS_HPET);
	ivrs_entry_text(&u->entries[7], text, sizeof(text));
	assert_string_equal(text, "ACPI device AMDI0020 \\_SB.FUR0 at 00:14.5");
	assert_int_equal(v.nreserved, 1);
	assert_int_equal(v.reserved[0].last, 0x307);
	assert_int_equal(v.reserved[0].length, 0x100000);
}

#define IVHD_AT 48
#define ENTRIES (IVHD_AT + 40)

/* One IVHD of type 40h; the case adds entries or blocks. */
struct ivrs_case {
	void (*entries)(struct fw_table *b);
	void (*blocks)(struct fw_table *b);
	const char *note;
	bool complete;
};

static void good_entries(struct fw_table *b)
{
	fw_entry4(b, 3, 8, 0);
	fw_entry4(b, 4, 0xffff, 0);
	fw_special(b, 33, 0xa0, 1);
}

static void end_alone(struct fw_table *b)
{
	fw_entry4(b, 4, 0xffff, 0);
}

static void reversed(struct fw_table *b)
{
	fw_entry4(b, 3, 0x100, 0);
	fw_entry4(b, 4, 0xff, 0);
}

static void left_open(struct fw_table *b)
{
	fw_entry4(b, 3, 0x100, 0);
}

static void open_then_select(struct fw_table *b)
{
	fw_entry4(b, 3, 0x100, 0);
	fw_entry4(b, 2, 0x200, 0);
}

static void unknown_entry(struct fw_table *b)
{
	fw_entry4(b, 9, 0x100, 0);
}

static void unknown_length(struct fw_table *b)
{
	fw_entry4(b, 250, 0x100, 0);
}

static void entry_too_long(struct fw_table *b)
{
	fw_entry4(b, 72, 0x100, 0);
}

static void own_alias(struct fw_table *b)
{
	fw_entry8(b, 66, 0x0300, 0, 0x300u << 8);
}

static void strange_variety(struct fw_table *b)
{
	fw_special(b, 1, 0x10, 7);
}

static void ioapic_at_zero(struct fw_table *b)
{
	fw_special(b, 34, 0, 1);
}

static void ioapic_twice(struct fw_table *b)
{
	fw_special(b, 33, 0xa1, 1);
}

static void reserved_setting(struct fw_table *b)
{
	fw_entry4(b, 2, 0x300, 8);
}

static void second_unit(struct fw_table *b)
{
	fw_ivhd(b, 0x40, 0x4002, 0xfec80000);
	fw_entry4(b, 3, 0x4008, 0);
	fw_entry4(b, 4, 0x40ff, 0);
	fw_end_structure(b);
}

static void same_base(struct fw_table *b)
{
	fw_ivhd(b, 0x40, 0x4002, 0xfeb80000);
	fw_end_structure(b);
}

static void other_base(struct fw_table *b)
{
	fw_ivhd(b, 0x11, 2, 0xfec80000);
	fw_end_structure(b);
}

static void same_again(struct fw_table *b)
{
	fw_ivhd(b, 0x40, 2, 0xfeb80000);
	fw_end_structure(b);
}

static void unaligned_base(struct fw_table *b)
{
	fw_ivhd(b, 0x40, 0x4002, 0xfec81000);
	fw_entry4(b, 2, 1, 0);
	fw_end_structure(b);
}

static void empty_block(struct fw_table *b)
{
	fw_ivhd(b, 0x40, 0x4002, 0xfec80000);
	fw_end_structure(b);
}

static void acpi_in_11(struct fw_table *b)
{
	fw_ivhd(b, 0x11, 0x4002, 0xfec80000);
	fw_entry4(b, 240, 0xa5, 0);
	fw_put_text(b, "AMDI0020", 16);
	fw_put(b, 2, 0);
	fw_end_structure(b);
}

static void unknown_block(struct fw_table *b)
{
	fw_begin_structure(b, 0x51);
	fw_end_structure(b);
}

static void short_block(struct fw_table *b)
{
	fw_begin_structure(b, 0x21);
	fw_put(b, 4, 0);
	fw_end_structure(b);
}

#define RW (IVRS_UNITY | IVRS_READ | IVRS_WRITE)

static void range_empty(struct fw_table *b)
{
	fw_ivmd(b, 0x21, RW, 8, 0, 0x1000, 0);
}

static void range_wraps(struct fw_table *b)
{
	fw_ivmd(b, 0x21, RW, 8, 0, ~0xfffull, 0x2000);
}

static void range_part_page(struct fw_table *b)
{
	fw_ivmd(b, 0x21, RW, 8, 0, 0x1000, 1);
}

static void range_large(struct fw_table *b)
{
	fw_ivmd(b, 0x21, RW, 8, 0, 0, GIB(4));
}

static void range_no_devices(struct fw_table *b)
{
	fw_ivmd(b, 0x22, RW, 8, 7, 0x1000, 0x1000);
}

static void range_flags(struct fw_table *b)
{
	fw_ivmd(b, 0x21, RW | 0x80, 8, 0, 0x1000, 0x1000);
}

static void range_exclusion(struct fw_table *b)
{
	fw_ivmd(b, 0x20, IVRS_EXCLUDE, 0, 0, 0x1000, 0x1000);
}

static void range_rightless(struct fw_table *b)
{
	fw_ivmd(b, 0x20, IVRS_UNITY, 0, 0, 0x1000, 0x1000);
}

static void range_other_segment(struct fw_table *b)
{
	fw_ivmd(b, 0x20, RW, 0, 0, 0x1000, 0x1000);
	b->bytes[b->n - 24] = 3;
}

static void range_reserved_bytes(struct fw_table *b)
{
	fw_ivmd(b, 0x20, RW, 0, 0, 0x1000, 0x1000);
	b->bytes[b->n - 20] = 3;
}

static const struct ivrs_case ivrs_cases[] = {
    {end_alone, NULL, "range-end-alone", true},
    {reversed, NULL, "range-reversed", true},
    {left_open, NULL, "range-open", true},
    {open_then_select, NULL, "range-open", true},
    {unknown_entry, NULL, "unknown-entry", true},
    {unknown_length, NULL, "entries-broken", false},
    {entry_too_long, NULL, "entries-broken", false},
    {own_alias, NULL, "alias-of-itself", true},
    {strange_variety, NULL, "unknown-variety", true},
    {ioapic_at_zero, NULL, "special-devid", true},
    {ioapic_twice, NULL, "special-twice", true},
    {reserved_setting, NULL, "reserved-settings", true},
    {NULL, second_unit, "device-twice", true},
    {NULL, same_base, "units-share-base", true},
    {NULL, other_base, "unit-bases-differ", true},
    {NULL, same_again, "unit-twice", true},
    {NULL, unaligned_base, "unit-base", true},
    {NULL, empty_block, "unit-empty", true},
    {NULL, acpi_in_11, "acpi-in-old-block", true},
    {NULL, unknown_block, "unknown-block", true},
    {NULL, short_block, "block-short", false},
    {NULL, range_empty, "range-bounds", true},
    {NULL, range_wraps, "range-bounds", true},
    {NULL, range_part_page, "range-unaligned", true},
    {NULL, range_large, "range-huge", true},
    {NULL, range_no_devices, "range-devices-reversed", true},
    {NULL, range_flags, "reserved-flags", true},
    {NULL, range_exclusion, "exclusion-range", true},
    {NULL, range_rightless, "range-no-rights", true},
    {NULL, range_other_segment, "range-segment", true},
    {NULL, range_reserved_bytes, "reserved-bytes", true},
};

static void contradictions_of_an_ivrs_are_named(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct ivrs v;

	for (size_t i = 0; i <= ARRAY_SIZE(ivrs_cases); i++) {
		const struct ivrs_case *c = i < ARRAY_SIZE(ivrs_cases) ? &ivrs_cases[i] : NULL;

		fw_begin_ivrs(&b);
		fw_ivhd(&b, 0x40, 2, 0xfeb80000);
		good_entries(&b);
		if (c && c->entries)
			c->entries(&b);
		fw_end_structure(&b);
		if (c && c->blocks)
			c->blocks(&b);
		fw_seal(&b);
		assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), OK);
		if (!c) {
			assert_int_equal(notes.n, 0);
			continue;
		}
		if (!fw_noted(&notes, c->note))
			fail_msg("no note '%s' (last: %s)", c->note, notes.last);
		assert_int_equal(v.complete, c->complete);
	}
	fw_begin_ivrs(&b);
	fw_seal(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), OK);
	assert_true(fw_noted(&notes, "no-unit"));
	fw_begin_ivrs(&b);
	fw_ivhd(&b, 0x10, 2, 0xfeb80000);
	fw_entry4(&b, 1, 0, 0);
	fw_end_structure(&b);
	b.bytes[37] = b.bytes[38] = b.bytes[40] = 0xff;
	fw_seal(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), OK);
	assert_true(fw_noted(&notes, "address-width"));
	assert_true(fw_noted(&notes, "virtual-width"));
	assert_true(fw_noted(&notes, "reserved-bytes"));
	assert_true(fw_noted(&notes, "no-ioapic"));
	assert_int_equal(v.units[0].entries[0].kind, IVRS_ALL);
}

/* ---- both ----------------------------------------------------------------------------------- */

/*
 * A table cut anywhere is never taken for complete, and reads stay inside what is left; cut between
 * structures with the length mended it is a shorter table, and whole.
 */
static void cut_tables_are_known_as_such(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct dmar d;
	struct ivrs v;

	fw_whole_dmar(&b);
	for (size_t n = 0; n < b.n; n++) {
		int err = fw_read_dmar(&b, n, &d, &notes);

		assert_false(d.complete);
		if (n < 48)
			assert_int_equal(err, ERR_RANGE);
		else
			assert_true(fw_noted(&notes, "length-beyond-end"));
	}
	fw_whole_ivrs(&b);
	for (size_t n = 0; n < b.n; n++) {
		int err = fw_read_ivrs(&b, n, &v, &notes);

		assert_false(v.complete);
		if (n < 48)
			assert_int_equal(err, ERR_RANGE);
		else
			assert_true(fw_noted(&notes, "length-beyond-end"));
	}
}

static void what_is_no_table_is_refused(void **state)
{
	static struct fw_table b;
	struct fw_notes notes;
	struct dmar d;
	struct ivrs v;

	fw_whole_dmar(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), ERR_CORRUPT);
	assert_int_equal(dmar_parse(b.bytes, b.n, memory, dmar_memory(b.n) - 1, &d, NULL, NULL),
			 ERR_NOMEM);
	assert_int_equal(dmar_parse(b.bytes, b.n, memory, sizeof(memory), &d, NULL, NULL), OK);

	/* a length below the header's, a chain that stands still, one that overshoots */
	b.bytes[4] = 47;
	b.bytes[5] = 0;
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	fw_whole_dmar(&b);
	b.bytes[50] = 3;
	fw_seal(&b);
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	assert_true(fw_noted(&notes, "chain-broken"));
	assert_false(d.complete);
	b.bytes[50] = b.bytes[51] = 0xff;
	fw_seal(&b);
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	fw_whole_ivrs(&b);
	b.bytes[50] = 0;
	fw_seal(&b);
	assert_int_equal(fw_read_ivrs(&b, b.n, &v, &notes), ERR_RANGE);
	assert_true(fw_noted(&notes, "chain-broken"));

	fw_whole_dmar(&b);
	b.bytes[9]++;
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
	assert_true(fw_noted(&notes, "checksum"));
	assert_false(d.header.checksum_ok);
	fw_whole_dmar(&b);
	b.n += 8;
	assert_int_equal(fw_read_dmar(&b, b.n, &d, &notes), OK);
	assert_true(fw_noted(&notes, "bytes-after-end"));
	assert_true(d.complete);
}

/* The largest table allowed, all scopes alike, is done in bounded time and memory. */
static void a_huge_table_ends(void **state)
{
	size_t n = TABLE_MAX;
	u8 *bytes = calloc(1, n + 1);
	size_t room = dmar_memory(n + 1);
	void *mem = malloc(room);
	struct dmar d;

	memcpy(bytes, "DMAR", 4);
	memcpy(bytes + 4, &(u32){(u32)n}, 4);
	for (size_t at = 48; n - at >= 16;) {
		size_t length = n - at > 0xfff8 ? 0xfff0 : n - at;

		memcpy(bytes + at + 2, &(u16){(u16)length}, 2);
		for (size_t s = at + 16; s + 8 <= at + length; s += 8) {
			bytes[s] = 1;
			bytes[s + 1] = 8;
		}
		at += length;
	}
	assert_int_equal(dmar_parse(bytes, n, mem, room, &d, NULL, NULL), OK);
	memcpy(bytes + 4, &(u32){(u32)n + 1}, 4);
	assert_int_equal(dmar_parse(bytes, n + 1, mem, room, &d, NULL, NULL), ERR_RANGE);
	free(mem);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_dmar_is_read),
	    cmocka_unit_test(each_dmar_oddity_has_its_sentence),
	    cmocka_unit_test(contradictions_of_a_dmar_are_named),
	    cmocka_unit_test(a_whole_ivrs_is_read),
	    cmocka_unit_test(contradictions_of_an_ivrs_are_named),
	    cmocka_unit_test(cut_tables_are_known_as_such),
	    cmocka_unit_test(what_is_no_table_is_refused),
	    cmocka_unit_test(a_huge_table_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
