#include "core/acpi/srat.h"

#define SRAT_FIRST  48u
#define SLIT_MATRIX 44u

#define CPU_ENABLED	   1u
#define MEMORY_ENABLED	   1u
#define MEMORY_HOTPLUG	   2u
#define MEMORY_NONVOLATILE 4u

static const u8 least[] = {[0] = 16, [1] = 40, [2] = 24};

struct acpi_cursor srat_entries(const void *table)
{
	return acpi_entries(table, SRAT_FIRST);
}

bool srat_next(struct acpi_cursor *c, struct srat_entry *e)
{
	struct acpi_entry a;

	if (!acpi_next(c, least, sizeof(least), &a))
		return false;

	const u8 *p = a.data;

	*e = (struct srat_entry){.kind = SRAT_OTHER, .type = a.type, .offset = a.offset};
	switch (a.type) {
	case 0:
		/* The domain's upper bytes are garbage in revision 1 tables (§5.2.16.1). */
		e->kind = SRAT_CPU;
		e->node = p[2];
		if (c->table[8] >= 2)
			e->node |= (u32)p[9] << 8 | (u32)p[10] << 16 | (u32)p[11] << 24;
		e->apic_id = p[3];
		e->enabled = acpi_u32(p + 4) & CPU_ENABLED;
		break;
	case 2:
		e->kind = SRAT_CPU;
		e->node = acpi_u32(p + 4);
		e->apic_id = acpi_u32(p + 8);
		e->enabled = acpi_u32(p + 12) & CPU_ENABLED;
		break;
	case 1:
		e->kind = SRAT_MEMORY;
		e->node = c->table[8] >= 2 ? acpi_u32(p + 2) : p[2];
		e->base = PADDR(acpi_u64(p + 8));
		e->size = acpi_u64(p + 16);
		e->enabled = (acpi_u32(p + 28) & MEMORY_ENABLED) && e->size &&
			     e->size - 1 <= ~0ull - e->base.v;
		e->hotplug = acpi_u32(p + 28) & MEMORY_HOTPLUG;
		e->nonvolatile = acpi_u32(p + 28) & MEMORY_NONVOLATILE;
		break;
	}
	return true;
}

u32 srat_cpu_node(const void *table, u32 apic_id)
{
	struct acpi_cursor c = srat_entries(table);
	struct srat_entry e;

	while (srat_next(&c, &e))
		if (e.kind == SRAT_CPU && e.enabled && e.apic_id == apic_id)
			return e.node;
	return 0;
}

u32 srat_memory_node(const void *table, paddr_t at)
{
	struct acpi_cursor c = srat_entries(table);
	struct srat_entry e;

	while (srat_next(&c, &e))
		if (e.kind == SRAT_MEMORY && e.enabled && at.v >= e.base.v &&
		    at.v - e.base.v < e.size)
			return e.node;
	return 0;
}

u64 slit_nodes(const void *table)
{
	const u8 *p = table;
	u32 length = acpi_u32(p + 4);
	u64 n;

	if (length < SLIT_MATRIX)
		return 0;
	n = acpi_u64(p + 36);
	/* 65536 squared is beyond any u32 length. */
	return n < 65536 && n * n <= length - SLIT_MATRIX ? n : 0;
}

u8 slit_distance(const void *table, u64 from, u64 to)
{
	const u8 *p = table;
	u64 n = slit_nodes(table);

	return from < n && to < n ? p[SLIT_MATRIX + from * n + to] : 255;
}
