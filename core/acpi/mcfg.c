#include "core/acpi/mcfg.h"
#include "core/base/err.h"

#define MCFG_FIRST 44u
#define MCFG_ENTRY 16u

int mcfg_window(const void *table, u32 i, struct mcfg_window *out)
{
	const u8 *p = table;
	u32 length = acpi_u32(p + 4);

	if (length < MCFG_FIRST || i >= (length - MCFG_FIRST) / MCFG_ENTRY)
		return ERR_NOENT;
	p += MCFG_FIRST + i * MCFG_ENTRY;
	*out = (struct mcfg_window){
	    .base = PADDR(acpi_u64(p)),
	    .segment = acpi_u16(p + 8),
	    .first_bus = p[10],
	    .last_bus = p[11],
	};
	if (out->first_bus > out->last_bus || !out->base.v || !is_aligned(out->base.v, MIB(1)) ||
	    out->base.v > ~0ull - MIB(256))
		return ERR_INVAL;
	return OK;
}
