#include "iommu/tables/dmar.h"
#include "core/base/err.h"
#include "core/base/fmt.h"

#define FIXED 48 /* §8.1: header, width, flags, reserved */

enum structure_type { DRHD, RMRR, ATSR, RHSA, ANDD, SATC, SIDP, STRUCTURE_TYPES };

static const struct {
	const char *name;
	u16 fixed; /* bytes before the scopes */
	bool scopes;
} kinds[STRUCTURE_TYPES] = {
    [DRHD] = {"DRHD", 16, true},  [RMRR] = {"RMRR", 24, true}, [ATSR] = {"ATSR", 8, true},
    [RHSA] = {"RHSA", 20, false}, [ANDD] = {"ANDD", 9, false}, [SATC] = {"SATC", 8, true},
    [SIDP] = {"SIDP", 8, true},
};

#define SCOPE_FIXED 6
#define SCOPE_LEAST (SCOPE_FIXED + 2) /* one hop */

/* One structure's place, checked against the table's end. */
struct piece {
	u32 off;
	u16 type;
	u32 length;
};

/* OK and *p, ERR_NOENT at the end, ERR_RANGE where the chain cannot be followed. */
static int next_piece(const struct table *t, u32 off, struct piece *p)
{
	if (off == t->length)
		return ERR_NOENT;
	if (t->length - off < 4)
		return ERR_RANGE;
	*p = (struct piece){off, table_u16(t, off), table_u16(t, off + 2)};
	return p->length < 4 || p->length > t->length - off ? ERR_RANGE : OK;
}

static bool usable(const struct piece *p)
{
	return p->type < STRUCTURE_TYPES && p->length >= kinds[p->type].fixed;
}

/* Bytes each kind of structure turns into, per byte of table at its smallest. */
size_t dmar_memory(size_t len)
{
	_Static_assert(sizeof(struct dmar_unit) <= 16 * 4, "DRHD");
	_Static_assert(sizeof(struct dmar_reserved) <= 24 * 4, "RMRR");
	_Static_assert(sizeof(struct dmar_group) <= 8 * 4, "ATSR, SATC, SIDP");
	_Static_assert(sizeof(struct dmar_affinity) <= 20 * 4, "RHSA");
	_Static_assert(sizeof(struct dmar_acpi) <= 9 * 9, "ANDD");
	_Static_assert(sizeof(struct dmar_scope) <= SCOPE_FIXED * 4, "scope");
	return len * 9 + (STRUCTURE_TYPES + 1) * 8;
}

/* Parse the scopes of one structure into a fresh array (counted first). */
static const struct dmar_scope *parse_scopes(struct table *t, const struct piece *p, u32 *count)
{
	u32 end = p->off + p->length, n = 0, at;
	struct dmar_scope *scopes;

	for (at = p->off + kinds[p->type].fixed; end - at >= SCOPE_LEAST; n++) {
		u8 len = table_u8(t, at + 1);

		if (len < SCOPE_LEAST || len > end - at)
			break;
		at += len;
	}
	if (at != end)
		table_note(
		    t, NOTE_ERROR, "scope-length", at,
		    "%s at %#x: its device scope %u says it is %u bytes long, which %s; this and later "
		    "scopes of the structure are left out, so the devices meant are taken for "
		    "nobody's and cannot be assigned",
		    kinds[p->type].name, p->off, n, table_u8(t, at + 1),
		    table_u8(t, at + 1) < SCOPE_LEAST ? "is less than a scope has"
						      : "runs past the structure's end");
	scopes = table_take(t, n, sizeof(*scopes));
	if (!scopes)
		n = 0;
	at = p->off + kinds[p->type].fixed;
	for (u32 i = 0; i < n; i++) {
		u8 len = table_u8(t, at + 1);

		scopes[i] = (struct dmar_scope){
		    .offset = at,
		    .type = table_u8(t, at),
		    .flags = table_u8(t, at + 2),
		    .id = table_u8(t, at + 4),
		    .bus = table_u8(t, at + 5),
		    .depth = (u8)((len - SCOPE_FIXED) / 2),
		    .path = (const struct dmar_hop *)(t->bytes + at + SCOPE_FIXED),
		};
		at += len;
	}
	*count = n;
	return scopes;
}

static void parse_group(struct table *t, const struct piece *p, struct dmar_group *g)
{
	g->offset = p->off;
	g->flags = p->type == SIDP ? 0 : table_u8(t, p->off + 4);
	g->segment = table_u16(t, p->off + 6);
	g->scopes = parse_scopes(t, p, &g->nscopes);
}

static void parse_piece(struct table *t, const struct piece *p, struct dmar *d)
{
	u32 off = p->off;

	switch (p->type) {
	case DRHD: {
		struct dmar_unit *u = &d->units[d->nunits++];

		u->offset = off;
		u->flags = table_u8(t, off + 4);
		u->all = u->flags & 1;
		u->size = (u64)PAGE_SIZE << (table_u8(t, off + 5) & 15);
		u->segment = table_u16(t, off + 6);
		u->base = table_u64(t, off + 8);
		u->scopes = parse_scopes(t, p, &u->nscopes);
		return;
	}
	case RMRR: {
		struct dmar_reserved *r = &d->reserved[d->nreserved++];

		r->offset = off;
		r->segment = table_u16(t, off + 6);
		r->base = table_u64(t, off + 8);
		r->limit = table_u64(t, off + 16);
		r->scopes = parse_scopes(t, p, &r->nscopes);
		return;
	}
	case ATSR:
		parse_group(t, p, &d->atsr[d->natsr++]);
		return;
	case RHSA:
		d->rhsa[d->nrhsa++] =
		    (struct dmar_affinity){off, table_u64(t, off + 8), table_u32(t, off + 16)};
		return;
	case ANDD: {
		struct dmar_acpi *a = &d->andd[d->nandd++];

		a->offset = off;
		a->number = table_u8(t, off + 7);
		table_text(t, off + 8, p->length - 8, a->name, sizeof(a->name));
		return;
	}
	case SATC:
		parse_group(t, p, &d->satc[d->nsatc++]);
		return;
	default:
		parse_group(t, p, &d->sidp[d->nsidp++]);
	}
}

static void note_unusable(struct table *t, const struct piece *p)
{
	if (p->type >= STRUCTURE_TYPES)
		table_note(
		    t, NOTE_INFO, "unknown-structure", p->off,
		    "structure type %u (%u bytes at %#x) is not one this version knows; it is skipped",
		    p->type, p->length, p->off);
	else
		table_note(
		    t, NOTE_ERROR, "structure-short", p->off,
		    "%s at %#x is %u bytes long, less than the %u it must have; it is left out",
		    kinds[p->type].name, p->off, p->length, kinds[p->type].fixed);
}

static bool take_arrays(struct table *t, struct dmar *d, const u32 n[STRUCTURE_TYPES])
{
	d->units = table_take(t, n[DRHD], sizeof(*d->units));
	d->reserved = table_take(t, n[RMRR], sizeof(*d->reserved));
	d->atsr = table_take(t, n[ATSR], sizeof(*d->atsr));
	d->rhsa = table_take(t, n[RHSA], sizeof(*d->rhsa));
	d->andd = table_take(t, n[ANDD], sizeof(*d->andd));
	d->satc = table_take(t, n[SATC], sizeof(*d->satc));
	d->sidp = table_take(t, n[SIDP], sizeof(*d->sidp));
	return !t->fault;
}

int dmar_parse(const void *bytes, size_t len, void *memory, size_t memory_size, struct dmar *out,
	       table_note_sink sink, void *ctx)
{
	struct table t = {.sink = sink, .ctx = ctx, .memory = memory, .left = memory_size};
	u32 count[STRUCTURE_TYPES] = {0};
	struct piece p = {0};
	u16 last = 0;
	int err, end;

	*out = (struct dmar){0};
	if (memory_size < dmar_memory(len))
		return ERR_NOMEM;
	err = table_open(&t, bytes, len, "DMAR", FIXED, &out->header);
	if (err)
		return err;
	out->address_width = (u8)(table_u8(&t, 36) + 1);
	out->flags = table_u8(&t, 37);

	for (u32 off = FIXED; !next_piece(&t, off, &p); off += p.length)
		if (usable(&p))
			count[p.type]++;
	if (!take_arrays(&t, out, count))
		return ERR_NOMEM;

	u32 off = FIXED;

	while (!(end = next_piece(&t, off, &p))) {
		if (p.type < last)
			table_note(
			    &t, NOTE_ODD, "structure-order", off,
			    "%s at %#x comes after a %s; the specification wants structures in the order "
			    "of their types (VT-d §8.2); order changes nothing here",
			    kinds[p.type].name, off, kinds[last].name);
		if (p.type < STRUCTURE_TYPES)
			last = p.type;
		if (usable(&p)) {
			parse_piece(&t, &p, out);
		} else {
			out->nunknown++;
			note_unusable(&t, &p);
		}
		off += p.length;
	}
	if (end == ERR_RANGE)
		table_note(
		    &t, NOTE_ERROR, "chain-broken", off,
		    "the structure at %#x does not fit in the table's %u bytes: whatever follows is "
		    "not known, so nothing is assigned on this machine until the firmware is mended",
		    off, t.length);
	out->complete = end == ERR_NOENT && !t.notes[NOTE_ERROR];
	dmar_check(&t, out);
	for (u32 i = 0; i <= NOTE_ERROR; i++)
		out->notes[i] = t.notes[i];
	if (t.fault)
		return ERR_NOMEM;
	return end == ERR_RANGE ? ERR_RANGE : OK;
}

static const char *const scope_names[] = {
    [DMAR_SCOPE_ENDPOINT] = "endpoint", [DMAR_SCOPE_BRIDGE] = "bridge and all below",
    [DMAR_SCOPE_IOAPIC] = "I/O APIC",	[DMAR_SCOPE_HPET] = "HPET",
    [DMAR_SCOPE_ACPI] = "ACPI device",
};

const char *dmar_scope_name(u8 type)
{
	return type && type < ARRAY_SIZE(scope_names) ? scope_names[type] : "unknown";
}

void dmar_scope_text(u16 segment, const struct dmar_scope *s, char *out, size_t size)
{
	size_t n = 0;

	if (s->type == DMAR_SCOPE_IOAPIC || s->type == DMAR_SCOPE_HPET ||
	    s->type == DMAR_SCOPE_ACPI)
		n = fmt(out, size, "%s %u at ", dmar_scope_name(s->type), s->id);
	for (u32 i = 0; i < s->depth && n < size; i++) {
		if (!i)
			n += fmt(out + n, size - n, "%04x:%02x:%02x.%x", segment, s->bus,
				 s->path[i].device, s->path[i].function);
		else
			n += fmt(out + n, size - n, "/%02x.%x", s->path[i].device,
				 s->path[i].function);
	}
	if (s->type == DMAR_SCOPE_BRIDGE && n < size)
		fmt(out + n, size - n, " and below");
}
