/* Free host memory while a plan is made. Private to the planner. */
#pragma once

#include "core/base/arena.h"
#include "core/partition/machine.h"

struct free_range {
	u64 base, size;
	u32 node;
};

struct memory_map {
	struct free_range *ranges; /* sorted by base */
	u32 n, max;
};

/* All usable RAM of the machine from `from` on. `cuts`: how often memory_take() will be called. */
__must_check int memory_map_init(struct memory_map *map, const struct machine *m, u64 from,
				 u64 cuts, struct arena *arena);

/*
 * The lowest place of `size` bytes whose address is `phase` modulo `align` (a power of two), on
 * `node` unless that is ~0u. False: there is none.
 */
bool memory_find(const struct memory_map *map, u64 size, u64 align, u64 phase, u32 node, u64 *base);

/*
 * The longest place of at most `most` bytes, a multiple of `align`, likewise. Returns its size, 0
 * when there is none.
 */
u64 memory_find_longest(const struct memory_map *map, u64 most, u64 align, u64 phase, u32 node,
			u64 *base);

/* Take [base, base + size), found before, out of the map. */
void memory_take(struct memory_map *map, u64 base, u64 size);

/* Free bytes in all, and the longest run. */
u64 memory_left(const struct memory_map *map);
