/*
 * The SRAT (ACPI 6.5 §5.2.16) and SLIT (§5.2.17): which cores and which memory are near to each
 * other. Machines without them have one node, 0.
 */
#pragma once

#include "core/acpi/acpi.h"

enum srat_kind { SRAT_CPU, SRAT_MEMORY, SRAT_OTHER };

struct srat_entry {
	enum srat_kind kind;
	u8 type;
	u32 offset;
	u32 node; /* proximity domain */
	bool enabled;
	u32 apic_id;  /* SRAT_CPU */
	paddr_t base; /* SRAT_MEMORY */
	u64 size;
	bool hotplug, nonvolatile;
};

struct acpi_cursor srat_entries(const void *table);
/* As madt_next(). A memory range that wraps comes back as not enabled. */
__must_check bool srat_next(struct acpi_cursor *c, struct srat_entry *e);

/* Node of a core or an address: the first enabled entry that has it; 0 when none has. */
u32 srat_cpu_node(const void *table, u32 apic_id);
u32 srat_memory_node(const void *table, paddr_t at);

/* Number of localities of a SLIT; 0 when the table is too short for its own matrix. */
u64 slit_nodes(const void *table);
/* Relative distance (10: local, 255: unreachable); 255 beyond the matrix. */
u8 slit_distance(const void *table, u64 from, u64 to);
