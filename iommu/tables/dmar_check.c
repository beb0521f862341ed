/* What a DMAR says that contradicts the specification, itself, or an administrator's wishes. */
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "iommu/tables/dmar.h"

#define PLACE 96

static bool same_place(const struct dmar_scope *a, const struct dmar_scope *b)
{
	return a->bus == b->bus && a->depth == b->depth &&
	       !memcmp(a->path, b->path, a->depth * sizeof(a->path[0]));
}

static void check_flags(struct table *t, const struct dmar *d)
{
	if (!(d->flags & DMAR_INTR_REMAP))
		table_note(
		    t, NOTE_ERROR, "no-interrupt-remapping", 37,
		    "the firmware says this machine cannot remap interrupts: no device can be "
		    "assigned on it; look for a VT-d, interrupt remapping or x2APIC setting in the "
		    "firmware's setup, or a newer firmware");
	if (d->flags & DMAR_X2APIC_OPTOUT)
		table_note(
		    t, NOTE_INFO, "x2apic-opt-out", 37,
		    "the firmware asks system software not to turn x2APIC mode on; look for an "
		    "'X2APIC opt-out' setting to turn off");
	if (d->flags & ~7)
		table_note(t, NOTE_ODD, "reserved-flags", 37,
			   "reserved flag bits are set (%02xh); they are ignored", d->flags & ~7);
	if (!table_zero(t, 38, 10))
		table_note(t, NOTE_ODD, "reserved-bytes", 38,
			   "reserved bytes of the header are not zero; they are ignored");
	if (d->address_width < 32 || d->address_width > 52)
		table_note(
		    t, NOTE_ODD, "address-width", 36,
		    "DMA addresses are said to have %u bits, which no processor has; the units' "
		    "own capability registers are used instead",
		    d->address_width);
	if (!d->nunits)
		table_note(
		    t, NOTE_ERROR, "no-unit", 36,
		    "the table describes no remapping unit (DRHD): no device can be assigned");
}

static void check_scope(struct table *t, u16 segment, const struct dmar_scope *s, const char *owner)
{
	char place[PLACE];

	dmar_scope_text(segment, s, place, sizeof(place));
	if (!s->type || s->type > DMAR_SCOPE_ACPI)
		table_note(
		    t, NOTE_ODD, "unknown-scope", s->offset,
		    "%s names a device at %s by scope type %u, which this version does not know; it is "
		    "skipped, and that device cannot be assigned",
		    owner, place, s->type);
	for (u32 i = 0; i < s->depth; i++)
		if (s->path[i].device > 31 || s->path[i].function > 7) {
			table_note(
			    t, NOTE_ODD, "scope-path", s->offset,
			    "%s names %s, but device numbers end at 1f and functions at 7: no such "
			    "function exists and the scope matches nothing",
			    owner, place);
			break;
		}
}

/* Is scope `s` of unit `i` named before? One note a scope is enough. */
static void check_twice(struct table *t, const struct dmar *d, u32 i, u32 s)
{
	const struct dmar_unit *u = &d->units[i];
	const struct dmar_scope *a = &u->scopes[s];
	char place[PLACE];

	for (u32 j = 0; j <= i; j++) {
		if (d->units[j].segment != u->segment)
			continue;
		for (u32 k = 0; k < (j == i ? s : d->units[j].nscopes); k++) {
			const struct dmar_scope *b = &d->units[j].scopes[k];

			if (a->type != b->type || a->id != b->id || !same_place(a, b))
				continue;
			dmar_scope_text(u->segment, a, place, sizeof(place));
			table_note(t, j == i ? NOTE_ODD : NOTE_ERROR, "device-twice", a->offset,
				   "%s (%s) is named by unit %u and again by unit %u%s", place,
				   dmar_scope_name(a->type), j, i,
				   j == i ? "; once is enough"
					  : ": it is not known which of them its DMA goes through, "
					    "so it cannot be assigned");
			return;
		}
	}
}

static void check_unit(struct table *t, const struct dmar *d, u32 i)
{
	const struct dmar_unit *u = &d->units[i];
	char owner[32];
	bool all_before = false, twice = false;

	fmt(owner, sizeof(owner), "unit %u (DRHD)", i);
	if (!u->base || u->base == ~0ull || !is_aligned(u->base, PAGE_SIZE))
		table_note(
		    t, NOTE_ERROR, "unit-base", u->offset + 8,
		    "%s has its registers at %#llx, where none can be: the unit is off or the firmware "
		    "is broken; nothing below it can be assigned; look for a VT-d setting in setup",
		    owner, (unsigned long long)u->base);
	else if (d->address_width <= 52 && d->address_width >= 32 && u->base >> d->address_width)
		table_note(
		    t, NOTE_ODD, "unit-base-width", u->offset + 8,
		    "%s has its registers at %#llx, beyond the %u address bits the table claims",
		    owner, (unsigned long long)u->base, d->address_width);
	if (u->flags & ~1)
		table_note(t, NOTE_ODD, "reserved-flags", u->offset + 4,
			   "%s has reserved flag bits set (%02xh); they are ignored", owner,
			   u->flags & ~1);
	if (!u->all && !u->nscopes)
		table_note(t, NOTE_ODD, "unit-empty", u->offset,
			   "%s covers no device: it names none and is not the one for all others",
			   owner);
	for (u32 j = 0; j < i; j++) {
		if (d->units[j].base == u->base && u->base && !twice) {
			twice = true;
			table_note(
			    t, NOTE_ERROR, "unit-twice", u->offset + 8,
			    "units %u and %u have the same registers (%#llx): which devices they cover "
			    "is then not known",
			    j, i, (unsigned long long)u->base);
		}
		if (d->units[j].segment == u->segment && d->units[j].all)
			all_before = true;
	}
	if (all_before && u->all)
		table_note(
		    t, NOTE_ERROR, "two-catch-alls", u->offset + 4,
		    "%s is a second unit for all other devices of segment %u; there can be one only",
		    owner, u->segment);
	else if (all_before)
		table_note(
		    t, NOTE_ODD, "catch-all-not-last", u->offset,
		    "%s follows the unit for all other devices of segment %u, which must come last; the "
		    "devices it names are taken for its own all the same",
		    owner, u->segment);
	for (u32 s = 0; s < u->nscopes; s++) {
		check_scope(t, u->segment, &u->scopes[s], owner);
		check_twice(t, d, i, s);
	}
}

static bool segment_has_unit(const struct dmar *d, u16 segment)
{
	for (u32 i = 0; i < d->nunits; i++)
		if (d->units[i].segment == segment)
			return true;
	return false;
}

static void check_segments(struct table *t, const struct dmar *d)
{
	for (u32 i = 0; i < d->nunits; i++) {
		bool first = true, all = false;

		for (u32 j = 0; j < d->nunits; j++) {
			if (d->units[j].segment != d->units[i].segment)
				continue;
			first = first && j >= i;
			all = all || d->units[j].all;
		}
		if (first && !all)
			table_note(
			    t, NOTE_INFO, "no-catch-all", d->units[i].offset,
			    "segment %u has no unit for all other devices: functions that no unit names "
			    "are behind none, and cannot be assigned",
			    d->units[i].segment);
	}
}

static void check_reserved(struct table *t, const struct dmar *d, u32 i)
{
	const struct dmar_reserved *r = &d->reserved[i];
	unsigned long long base = r->base, limit = r->limit;
	char owner[32];

	fmt(owner, sizeof(owner), "range %u (RMRR)", i);
	if (r->limit < r->base)
		table_note(
		    t, NOTE_ERROR, "range-reversed", r->offset + 8,
		    "%s ends (%#llx) before it begins (%#llx): no memory is meant by it; its devices "
		    "are not given any",
		    owner, limit, base);
	else if (!is_aligned(r->base, PAGE_SIZE) || !is_aligned(r->limit + 1, PAGE_SIZE))
		table_note(
		    t, NOTE_ODD, "range-unaligned", r->offset + 8,
		    "%s, %#llx to %#llx, is not made of whole pages; a device that keeps it also "
		    "reaches the rest of the first and last page",
		    owner, base, limit);
	if (d->address_width >= 32 && d->address_width <= 52 && r->limit >> d->address_width)
		table_note(t, NOTE_ODD, "range-width", r->offset + 16,
			   "%s, %#llx to %#llx, lies beyond the %u address bits the table claims",
			   owner, base, limit, d->address_width);
	if (r->limit >= r->base && r->limit - r->base >= GIB(4))
		table_note(
		    t, NOTE_ODD, "range-huge", r->offset + 8,
		    "%s is %llu MiB large; keeping it would give the device most of the memory",
		    owner, (limit - base + 1) >> 20);
	if (!r->nscopes)
		table_note(t, NOTE_ODD, "range-for-nobody", r->offset,
			   "%s, %#llx to %#llx, names no device; it is not used", owner, base,
			   limit);
	if (!segment_has_unit(d, r->segment))
		table_note(t, NOTE_ODD, "range-segment", r->offset + 6,
			   "%s is for segment %u, which has no remapping unit", owner, r->segment);
	for (u32 s = 0; s < r->nscopes; s++) {
		check_scope(t, r->segment, &r->scopes[s], owner);
		if (r->scopes[s].type > DMAR_SCOPE_BRIDGE && r->scopes[s].type <= DMAR_SCOPE_ACPI)
			table_note(
			    t, NOTE_ODD, "range-scope-kind", r->scopes[s].offset,
			    "%s is for an %s, but only PCI devices can have one; that scope is skipped",
			    owner, dmar_scope_name(r->scopes[s].type));
	}
	for (u32 j = 0; j < i; j++) {
		const struct dmar_reserved *o = &d->reserved[j];

		if (r->base <= r->limit && o->base <= o->limit && r->base <= o->limit &&
		    o->base <= r->limit && (r->base != o->base || r->limit != o->limit)) {
			table_note(
			    t, NOTE_ODD, "ranges-overlap", r->offset + 8,
			    "ranges %u and %u (RMRR) overlap; each device gets its own range and no more",
			    j, i);
			return;
		}
	}
}

static void check_groups(struct table *t, const struct dmar *d, const char *kind, u32 n,
			 const struct dmar_group *groups)
{
	for (u32 i = 0; i < n; i++) {
		char owner[32];

		fmt(owner, sizeof(owner), "%s %u", kind, i);
		if (!segment_has_unit(d, groups[i].segment))
			table_note(t, NOTE_ODD, "group-segment", groups[i].offset + 6,
				   "%s is for segment %u, which has no remapping unit", owner,
				   groups[i].segment);
		for (u32 s = 0; s < groups[i].nscopes; s++)
			check_scope(t, groups[i].segment, &groups[i].scopes[s], owner);
	}
}

static void check_affinity(struct table *t, const struct dmar *d)
{
	for (u32 i = 0; i < d->nrhsa; i++) {
		bool found = false;

		for (u32 j = 0; j < d->nunits; j++)
			found = found || d->units[j].base == d->rhsa[i].base;
		if (!found)
			table_note(
			    t, NOTE_ODD, "affinity-unit", d->rhsa[i].offset + 8,
			    "RHSA %u gives the memory node of a unit at %#llx, but there is no unit there",
			    i, (unsigned long long)d->rhsa[i].base);
	}
}

/* ANDD names a device, a scope of type 5 uses the name: each needs the other (§8.7). */
static void check_acpi(struct table *t, const struct dmar *d)
{
	bool used[256] = {false}, named[256] = {false};

	for (u32 i = 0; i < d->nandd; i++) {
		if (named[d->andd[i].number])
			table_note(t, NOTE_ODD, "acpi-number-twice", d->andd[i].offset + 7,
				   "two ANDD structures have device number %u", d->andd[i].number);
		named[d->andd[i].number] = true;
	}
	for (u32 i = 0; i < d->nunits; i++)
		for (u32 s = 0; s < d->units[i].nscopes; s++) {
			const struct dmar_scope *scope = &d->units[i].scopes[s];

			if (scope->type != DMAR_SCOPE_ACPI)
				continue;
			used[scope->id] = true;
			if (!named[scope->id])
				table_note(
				    t, NOTE_ODD, "acpi-unnamed", scope->offset,
				    "unit %u (DRHD) covers ACPI device number %u, which no ANDD names",
				    i, scope->id);
		}
	for (u32 i = 0; i < d->nandd; i++)
		if (!used[d->andd[i].number])
			table_note(
			    t, NOTE_ODD, "acpi-uncovered", d->andd[i].offset,
			    "ANDD names %s (number %u), but no unit says it is below it; its DMA cannot "
			    "be controlled by name",
			    d->andd[i].name, d->andd[i].number);
}

static void check_ioapics(struct table *t, const struct dmar *d)
{
	bool any = false;

	for (u32 i = 0; i < d->nunits; i++)
		for (u32 s = 0; s < d->units[i].nscopes; s++)
			any = any || d->units[i].scopes[s].type == DMAR_SCOPE_IOAPIC;
	if (!any && d->nunits && d->flags & DMAR_INTR_REMAP)
		table_note(
		    t, NOTE_ODD, "no-ioapic", 48,
		    "no unit names an I/O APIC: interrupts of I/O APIC pins stay blocked once "
		    "interrupts are remapped; message-signalled interrupts are not concerned");
}

void dmar_check(struct table *t, const struct dmar *d)
{
	check_flags(t, d);
	for (u32 i = 0; i < d->nunits; i++)
		check_unit(t, d, i);
	check_segments(t, d);
	for (u32 i = 0; i < d->nreserved; i++)
		check_reserved(t, d, i);
	check_groups(t, d, "ATSR", d->natsr, d->atsr);
	check_groups(t, d, "SATC", d->nsatc, d->satc);
	check_groups(t, d, "SIDP", d->nsidp, d->sidp);
	check_affinity(t, d);
	check_acpi(t, d);
	check_ioapics(t, d);
}
