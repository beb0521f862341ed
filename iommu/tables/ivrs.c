#include "iommu/tables/ivrs.h"
#include "core/base/err.h"
#include "core/base/fmt.h"

#define FIXED 48 /* §5.2.1 */

enum block_type {
	IVHD_10 = 0x10,
	IVHD_11 = 0x11,
	IVHD_40 = 0x40,
	IVMD_ALL = 0x20,
	IVMD_ONE = 0x21,
	IVMD_RANGE = 0x22,
};

/* §5.2.2.2 device entries */
enum entry_type {
	E_PAD4 = 0,
	E_ALL = 1,
	E_SELECT = 2,
	E_START = 3,
	E_END = 4,
	E_PAD8 = 64,
	E_ALIAS_SELECT = 66,
	E_ALIAS_START = 67,
	E_EXT_SELECT = 70,
	E_EXT_START = 71,
	E_SPECIAL = 72,
	E_ACPI = 240,
};

#define IVMD_LENGTH 32
#define ACPI_FIXED  22

struct piece {
	u32 off;
	u8 type;
	u32 length;
};

static int next_block(const struct table *t, u32 off, struct piece *p)
{
	if (off == t->length)
		return ERR_NOENT;
	if (t->length - off < 4)
		return ERR_RANGE;
	*p = (struct piece){off, table_u8(t, off), table_u16(t, off + 2)};
	return p->length < 4 || p->length > t->length - off ? ERR_RANGE : OK;
}

/* Entries have 4, 8, 16 or 32 bytes by their type's top bits; F0h carries its length (§5.2.2.2). */
static int next_entry(const struct table *t, u32 off, u32 end, struct piece *p)
{
	u8 type = table_u8(t, off);
	u32 length = 4u << (type >> 6);

	if (off == end)
		return ERR_NOENT;
	if (type > E_ACPI)
		return ERR_UNSUPPORTED; /* its length cannot be known */
	if (type == E_ACPI)
		length = ACPI_FIXED + table_u8(t, off + 21);
	*p = (struct piece){off, type, length};
	return length > end - off ? ERR_RANGE : OK;
}

static u32 unit_fixed(u8 type)
{
	return type == IVHD_10 ? 24 : 40;
}

static bool is_unit(const struct piece *p)
{
	return (p->type == IVHD_10 || p->type == IVHD_11 || p->type == IVHD_40) &&
	       p->length >= unit_fixed(p->type);
}

static bool is_reserved(const struct piece *p)
{
	return p->type >= IVMD_ALL && p->type <= IVMD_RANGE && p->length >= IVMD_LENGTH;
}

size_t ivrs_memory(size_t len)
{
	_Static_assert(sizeof(struct ivrs_unit) <= 24 * 4, "IVHD");
	_Static_assert(sizeof(struct ivrs_reserved) <= IVMD_LENGTH * 4, "IVMD");
	_Static_assert(sizeof(struct ivrs_entry) <= 4 * 24, "entry");
	/* each unit's array is rounded up to 8 bytes; a unit has at least 24 bytes of table */
	return len * 24 + len / 24 * 8 + 16;
}

static bool keeps(u8 type)
{
	return type == E_ALL || type == E_SELECT || type == E_START || type == E_ALIAS_SELECT ||
	       type == E_ALIAS_START || type == E_EXT_SELECT || type == E_EXT_START ||
	       type == E_SPECIAL || type == E_ACPI;
}

static void parse_acpi(const struct table *t, u32 off, struct ivrs_entry *e)
{
	u8 format = table_u8(t, off + 20), length = table_u8(t, off + 21);

	e->kind = IVRS_ACPI;
	table_text(t, off + 4, 8, e->hid, sizeof(e->hid));
	table_text(t, off + 12, 8, e->cid, sizeof(e->cid));
	if (format == 2)
		table_text(t, off + ACPI_FIXED, length, e->uid, sizeof(e->uid));
	else if (format == 1 && length >= 8)
		fmt(e->uid, sizeof(e->uid), "%#llx",
		    (unsigned long long)table_u64(t, off + ACPI_FIXED));
}

/* One entry that starts something; `end` entries close `open` in the caller. */
static void parse_entry(const struct table *t, const struct piece *p, struct ivrs_entry *e)
{
	u32 off = p->off;

	*e = (struct ivrs_entry){
	    .offset = off, .type = p->type, .kind = IVRS_SELECT, .settings = table_u8(t, off + 3)};
	e->first = e->last = table_u16(t, off + 1);
	switch (p->type) {
	case E_ALL:
		e->kind = IVRS_ALL;
		e->first = 0;
		e->last = 0xffff;
		return;
	case E_START:
		e->kind = IVRS_RANGE;
		return;
	case E_ALIAS_START:
	case E_ALIAS_SELECT:
		e->kind = p->type == E_ALIAS_START ? IVRS_RANGE : IVRS_SELECT;
		e->aliased = true;
		e->alias = table_u16(t, off + 5);
		return;
	case E_EXT_START:
	case E_EXT_SELECT:
		e->kind = p->type == E_EXT_START ? IVRS_RANGE : IVRS_SELECT;
		e->extended = table_u32(t, off + 4);
		return;
	case E_SPECIAL:
		e->first = e->last = table_u16(t, off + 5);
		e->handle = table_u8(t, off + 4);
		e->variety = table_u8(t, off + 7);
		e->kind = e->variety == 1   ? IVRS_IOAPIC
			  : e->variety == 2 ? IVRS_HPET
					    : IVRS_SPECIAL;
		return;
	case E_ACPI:
		parse_acpi(t, off, e);
		return;
	default:
		return;
	}
}

static void close_range(struct table *t, struct ivrs_entry *open, const struct piece *p)
{
	u16 last = table_u16(t, p->off + 1);
	char from[16], to[16];

	ivrs_devid_text(last, to, sizeof(to));
	if (!open) {
		table_note(
		    t, NOTE_ODD, "range-end-alone", p->off,
		    "an entry ends a range of devices at %s that no entry began; it is skipped",
		    to);
		return;
	}
	ivrs_devid_text(open->first, from, sizeof(from));
	if (last < open->first)
		table_note(
		    t, NOTE_ODD, "range-reversed", p->off,
		    "a range of devices begins at %s and ends before it, at %s; only the first is "
		    "taken, the others cannot be assigned",
		    from, to);
	else
		open->last = last;
}

static void note_left_open(struct table *t, const struct ivrs_entry *open)
{
	char from[16];

	ivrs_devid_text(open->first, from, sizeof(from));
	table_note(
	    t, NOTE_ODD, "range-open", open->offset,
	    "a range of devices begins at %s and is never ended; only the first is taken, others "
	    "cannot be assigned",
	    from);
}

static void parse_entries(struct table *t, const struct piece *unit, struct ivrs_unit *u)
{
	u32 end = unit->off + unit->length, start = unit->off + unit_fixed(unit->type), n = 0, off;
	struct ivrs_entry *open = NULL;
	struct piece p = {0};
	int err;

	for (off = start; !next_entry(t, off, end, &p); off += p.length)
		n += keeps(p.type);
	u->entries = table_take(t, n, sizeof(*u->entries));
	if (!u->entries)
		return;
	for (off = start; !(err = next_entry(t, off, end, &p)); off += p.length) {
		if (p.type == E_END) {
			close_range(t, open, &p);
			open = NULL;
			continue;
		}
		if (p.type == E_PAD4 || p.type == E_PAD8)
			continue;
		if (open) {
			note_left_open(t, open);
			open = NULL;
		}
		if (!keeps(p.type)) {
			table_note(
			    t, NOTE_ODD, "unknown-entry", off,
			    "device entry type %u (%u bytes) is not one this version knows; it is skipped, "
			    "and a device it names cannot be assigned",
			    p.type, p.length);
			continue;
		}
		parse_entry(t, &p, &u->entries[u->nentries]);
		if (u->entries[u->nentries].kind == IVRS_RANGE)
			open = &u->entries[u->nentries];
		u->nentries++;
	}
	if (open)
		note_left_open(t, open);
	if (err != ERR_NOENT)
		table_note(
		    t, NOTE_ERROR, "entries-broken", off,
		    "the device entry at %#x (type %u) of the IVHD at %#x %s; it and all after it are "
		    "not known",
		    off, table_u8(t, off), unit->off,
		    err == ERR_RANGE ? "runs past the block's end"
				     : "has a type whose length is not defined");
}

static void parse_unit(struct table *t, const struct piece *p, struct ivrs_unit *u)
{
	u32 off = p->off;

	u->offset = off;
	u->type = p->type;
	u->flags = table_u8(t, off + 1);
	u->devid = table_u16(t, off + 4);
	u->capability = table_u16(t, off + 6);
	u->base = table_u64(t, off + 8);
	u->segment = table_u16(t, off + 16);
	u->info = table_u16(t, off + 18);
	u->attributes = table_u32(t, off + 20);
	if (p->type != IVHD_10) {
		u->features = table_u64(t, off + 24);
		u->features2 = table_u64(t, off + 32);
	}
	parse_entries(t, p, u);
}

static void parse_reserved(struct table *t, const struct piece *p, struct ivrs_reserved *r)
{
	u32 off = p->off;

	r->offset = off;
	r->type = p->type;
	r->flags = table_u8(t, off + 1);
	r->first = p->type == IVMD_ALL ? 0 : table_u16(t, off + 4);
	r->last = p->type == IVMD_ALL	? 0xffff
		  : p->type == IVMD_ONE ? r->first
					: table_u16(t, off + 6);
	r->segment = table_u16(t, off + 8);
	r->base = table_u64(t, off + 16);
	r->length = table_u64(t, off + 24);
}

static void note_unusable(struct table *t, const struct piece *p)
{
	bool known = p->type == IVHD_10 || p->type == IVHD_11 || p->type == IVHD_40 ||
		     (p->type >= IVMD_ALL && p->type <= IVMD_RANGE);

	if (known)
		table_note(
		    t, NOTE_ERROR, "block-short", p->off,
		    "block %02xh at %#x is %u bytes long, less than it must have; it is left out",
		    p->type, p->off, p->length);
	else
		table_note(
		    t, NOTE_INFO, "unknown-block", p->off,
		    "block type %02xh (%u bytes at %#x) is not one this version knows; it is skipped",
		    p->type, p->length, p->off);
}

/* Of the IVHDs that describe one unit the highest type says most (§5.2.2). */
static void choose_units(struct ivrs *v)
{
	for (u32 i = 0; i < v->nunits; i++) {
		struct ivrs_unit *u = &v->units[i];

		u->used = true;
		for (u32 j = 0; j < v->nunits; j++)
			if (v->units[j].devid == u->devid && v->units[j].segment == u->segment &&
			    (v->units[j].type > u->type || (v->units[j].type == u->type && j < i)))
				u->used = false;
	}
}

int ivrs_parse(const void *bytes, size_t len, void *memory, size_t memory_size, struct ivrs *out,
	       table_note_sink sink, void *ctx)
{
	struct table t = {.sink = sink, .ctx = ctx, .memory = memory, .left = memory_size};
	u32 units = 0, reserved = 0, off = FIXED;
	struct piece p = {0};
	int err, end;

	*out = (struct ivrs){0};
	if (memory_size < ivrs_memory(len))
		return ERR_NOMEM;
	err = table_open(&t, bytes, len, "IVRS", FIXED, &out->header);
	if (err)
		return err;
	out->info = table_u32(&t, 36);

	for (u32 at = FIXED; !next_block(&t, at, &p); at += p.length) {
		units += is_unit(&p);
		reserved += is_reserved(&p);
	}
	out->units = table_take(&t, units, sizeof(*out->units));
	out->reserved = table_take(&t, reserved, sizeof(*out->reserved));
	if (t.fault)
		return ERR_NOMEM;
	for (; !(end = next_block(&t, off, &p)); off += p.length) {
		if (is_unit(&p)) {
			parse_unit(&t, &p, &out->units[out->nunits++]);
		} else if (is_reserved(&p)) {
			parse_reserved(&t, &p, &out->reserved[out->nreserved++]);
		} else {
			out->nunknown++;
			note_unusable(&t, &p);
		}
	}
	if (end == ERR_RANGE)
		table_note(
		    &t, NOTE_ERROR, "chain-broken", off,
		    "the block at %#x does not fit in the table's %u bytes: whatever follows is not "
		    "known, so nothing is assigned on this machine until the firmware is mended",
		    off, t.length);
	out->complete = end == ERR_NOENT && !t.notes[NOTE_ERROR];
	choose_units(out);
	ivrs_check(&t, out);
	for (u32 i = 0; i <= NOTE_ERROR; i++)
		out->notes[i] = t.notes[i];
	if (t.fault)
		return ERR_NOMEM;
	return end == ERR_RANGE ? ERR_RANGE : OK;
}

void ivrs_devid_text(u16 devid, char *out, size_t size)
{
	fmt(out, size, "%02x:%02x.%x", devid >> 8, devid >> 3 & 31, devid & 7);
}

void ivrs_entry_text(const struct ivrs_entry *e, char *out, size_t size)
{
	char first[16], last[16];

	ivrs_devid_text(e->first, first, sizeof(first));
	ivrs_devid_text(e->last, last, sizeof(last));
	switch (e->kind) {
	case IVRS_ALL:
		fmt(out, size, "all devices");
		return;
	case IVRS_RANGE:
		fmt(out, size, "%s to %s", first, last);
		return;
	case IVRS_IOAPIC:
	case IVRS_HPET:
		fmt(out, size, "%s %u at %s", e->kind == IVRS_IOAPIC ? "I/O APIC" : "HPET",
		    e->handle, first);
		return;
	case IVRS_SPECIAL:
		fmt(out, size, "special device of variety %u, handle %u, at %s", e->variety,
		    e->handle, first);
		return;
	case IVRS_ACPI:
		fmt(out, size, "ACPI device %s%s%s at %s", e->hid, e->uid[0] ? " " : "", e->uid,
		    first);
		return;
	default:
		fmt(out, size, "%s", first);
	}
}
