/* The ACPI tables of one machine, from a folder of raw tables. */
#pragma once

#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"
#include "profiles/host/chunks.h"

struct table_bytes {
	const u8 *bytes; /* NULL: there is none */
	size_t size;
};

struct tables {
	u32 found;	 /* how many of those below */
	bool unreadable; /* some were there and could not be read */
	struct table_bytes madt, mcfg, srat, slit, dmar, ivrs;
	/* as parsed, with gather_iommu(); NULL: none, or none of use */
	const struct dmar *parsed_dmar;
	const struct ivrs *parsed_ivrs;
};

/*
 * Files in `folder` whose first four bytes are a signature of interest; their names do not matter. Of
 * two alike the first in the order of names counts. -1 with errno when the folder cannot be listed.
 */
int tables_load(struct tables *t, const char *folder, struct chunks *mem);
