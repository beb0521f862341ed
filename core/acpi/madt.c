#include "core/acpi/madt.h"

#define MADT_FIRST	44
#define CPU_ENABLED	1u
#define CPU_ONLINE_CAP	2u
#define XAPIC_NONE	0xffu
#define X2APIC_NONE	0xffffffffu
#define XAPIC_ALL_CPUS	0xffu
#define X2APIC_ALL_CPUS 0xffffffffu

/* Least length by type (§5.2.12.2 and following); 0: a type we only pass on. */
static const u8 least[] = {
    [0] = 8, [1] = 12, [2] = 10, [4] = 6, [5] = 12, [9] = 16, [10] = 12,
};

struct acpi_cursor madt_entries(const void *table)
{
	return acpi_entries(table, MADT_FIRST);
}

static void read_cpu(struct madt_entry *e, u32 id, u32 uid, u32 flags, bool x2apic)
{
	e->kind = MADT_CPU;
	e->cpu.apic_id = id;
	e->cpu.uid = uid;
	e->cpu.enabled = flags & CPU_ENABLED;
	e->cpu.online_capable = flags & CPU_ONLINE_CAP;
	e->cpu.x2apic = x2apic;
}

static void read_nmi(struct madt_entry *e, u32 uid, u32 all, u16 flags, u8 lint)
{
	e->kind = MADT_LOCAL_NMI;
	e->nmi.all = uid == all;
	e->nmi.uid = uid;
	e->nmi.flags = flags;
	e->nmi.lint = lint;
}

bool madt_next(struct acpi_cursor *c, struct madt_entry *e)
{
	struct acpi_entry a;

	if (!acpi_next(c, least, sizeof(least), &a))
		return false;

	const u8 *p = a.data;

	*e = (struct madt_entry){.kind = MADT_OTHER, .type = a.type, .offset = a.offset};
	switch (a.type) {
	case 0:
		read_cpu(e, p[3], p[2], acpi_u32(p + 4), false);
		break;
	case 9:
		read_cpu(e, acpi_u32(p + 4), acpi_u32(p + 12), acpi_u32(p + 8), true);
		break;
	case 1:
		e->kind = MADT_IOAPIC;
		e->ioapic.id = p[2];
		e->ioapic.address = acpi_u32(p + 4);
		e->ioapic.gsi_base = acpi_u32(p + 8);
		break;
	case 2:
		e->kind = MADT_OVERRIDE;
		e->override.bus = p[2];
		e->override.irq = p[3];
		e->override.gsi = acpi_u32(p + 4);
		e->override.flags = acpi_u16(p + 8);
		break;
	case 4:
		read_nmi(e, p[2], XAPIC_ALL_CPUS, acpi_u16(p + 3), p[5]);
		break;
	case 10:
		read_nmi(e, acpi_u32(p + 4), X2APIC_ALL_CPUS, acpi_u16(p + 2), p[8]);
		break;
	case 5:
		e->kind = MADT_LOCAL_ADDRESS;
		e->local_address = acpi_u64(p + 4);
		break;
	}
	return true;
}

/* A disabled slot often carries the broadcast id; an enabled one with it is no core. */
static bool usable(const struct madt_entry *e)
{
	return e->kind == MADT_CPU && e->cpu.enabled &&
	       e->cpu.apic_id != (e->cpu.x2apic ? X2APIC_NONE : XAPIC_NONE);
}

/* Was the id of entry `e` listed by an enabled entry before it? */
static bool listed_before(const void *table, const struct madt_entry *e)
{
	struct acpi_cursor c = madt_entries(table);
	struct madt_entry f;

	while (madt_next(&c, &f) && f.offset < e->offset)
		if (usable(&f) && f.cpu.apic_id == e->cpu.apic_id)
			return true;
	return false;
}

u32 madt_cpus(const void *table, u32 *ids, u32 max, const char **why)
{
	struct acpi_cursor c = madt_entries(table);
	const char *odd = NULL;
	struct madt_entry e;
	u32 n = 0;

	while (madt_next(&c, &e)) {
		bool seen = false;

		if (e.kind != MADT_CPU || !e.cpu.enabled)
			continue;
		if (!usable(&e)) {
			odd = "a core is enabled with the broadcast APIC id; it is left out";
			continue;
		}
		for (u32 i = 0; i < n && i < max && !seen; i++)
			seen = ids[i] == e.cpu.apic_id;
		if (seen || (n > max && listed_before(table, &e))) {
			odd = "a core is listed twice; it counts once";
			continue;
		}
		if (n < max)
			ids[n] = e.cpu.apic_id;
		n++;
	}
	if (why)
		*why = c.why ? c.why : odd;
	return n;
}
