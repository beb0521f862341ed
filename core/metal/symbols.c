#include "core/metal/layout.h"
#include "core/metal/symbols.h"

/* build/metal/symbols.S: sorted offsets from IMAGE_BASE, then offsets of the names. */
extern const u32 symbol_count;
extern const u32 symbol_address[];
extern const u32 symbol_name[];
extern const char symbol_text[];

const char *symbol_find(u64 address, u64 *offset)
{
	u32 lo = 0, hi = symbol_count;

	*offset = 0;
	if (address < IMAGE_BASE || !symbol_count || address - IMAGE_BASE < symbol_address[0])
		return "?";
	address -= IMAGE_BASE;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (symbol_address[mid] <= address)
			lo = mid;
		else
			hi = mid;
	}
	*offset = address - symbol_address[lo];
	return symbol_text + symbol_name[lo];
}
