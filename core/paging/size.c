#include "core/paging/format.h"

unsigned pt_leaf_level(u64 in, u64 out, unsigned max)
{
	while (max > 1 && !is_aligned(in ^ out, level_size(max)))
		max--;
	return max;
}

u64 pt_tables_below(unsigned level, unsigned leaf, u64 a, u64 b)
{
	u64 tables = 0;

	for (unsigned k = level - 1; k >= 1; k--) {
		u64 mask = level_size(k + 1) - 1;
		u64 slots = b / (mask + 1) - a / (mask + 1) + 1;

		if (k + 1 <= leaf) {
			u64 cut = (a & mask) != 0;

			if ((b & mask) != mask && (!cut || slots > 1))
				cut++;
			slots = cut;
		}
		tables += slots;
	}
	return tables;
}

u64 pt_tables_for(unsigned levels, enum pt_leaf_max leaf_max, u64 in, paddr_t out, u64 size)
{
	if (!size)
		return 0;
	return pt_tables_below(levels, pt_leaf_level(in, out.v, leaf_max), in, in + size - 1);
}
