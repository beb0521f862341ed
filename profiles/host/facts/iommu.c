/* DMAR and IVRS as facts. What is odd in them is said by their own parsers. */
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "profiles/host/facts/gather.h"

static void keep_note(void *ctx, const struct table_note *n)
{
	struct gather *g = ctx;

	gather_note(g, note_level_name(n->level), chunks_copy(&g->mem, n->name), n->text, NULL);
}

static const char *const *scope_texts(struct gather *g, u16 segment, u32 n,
				      const struct dmar_scope *scopes)
{
	const char **list = chunks_take(&g->mem, n + 1, sizeof(*list));
	char text[128];

	for (u32 i = 0; i < n; i++) {
		dmar_scope_text(segment, &scopes[i], text, sizeof(text));
		/* what is no PCI function says itself what it is */
		list[i] =
		    scopes[i].type == DMAR_SCOPE_ENDPOINT || scopes[i].type == DMAR_SCOPE_BRIDGE
			? chunks_print(&g->mem, "%s %s", dmar_scope_name(scopes[i].type), text)
			: chunks_copy(&g->mem, text);
	}
	return list;
}

static u32 node_of(const struct dmar *d, u64 registers)
{
	for (u32 i = 0; i < d->nrhsa; i++)
		if (d->rhsa[i].base == registers)
			return d->rhsa[i].domain;
	return FACTS_UNKNOWN;
}

static void take_dmar(struct gather *g, const struct dmar *d)
{
	struct facts_iommu *io = &g->facts.iommu;
	struct facts_unit *units = chunks_take(&g->mem, d->nunits + 1, sizeof(*units));
	struct facts_reserved *ranges = chunks_take(&g->mem, d->nreserved + 1, sizeof(*ranges));

	for (u32 i = 0; i < d->nunits; i++) {
		const struct dmar_unit *u = &d->units[i];

		units[i] = (struct facts_unit){
		    .segment = u->segment,
		    .registers = u->base,
		    .register_size = u->size,
		    .rest = u->all,
		    .node = node_of(d, u->base),
		    .scopes = scope_texts(g, u->segment, u->nscopes, u->scopes),
		    .nscopes = u->nscopes,
		};
	}
	for (u32 i = 0; i < d->nreserved; i++) {
		const struct dmar_reserved *r = &d->reserved[i];

		ranges[i] = (struct facts_reserved){
		    .base = r->base,
		    .size = r->limit > r->base ? r->limit - r->base + 1 : 0,
		    .read = true,
		    .write = true,
		    .scopes = scope_texts(g, r->segment, r->nscopes, r->scopes),
		    .nscopes = r->nscopes,
		};
	}
	io->kind = FACTS_VTD;
	io->unit_list = units;
	io->units = io->nunits = d->nunits;
	io->reserved = ranges;
	io->rmrr = io->nreserved = d->nreserved;
	io->complete = d->complete;
	io->interrupt_remapping = d->flags & DMAR_INTR_REMAP;
	io->x2apic_opt_out = d->flags & DMAR_X2APIC_OPTOUT;
	io->address_bits = d->address_width;
}

static const char *const *entry_texts(struct gather *g, const struct ivrs_unit *u)
{
	const char **list = chunks_take(&g->mem, u->nentries + 1, sizeof(*list));
	char text[128];

	for (u32 i = 0; i < u->nentries; i++) {
		ivrs_entry_text(&u->entries[i], text, sizeof(text));
		list[i] = chunks_copy(&g->mem, text);
	}
	return list;
}

static const char *const *block_text(struct gather *g, const struct ivrs_reserved *r)
{
	const char **list = chunks_take(&g->mem, 1, sizeof(*list));
	char first[16], last[16];

	ivrs_devid_text(r->first, first, sizeof(first));
	ivrs_devid_text(r->last, last, sizeof(last));
	list[0] = r->type == 0x20	? "all functions"
		  : r->first == r->last ? chunks_copy(&g->mem, first)
					: chunks_print(&g->mem, "%s to %s", first, last);
	return list;
}

/*
 * The table counts a unit as often as it was described for older software. Every AMD IOMMU remaps
 * interrupts (48882 §2.2.5): there is no flag that says so.
 */
static void take_ivrs(struct gather *g, const struct ivrs *v)
{
	struct facts_iommu *io = &g->facts.iommu;
	struct facts_unit *units = chunks_take(&g->mem, v->nunits + 1, sizeof(*units));
	struct facts_reserved *ranges = chunks_take(&g->mem, v->nreserved + 1, sizeof(*ranges));

	for (u32 i = 0; i < v->nunits; i++) {
		const struct ivrs_unit *u = &v->units[i];

		if (!u->used)
			continue;
		units[io->nunits++] = (struct facts_unit){
		    .segment = u->segment,
		    .registers = u->base,
		    .features = u->features,
		    .node = FACTS_UNKNOWN,
		    .scopes = entry_texts(g, u),
		    .nscopes = u->nentries,
		};
	}
	for (u32 i = 0; i < v->nreserved; i++) {
		const struct ivrs_reserved *r = &v->reserved[i];

		ranges[i] = (struct facts_reserved){
		    .base = r->base,
		    .size = r->length,
		    .read = r->flags & (IVRS_READ | IVRS_EXCLUDE),
		    .write = r->flags & (IVRS_WRITE | IVRS_EXCLUDE),
		    .scopes = block_text(g, r),
		    .nscopes = 1,
		};
	}
	io->kind = FACTS_AMDVI;
	io->unit_list = units;
	io->units = io->nunits;
	io->reserved = ranges;
	io->rmrr = io->nreserved = v->nreserved;
	io->complete = v->complete;
	io->interrupt_remapping = io->nunits != 0;
	io->address_bits = (u8)(v->info >> 15 & 0x7f); /* §5.2.1: VASize */
}

static void not_understood(struct gather *g, const char *name, int err)
{
	if (!err)
		return;
	gather_missing(g, "IOMMUs: the %s table was not understood to its end: %s", name,
		       err_text(err));
	g->refused = true;
}

void gather_iommu(struct gather *g)
{
	const struct table_bytes *t = &g->tables.dmar, *v = &g->tables.ivrs;
	size_t room;
	int err;

	if (t->bytes) {
		struct dmar *d = chunks_take(&g->mem, 1, sizeof(*d));

		room = t->size <= TABLE_MAX ? dmar_memory(t->size) : 0;
		err = dmar_parse(t->bytes, t->size, chunks_take(&g->mem, room + 1, 1), room, d,
				 keep_note, g);
		not_understood(g, "DMAR", err);
		if (!err || d->nunits) {
			take_dmar(g, d);
			g->tables.parsed_dmar = d;
		}
	} else if (v->bytes) {
		struct ivrs *d = chunks_take(&g->mem, 1, sizeof(*d));

		room = v->size <= TABLE_MAX ? ivrs_memory(v->size) : 0;
		err = ivrs_parse(v->bytes, v->size, chunks_take(&g->mem, room + 1, 1), room, d,
				 keep_note, g);
		not_understood(g, "IVRS", err);
		if (!err || d->nunits) {
			take_ivrs(g, d);
			g->tables.parsed_ivrs = d;
		}
	}
	if (!g->facts.iommu.kind)
		g->facts.iommu.complete = false;
}
