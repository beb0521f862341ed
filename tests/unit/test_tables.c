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
#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"

/* ---- building tables ------------------------------------------------------------------------ */

struct blob {
	u8 bytes[8192];
	size_t n;
	size_t open; /* where the structure being built began */
};

static void put(struct blob *b, unsigned width, u64 v)
{
	for (unsigned i = 0; i < width; i++)
		b->bytes[b->n++] = (u8)(v >> 8 * i);
}

static void put_text(struct blob *b, const char *s, size_t n)
{
	memset(b->bytes + b->n, 0, n);
	memcpy(b->bytes + b->n, s, strlen(s) < n ? strlen(s) : n);
	b->n += n;
}

static void begin_table(struct blob *b, const char *signature)
{
	*b = (struct blob){.n = 0};
	put_text(b, signature, 4);
	put(b, 4, 0);
	put(b, 1, 2); /* revision */
	put(b, 1, 0); /* checksum */
	put_text(b, "ACME  ", 6);
	put_text(b, "ROCK    ", 8);
	put(b, 4, 1);
	put_text(b, "CAPR", 4);
	put(b, 4, 1);
}

/* Length and checksum. */
static void seal(struct blob *b)
{
	u8 sum = 0;

	memcpy(b->bytes + 4, &(u32){(u32)b->n}, 4);
	b->bytes[9] = 0;
	for (size_t i = 0; i < b->n; i++)
		sum = (u8)(sum + b->bytes[i]);
	b->bytes[9] = (u8)-sum;
}

static void begin_structure(struct blob *b, u16 type)
{
	b->open = b->n;
	put(b, 2, type);
	put(b, 2, 0);
}

static void end_structure(struct blob *b)
{
	u16 length = (u16)(b->n - b->open);

	memcpy(b->bytes + b->open + 2, &length, 2);
}

static void scope(struct blob *b, u8 type, u8 id, u8 bus, u8 device, u8 function)
{
	put(b, 1, type);
	put(b, 1, 8);
	put(b, 2, 0);
	put(b, 1, id);
	put(b, 1, bus);
	put(b, 1, device);
	put(b, 1, function);
}

static void drhd(struct blob *b, bool all, u16 segment, u64 base)
{
	begin_structure(b, 0);
	put(b, 1, all);
	put(b, 1, 0);
	put(b, 2, segment);
	put(b, 8, base);
}

static void rmrr(struct blob *b, u16 segment, u64 base, u64 limit)
{
	begin_structure(b, 1);
	put(b, 2, 0);
	put(b, 2, segment);
	put(b, 8, base);
	put(b, 8, limit);
}

static void begin_dmar(struct blob *b)
{
	begin_table(b, "DMAR");
	put(b, 1, 38); /* 39 bits */
	put(b, 1, DMAR_INTR_REMAP);
	put_text(b, "", 10);
}

/* One of everything, all of it in order. */
static void whole_dmar(struct blob *b)
{
	begin_dmar(b);
	drhd(b, false, 0, 0xfed90000);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	drhd(b, true, 0, 0xfed91000);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	scope(b, DMAR_SCOPE_HPET, 1, 0, 31, 0);
	scope(b, DMAR_SCOPE_ACPI, 7, 0, 21, 1);
	/* a bridge behind a bridge: three hops */
	put(b, 1, DMAR_SCOPE_BRIDGE);
	put(b, 1, 12);
	put(b, 2, 0);
	put(b, 1, 0);
	put(b, 1, 0x40);
	put(b, 6, 0x0103000001ull << 8 | 0x1c);
	end_structure(b);
	rmrr(b, 0, 0x7c000000, 0x7fffffff);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	begin_structure(b, 2);
	put(b, 1, 0);
	put(b, 1, 0);
	put(b, 2, 0);
	scope(b, DMAR_SCOPE_BRIDGE, 0, 0, 1, 0);
	end_structure(b);
	begin_structure(b, 3);
	put(b, 4, 0);
	put(b, 8, 0xfed91000);
	put(b, 4, 3);
	end_structure(b);
	begin_structure(b, 4);
	put(b, 3, 0);
	put(b, 1, 7);
	put_text(b, "\\_SB.PCI0.UA01", 16);
	end_structure(b);
	begin_structure(b, 5);
	put(b, 1, 1);
	put(b, 1, 0);
	put(b, 2, 0);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	begin_structure(b, 6);
	put(b, 4, 0);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	seal(b);
}

/* ---- reading them --------------------------------------------------------------------------- */

struct notes {
	unsigned n;
	char names[64][32];
	char last[400];
};

static void keep(void *ctx, const struct table_note *note)
{
	struct notes *notes = ctx;

	assert_true(strlen(note->text) > 20 && strlen(note->text) < sizeof(note->text) - 1);
	assert_null(strchr(note->text, '\n'));
	if (notes->n < 64)
		snprintf(notes->names[notes->n], 32, "%s", note->name);
	snprintf(notes->last, sizeof(notes->last), "%s", note->text);
	notes->n++;
}

static bool noted(const struct notes *notes, const char *name)
{
	for (unsigned i = 0; i < notes->n && i < 64; i++)
		if (!strcmp(notes->names[i], name))
			return true;
	return false;
}

static u64 memory[8192 * 26 / 8];

/* The bytes lie in an allocation of just their size, so that a read past them is seen. */
static int read_dmar(const struct blob *b, size_t n, struct dmar *d, struct notes *notes)
{
	static void *copy;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, b->bytes, n);
	*notes = (struct notes){0};
	return dmar_parse(copy, n, memory, dmar_memory(n), d, keep, notes);
}

static int read_ivrs(const struct blob *b, size_t n, struct ivrs *v, struct notes *notes)
{
	static void *copy;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, b->bytes, n);
	*notes = (struct notes){0};
	return ivrs_parse(copy, n, memory, ivrs_memory(n), v, keep, notes);
}

static void a_whole_dmar_is_read(void **state)
{
	static struct blob b;
	struct notes notes;
	struct dmar d;
	char text[96];

	whole_dmar(&b);
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
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
	static struct blob b;
	struct notes notes;
	struct dmar d;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		whole_dmar(&b);
		b.bytes[odd[i].at] = odd[i].v;
		seal(&b);
		assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
		if (!noted(&notes, odd[i].note))
			fail_msg("byte %zu = %u: no note '%s'", odd[i].at, odd[i].v, odd[i].note);
		assert_int_equal(d.complete, odd[i].complete);
	}
}

struct dmar_case {
	void (*build)(struct blob *b);
	const char *note;
};

static void unit_twice(struct blob *b)
{
	drhd(b, false, 0, 0xfed90000);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	drhd(b, true, 0, 0xfed90000);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	end_structure(b);
}

static void device_twice(struct blob *b)
{
	drhd(b, false, 0, 0xfed90000);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	drhd(b, true, 0, 0xfed91000);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
}

static void one_unit(struct blob *b)
{
	drhd(b, true, 0, 0xfed91000);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	end_structure(b);
}

static void catch_all_first(struct blob *b)
{
	one_unit(b);
	drhd(b, false, 0, 0xfed90000);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
}

static void empty_unit(struct blob *b)
{
	drhd(b, false, 0, 0xfed90000);
	end_structure(b);
	one_unit(b);
}

static void no_catch_all(struct blob *b)
{
	one_unit(b);
	b->bytes[52] = 0;
}

static void no_units(struct blob *b)
{
}

static void no_ioapic(struct blob *b)
{
	drhd(b, true, 0, 0xfed91000);
	end_structure(b);
}

static void range(struct blob *b, u64 base, u64 limit)
{
	one_unit(b);
	rmrr(b, 0, base, limit);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
}

static void range_reversed(struct blob *b)
{
	range(b, 0x2000, 0x1fff - 0x1000);
}

static void range_unaligned(struct blob *b)
{
	range(b, 0x1000, 0x1ffe);
}

static void range_start_unaligned(struct blob *b)
{
	range(b, 0x1800, 0x1fff);
}

static void range_wide(struct blob *b)
{
	range(b, 1ull << 38, (1ull << 39) + 0xfff);
}

static void range_huge(struct blob *b)
{
	range(b, 0, GIB(8) - 1);
}

static void range_for_nobody(struct blob *b)
{
	one_unit(b);
	rmrr(b, 0, 0x1000, 0x1fff);
	end_structure(b);
}

static void range_segment(struct blob *b)
{
	one_unit(b);
	rmrr(b, 4, 0x1000, 0x1fff);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
}

static void range_for_ioapic(struct blob *b)
{
	one_unit(b);
	rmrr(b, 0, 0x1000, 0x1fff);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0, 2, 0);
	end_structure(b);
}

static void ranges_overlap(struct blob *b)
{
	range(b, 0x1000, 0x3fff);
	rmrr(b, 0, 0x3000, 0x4fff);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 3, 0);
	end_structure(b);
}

static void group_segment(struct blob *b)
{
	one_unit(b);
	begin_structure(b, 2);
	put(b, 2, 1);
	put(b, 2, 1);
	end_structure(b);
}

static void rhsa_lost(struct blob *b)
{
	one_unit(b);
	begin_structure(b, 3);
	put(b, 4, 0);
	put(b, 8, 0x1234000);
	put(b, 4, 0);
	end_structure(b);
}

static void andd(struct blob *b, u8 number)
{
	begin_structure(b, 4);
	put(b, 3, 0);
	put(b, 1, number);
	put_text(b, "\\_SB.X", 8);
	end_structure(b);
}

static void andd_twice(struct blob *b)
{
	one_unit(b);
	andd(b, 1);
	andd(b, 1);
}

static void andd_uncovered(struct blob *b)
{
	one_unit(b);
	andd(b, 1);
}

static void acpi_unnamed(struct blob *b)
{
	drhd(b, true, 0, 0xfed91000);
	scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	scope(b, DMAR_SCOPE_ACPI, 9, 0, 1, 0);
	end_structure(b);
}

static void out_of_order(struct blob *b)
{
	rmrr(b, 0, 0x1000, 0x1fff);
	scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	end_structure(b);
	one_unit(b);
}

static void short_structure(struct blob *b)
{
	one_unit(b);
	begin_structure(b, 3);
	put(b, 8, 0);
	end_structure(b);
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
	static struct blob b;
	struct notes notes;
	struct dmar d;

	begin_dmar(&b);
	one_unit(&b);
	seal(&b);
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
	assert_int_equal(notes.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(dmar_cases); i++) {
		begin_dmar(&b);
		dmar_cases[i].build(&b);
		seal(&b);
		assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
		if (!noted(&notes, dmar_cases[i].note))
			fail_msg("no note '%s' (last: %s)", dmar_cases[i].note, notes.last);
	}
}

/* ---- IVRS ----------------------------------------------------------------------------------- */

static void ivhd(struct blob *b, u8 type, u16 devid, u64 base)
{
	begin_structure(b, type | 0xb0 << 8);
	put(b, 2, devid);
	put(b, 2, 0x40);
	put(b, 8, base);
	put(b, 2, 0); /* segment */
	put(b, 2, 0);
	put(b, 4, 0);
	if (type != 0x10) {
		put(b, 8, 0x246577efa2254afaull);
		put(b, 8, 0x10);
	}
}

static void entry4(struct blob *b, u8 type, u16 devid, u8 data)
{
	put(b, 1, type);
	put(b, 2, devid);
	put(b, 1, data);
}

static void entry8(struct blob *b, u8 type, u16 devid, u8 data, u32 more)
{
	entry4(b, type, devid, data);
	put(b, 4, more);
}

static void special(struct blob *b, u8 handle, u16 devid, u8 variety)
{
	entry8(b, 72, 0, 0xd7, handle | (u32)devid << 8 | (u32)variety << 24);
}

static void ivmd(struct blob *b, u8 type, u8 flags, u16 first, u16 last, u64 base, u64 length)
{
	begin_structure(b, (u16)(type | flags << 8));
	put(b, 2, first);
	put(b, 2, last);
	put(b, 8, 0);
	put(b, 8, base);
	put(b, 8, length);
	end_structure(b);
}

static void begin_ivrs(struct blob *b)
{
	begin_table(b, "IVRS");
	put(b, 4, 0x00203041);
	put(b, 8, 0);
}

static void whole_ivrs(struct blob *b)
{
	begin_ivrs(b);
	ivhd(b, 0x10, 2, 0xfeb80000);
	entry4(b, 3, 8, 0);
	entry4(b, 4, 0xfffe, 0);
	special(b, 33, 0xa0, 1);
	end_structure(b);
	ivhd(b, 0x40, 2, 0xfeb80000);
	entry4(b, 3, 8, 0);
	entry4(b, 0, 0, 0);
	entry4(b, 4, 0xfeff, 0);
	entry8(b, 67, 0xff00, 0, 0xa5u << 8);
	entry4(b, 4, 0xffff, 0);
	entry8(b, 66, 0x0300, 0, 0xa4u << 8);
	entry8(b, 70, 0x0308, 0, 0x80000000);
	entry8(b, 64, 0, 0, 0);
	entry4(b, 2, 0x10, 0x40);
	special(b, 33, 0xa0, 1);
	special(b, 0, 0xa0, 2);
	entry4(b, 240, 0xa5, 0x40);
	put_text(b, "AMDI0020", 8);
	put_text(b, "", 8);
	put(b, 1, 2);
	put(b, 1, 9);
	put_text(b, "\\_SB.FUR0", 9);
	end_structure(b);
	ivmd(b, 0x22, IVRS_UNITY | IVRS_READ | IVRS_WRITE, 0x300, 0x307, 0x7c000000, 0x100000);
	seal(b);
}

static void a_whole_ivrs_is_read(void **state)
{
	static struct blob b;
	struct notes notes;
	struct ivrs v;
	char text[96];

	whole_ivrs(&b);
	assert_int_equal(read_ivrs(&b, b.n, &v, &notes), OK);
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
	void (*entries)(struct blob *b);
	void (*blocks)(struct blob *b);
	const char *note;
	bool complete;
};

static void good_entries(struct blob *b)
{
	entry4(b, 3, 8, 0);
	entry4(b, 4, 0xffff, 0);
	special(b, 33, 0xa0, 1);
}

static void end_alone(struct blob *b)
{
	entry4(b, 4, 0xffff, 0);
}

static void reversed(struct blob *b)
{
	entry4(b, 3, 0x100, 0);
	entry4(b, 4, 0xff, 0);
}

static void left_open(struct blob *b)
{
	entry4(b, 3, 0x100, 0);
}

static void open_then_select(struct blob *b)
{
	entry4(b, 3, 0x100, 0);
	entry4(b, 2, 0x200, 0);
}

static void unknown_entry(struct blob *b)
{
	entry4(b, 9, 0x100, 0);
}

static void unknown_length(struct blob *b)
{
	entry4(b, 250, 0x100, 0);
}

static void entry_too_long(struct blob *b)
{
	entry4(b, 72, 0x100, 0);
}

static void own_alias(struct blob *b)
{
	entry8(b, 66, 0x0300, 0, 0x300u << 8);
}

static void strange_variety(struct blob *b)
{
	special(b, 1, 0x10, 7);
}

static void ioapic_at_zero(struct blob *b)
{
	special(b, 34, 0, 1);
}

static void ioapic_twice(struct blob *b)
{
	special(b, 33, 0xa1, 1);
}

static void reserved_setting(struct blob *b)
{
	entry4(b, 2, 0x300, 8);
}

static void second_unit(struct blob *b)
{
	ivhd(b, 0x40, 0x4002, 0xfec80000);
	entry4(b, 3, 0x4008, 0);
	entry4(b, 4, 0x40ff, 0);
	end_structure(b);
}

static void same_base(struct blob *b)
{
	ivhd(b, 0x40, 0x4002, 0xfeb80000);
	end_structure(b);
}

static void other_base(struct blob *b)
{
	ivhd(b, 0x11, 2, 0xfec80000);
	end_structure(b);
}

static void same_again(struct blob *b)
{
	ivhd(b, 0x40, 2, 0xfeb80000);
	end_structure(b);
}

static void unaligned_base(struct blob *b)
{
	ivhd(b, 0x40, 0x4002, 0xfec81000);
	entry4(b, 2, 1, 0);
	end_structure(b);
}

static void empty_block(struct blob *b)
{
	ivhd(b, 0x40, 0x4002, 0xfec80000);
	end_structure(b);
}

static void acpi_in_11(struct blob *b)
{
	ivhd(b, 0x11, 0x4002, 0xfec80000);
	entry4(b, 240, 0xa5, 0);
	put_text(b, "AMDI0020", 16);
	put(b, 2, 0);
	end_structure(b);
}

static void unknown_block(struct blob *b)
{
	begin_structure(b, 0x51);
	end_structure(b);
}

static void short_block(struct blob *b)
{
	begin_structure(b, 0x21);
	put(b, 4, 0);
	end_structure(b);
}

#define RW (IVRS_UNITY | IVRS_READ | IVRS_WRITE)

static void range_empty(struct blob *b)
{
	ivmd(b, 0x21, RW, 8, 0, 0x1000, 0);
}

static void range_wraps(struct blob *b)
{
	ivmd(b, 0x21, RW, 8, 0, ~0xfffull, 0x2000);
}

static void range_part_page(struct blob *b)
{
	ivmd(b, 0x21, RW, 8, 0, 0x1000, 1);
}

static void range_large(struct blob *b)
{
	ivmd(b, 0x21, RW, 8, 0, 0, GIB(4));
}

static void range_no_devices(struct blob *b)
{
	ivmd(b, 0x22, RW, 8, 7, 0x1000, 0x1000);
}

static void range_flags(struct blob *b)
{
	ivmd(b, 0x21, RW | 0x80, 8, 0, 0x1000, 0x1000);
}

static void range_exclusion(struct blob *b)
{
	ivmd(b, 0x20, IVRS_EXCLUDE, 0, 0, 0x1000, 0x1000);
}

static void range_rightless(struct blob *b)
{
	ivmd(b, 0x20, IVRS_UNITY, 0, 0, 0x1000, 0x1000);
}

static void range_other_segment(struct blob *b)
{
	ivmd(b, 0x20, RW, 0, 0, 0x1000, 0x1000);
	b->bytes[b->n - 24] = 3;
}

static void range_reserved_bytes(struct blob *b)
{
	ivmd(b, 0x20, RW, 0, 0, 0x1000, 0x1000);
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
	static struct blob b;
	struct notes notes;
	struct ivrs v;

	for (size_t i = 0; i <= ARRAY_SIZE(ivrs_cases); i++) {
		const struct ivrs_case *c = i < ARRAY_SIZE(ivrs_cases) ? &ivrs_cases[i] : NULL;

		begin_ivrs(&b);
		ivhd(&b, 0x40, 2, 0xfeb80000);
		good_entries(&b);
		if (c && c->entries)
			c->entries(&b);
		end_structure(&b);
		if (c && c->blocks)
			c->blocks(&b);
		seal(&b);
		assert_int_equal(read_ivrs(&b, b.n, &v, &notes), OK);
		if (!c) {
			assert_int_equal(notes.n, 0);
			continue;
		}
		if (!noted(&notes, c->note))
			fail_msg("no note '%s' (last: %s)", c->note, notes.last);
		assert_int_equal(v.complete, c->complete);
	}
	begin_ivrs(&b);
	seal(&b);
	assert_int_equal(read_ivrs(&b, b.n, &v, &notes), OK);
	assert_true(noted(&notes, "no-unit"));
	begin_ivrs(&b);
	ivhd(&b, 0x10, 2, 0xfeb80000);
	entry4(&b, 1, 0, 0);
	end_structure(&b);
	b.bytes[37] = b.bytes[38] = b.bytes[40] = 0xff;
	seal(&b);
	assert_int_equal(read_ivrs(&b, b.n, &v, &notes), OK);
	assert_true(noted(&notes, "address-width"));
	assert_true(noted(&notes, "virtual-width"));
	assert_true(noted(&notes, "reserved-bytes"));
	assert_true(noted(&notes, "no-ioapic"));
	assert_int_equal(v.units[0].entries[0].kind, IVRS_ALL);
}

/* ---- both ----------------------------------------------------------------------------------- */

/*
 * A table cut anywhere is never taken for complete, and reads stay inside what is left; cut between
 * structures with the length mended it is a shorter table, and whole.
 */
static void cut_tables_are_known_as_such(void **state)
{
	static struct blob b;
	struct notes notes;
	struct dmar d;
	struct ivrs v;

	whole_dmar(&b);
	for (size_t n = 0; n < b.n; n++) {
		int err = read_dmar(&b, n, &d, &notes);

		assert_false(d.complete);
		if (n < 48)
			assert_int_equal(err, ERR_RANGE);
		else
			assert_true(noted(&notes, "length-beyond-end"));
	}
	whole_ivrs(&b);
	for (size_t n = 0; n < b.n; n++) {
		int err = read_ivrs(&b, n, &v, &notes);

		assert_false(v.complete);
		if (n < 48)
			assert_int_equal(err, ERR_RANGE);
		else
			assert_true(noted(&notes, "length-beyond-end"));
	}
}

static void what_is_no_table_is_refused(void **state)
{
	static struct blob b;
	struct notes notes;
	struct dmar d;
	struct ivrs v;

	whole_dmar(&b);
	assert_int_equal(read_ivrs(&b, b.n, &v, &notes), ERR_CORRUPT);
	assert_int_equal(dmar_parse(b.bytes, b.n, memory, dmar_memory(b.n) - 1, &d, NULL, NULL),
			 ERR_NOMEM);
	assert_int_equal(dmar_parse(b.bytes, b.n, memory, sizeof(memory), &d, NULL, NULL), OK);

	/* a length below the header's, a chain that stands still, one that overshoots */
	b.bytes[4] = 47;
	b.bytes[5] = 0;
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	whole_dmar(&b);
	b.bytes[50] = 3;
	seal(&b);
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	assert_true(noted(&notes, "chain-broken"));
	assert_false(d.complete);
	b.bytes[50] = b.bytes[51] = 0xff;
	seal(&b);
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), ERR_RANGE);
	whole_ivrs(&b);
	b.bytes[50] = 0;
	seal(&b);
	assert_int_equal(read_ivrs(&b, b.n, &v, &notes), ERR_RANGE);
	assert_true(noted(&notes, "chain-broken"));

	whole_dmar(&b);
	b.bytes[9]++;
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
	assert_true(noted(&notes, "checksum"));
	assert_false(d.header.checksum_ok);
	whole_dmar(&b);
	b.n += 8;
	assert_int_equal(read_dmar(&b, b.n, &d, &notes), OK);
	assert_true(noted(&notes, "bytes-after-end"));
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
