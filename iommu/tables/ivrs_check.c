/* What an IVRS says that contradicts the specification, itself, or an administrator's wishes. */
#include "core/base/fmt.h"
#include "iommu/tables/ivrs.h"

#define TEXT 96

static bool claims_devices(const struct ivrs_entry *e)
{
	return e->kind == IVRS_SELECT || e->kind == IVRS_RANGE || e->kind == IVRS_ALL;
}

static void check_base(struct table *t, const struct ivrs *v, u32 i)
{
	const struct ivrs_unit *u = &v->units[i];
	char at[16];

	ivrs_devid_text(u->devid, at, sizeof(at));
	/* registers are 16 KiB (512 KiB with counters) on a 16 KiB boundary (§3.3, §5.2.2.1) */
	if (!u->base || u->base == ~0ull || !is_aligned(u->base, KIB(16)) || u->base >> 52)
		table_note(
		    t, NOTE_ERROR, "unit-base", u->offset + 8,
		    "the IOMMU at %s (IVHD %02xh) has its registers at %#llx, where none can be: it is "
		    "off or the firmware is broken; nothing below it can be assigned; look for an IOMMU "
		    "setting in setup",
		    at, u->type, (unsigned long long)u->base);
	for (u32 j = 0; j < i; j++) {
		const struct ivrs_unit *o = &v->units[j];
		bool same_unit = o->devid == u->devid && o->segment == u->segment;

		if (same_unit && o->base != u->base) {
			table_note(
			    t, NOTE_ERROR, "unit-bases-differ", u->offset + 8,
			    "the IOMMU at %s has its registers at %#llx by IVHD %02xh and at %#llx by IVHD "
			    "%02xh; one of them is wrong",
			    at, (unsigned long long)o->base, o->type, (unsigned long long)u->base,
			    u->type);
			return;
		}
		if (same_unit && o->type == u->type) {
			table_note(
			    t, NOTE_ODD, "unit-twice", u->offset,
			    "the IOMMU at %s is described by two blocks of type %02xh; the first is used",
			    at, u->type);
			return;
		}
		if (!same_unit && o->base == u->base && u->base) {
			table_note(
			    t, NOTE_ERROR, "units-share-base", u->offset + 8,
			    "two IOMMUs have the same registers (%#llx): which devices they cover is then "
			    "not known",
			    (unsigned long long)u->base);
			return;
		}
	}
}

static void check_settings(struct table *t, const struct ivrs_entry *e)
{
	char who[TEXT];

	/* bit 3 is reserved; ACPI entries of real machines have all kinds of values there */
	if (!(e->settings & 8) || e->kind == IVRS_ACPI)
		return;
	ivrs_entry_text(e, who, sizeof(who));
	table_note(t, NOTE_ODD, "reserved-settings", e->offset + 3,
		   "the entry for %s has a reserved settings bit set (%02xh); it is ignored", who,
		   e->settings);
}

static void check_entry(struct table *t, const struct ivrs_unit *u, const struct ivrs_entry *e)
{
	char who[TEXT], alias[16];

	ivrs_entry_text(e, who, sizeof(who));
	check_settings(t, e);
	if (e->aliased) {
		ivrs_devid_text(e->alias, alias, sizeof(alias));
		if (e->kind == IVRS_SELECT && e->alias == e->first)
			table_note(
			    t, NOTE_ODD, "alias-of-itself", e->offset,
			    "%s is said to send its requests as itself; that says nothing and is harmless",
			    who);
	}
	if (e->kind == IVRS_SPECIAL)
		table_note(
		    t, NOTE_INFO, "unknown-variety", e->offset + 7,
		    "%s: this variety is not one this version knows; its interrupts stay blocked",
		    who);
	if (e->kind == IVRS_ACPI && u->type != 0x40)
		table_note(
		    t, NOTE_ODD, "acpi-in-old-block", e->offset,
		    "%s stands in an IVHD of type %02xh, where such entries are not defined; it is taken "
		    "all the same",
		    who, u->type);
	if ((e->kind == IVRS_IOAPIC || e->kind == IVRS_HPET) && !e->first)
		table_note(
		    t, NOTE_ERROR, "special-devid", e->offset + 5,
		    "%s %u is said to send interrupts as 00:00.0, which is the host bridge: its "
		    "interrupts would be remapped by the wrong entry and stay blocked; this needs a "
		    "firmware update",
		    e->kind == IVRS_IOAPIC ? "I/O APIC" : "HPET", e->handle);
}

/* The same I/O APIC or HPET twice in what is used, or none at all. */
static void check_special(struct table *t, const struct ivrs *v)
{
	bool ioapic = false;
	u32 seen[2][256 / 32] = {{0}};

	for (u32 i = 0; i < v->nunits; i++) {
		const struct ivrs_unit *u = &v->units[i];

		for (u32 k = 0; u->used && k < u->nentries; k++) {
			const struct ivrs_entry *e = &u->entries[k];
			u32 *word, bit = 1u << (e->handle & 31);

			if (e->kind != IVRS_IOAPIC && e->kind != IVRS_HPET)
				continue;
			ioapic = ioapic || e->kind == IVRS_IOAPIC;
			word = &seen[e->kind == IVRS_HPET][e->handle / 32];
			if (*word & bit)
				table_note(
				    t, NOTE_ERROR, "special-twice", e->offset,
				    "%s %u is named twice: it is not known by which device id its "
				    "interrupts arrive, so they stay blocked",
				    e->kind == IVRS_IOAPIC ? "I/O APIC" : "HPET", e->handle);
			*word |= bit;
		}
	}
	if (!ioapic && v->nunits)
		table_note(
		    t, NOTE_ODD, "no-ioapic", 48,
		    "no IOMMU names an I/O APIC: interrupts of I/O APIC pins stay blocked once "
		    "interrupts are remapped; message-signalled interrupts are not concerned");
}

/*
 * Two units that both claim a device: seen on machines with several root complexes, where each block
 * claims all buses from its own up. The unit on the device's own root bus is the one in its way.
 */
static void check_overlap(struct table *t, const struct ivrs *v, u32 i)
{
	const struct ivrs_unit *u = &v->units[i];
	char a[16], b[16], who[TEXT];

	for (u32 j = 0; u->used && j < i; j++) {
		const struct ivrs_unit *o = &v->units[j];

		if (!o->used || o->segment != u->segment)
			continue;
		for (u32 k = 0; k < u->nentries; k++)
			for (u32 m = 0; m < o->nentries; m++) {
				const struct ivrs_entry *x = &u->entries[k], *y = &o->entries[m];

				if (!claims_devices(x) || !claims_devices(y) ||
				    x->first > y->last || y->first > x->last)
					continue;
				ivrs_devid_text(o->devid, a, sizeof(a));
				ivrs_devid_text(u->devid, b, sizeof(b));
				ivrs_entry_text(x, who, sizeof(who));
				table_note(
				    t, NOTE_ODD, "device-twice", x->offset,
				    "the IOMMUs at %s and %s both claim %s (or a part): for each device "
				    "the one on its own root bus is taken",
				    a, b, who);
				return;
			}
	}
}

static void check_reserved(struct table *t, const struct ivrs *v, u32 i)
{
	const struct ivrs_reserved *r = &v->reserved[i];
	unsigned long long base = r->base, length = r->length;
	bool covered = false;
	char first[16], last[16];

	ivrs_devid_text(r->first, first, sizeof(first));
	ivrs_devid_text(r->last, last, sizeof(last));
	if (!r->length || r->base + r->length - 1 < r->base || (r->base + r->length - 1) >> 52)
		table_note(
		    t, NOTE_ERROR, "range-bounds", r->offset + 16,
		    "range %u (IVMD) begins at %#llx and is %#llx bytes long, which is no memory; its "
		    "devices are not given any",
		    i, base, length);
	else if (!is_aligned(r->base, PAGE_SIZE) || !is_aligned(r->length, PAGE_SIZE))
		table_note(
		    t, NOTE_ODD, "range-unaligned", r->offset + 16,
		    "range %u (IVMD), %#llx bytes at %#llx, is not made of whole pages; a device that "
		    "keeps it also reaches the rest of the first and last page",
		    i, length, base);
	if (r->length >= GIB(4))
		table_note(
		    t, NOTE_ODD, "range-huge", r->offset + 24,
		    "range %u (IVMD) is %llu MiB large; keeping it would give the device most of the "
		    "memory",
		    i, length >> 20);
	if (r->last < r->first)
		table_note(
		    t, NOTE_ODD, "range-devices-reversed", r->offset + 4,
		    "range %u (IVMD) is for devices %s to %s, which are none; it is not used", i,
		    first, last);
	if (r->flags & 0xf0)
		table_note(t, NOTE_ODD, "reserved-flags", r->offset + 1,
			   "range %u (IVMD) has reserved flag bits set (%02xh); they are ignored",
			   i, r->flags);
	if (r->flags & IVRS_EXCLUDE)
		table_note(
		    t, NOTE_INFO, "exclusion-range", r->offset + 1,
		    "range %u (IVMD), %#llx bytes at %#llx, asks that %s%s%s reach it past the IOMMU "
		    "(exclusion); Caprock never sets an exclusion range: a device that keeps the range "
		    "has it mapped like any other memory",
		    i, length, base, first, r->last != r->first ? " to " : "",
		    r->last != r->first ? last : "");
	else if (!(r->flags & (IVRS_READ | IVRS_WRITE)))
		table_note(
		    t, NOTE_ODD, "range-no-rights", r->offset + 1,
		    "range %u (IVMD) may be neither read nor written by its devices; it is not used",
		    i);
	if (table_zero(t, r->offset + 8, 2) != !r->segment || !table_zero(t, r->offset + 10, 6))
		table_note(t, NOTE_ODD, "reserved-bytes", r->offset + 10,
			   "range %u (IVMD) has reserved bytes that are not zero; they are ignored",
			   i);
	for (u32 j = 0; j < v->nunits; j++)
		covered = covered || v->units[j].segment == r->segment;
	if (!covered && v->nunits)
		table_note(t, NOTE_ODD, "range-segment", r->offset + 8,
			   "range %u (IVMD) is for segment %u, which has no IOMMU", i, r->segment);
}

static void check_header(struct table *t, const struct ivrs *v)
{
	u32 pa = v->info >> 8 & 0x7f, va = v->info >> 15 & 0x7f;

	/* §5.2.1: PAsize and VAsize of IVinfo */
	if (pa < 32 || pa > 52)
		table_note(
		    t, NOTE_ODD, "address-width", 36,
		    "physical addresses are said to have %u bits, which no processor has; the IOMMU's "
		    "own registers are used instead",
		    pa);
	if (va != 32 && va != 40 && va != 48 && va != 57 && va != 64)
		table_note(
		    t, NOTE_ODD, "virtual-width", 36,
		    "virtual addresses are said to have %u bits; 32, 40, 48, 57 or 64 are defined",
		    va);
	if (!table_zero(t, 40, 8))
		table_note(t, NOTE_ODD, "reserved-bytes", 40,
			   "reserved bytes of the header are not zero; they are ignored");
	if (!v->nunits)
		table_note(t, NOTE_ERROR, "no-unit", 48,
			   "the table describes no IOMMU (IVHD): no device can be assigned");
}

void ivrs_check(struct table *t, const struct ivrs *v)
{
	check_header(t, v);
	for (u32 i = 0; i < v->nunits; i++) {
		const struct ivrs_unit *u = &v->units[i];

		check_base(t, v, i);
		for (u32 k = 0; u->used && k < u->nentries; k++)
			check_entry(t, u, &u->entries[k]);
		if (u->used && !u->nentries)
			table_note(t, NOTE_ODD, "unit-empty", u->offset,
				   "an IOMMU covers no device: its block has no device entry");
		check_overlap(t, v, i);
	}
	check_special(t, v);
	for (u32 i = 0; i < v->nreserved; i++)
		check_reserved(t, v, i);
}
