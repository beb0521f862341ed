#include "core/base/err.h"
#include "profiles/memory_map.h"

int memory_map_init(struct memory_map *map, const struct machine *m, u64 from, u64 cuts,
		    struct arena *arena)
{
	/* Each cut can split one range in two. */
	*map = (struct memory_map){.max = (u32)(m->nmemory + cuts)};
	map->ranges = arena_take(arena, map->max, sizeof(*map->ranges));
	if (!map->ranges)
		return ERR_NOMEM;
	for (u32 i = 0; i < m->nmemory; i++) {
		const struct machine_memory *r = &m->memory[i];
		u64 base = align_up(max_u64(r->base.v, from), PAGE_SIZE);
		u64 end = align_down(r->base.v + r->size, PAGE_SIZE);

		if (r->kind == MEMORY_RAM && base < end)
			map->ranges[map->n++] = (struct free_range){base, end - base, r->node};
	}
	return OK;
}

/* First address in the range with the phase; false: it lies beyond the range's end. */
static bool in_phase(const struct free_range *r, u64 align, u64 phase, u32 node, u64 *base)
{
	u64 skip = (phase - r->base) & (align - 1);

	if ((node != ~0u && r->node != node) || skip >= r->size)
		return false;
	*base = r->base + skip;
	return true;
}

bool memory_find(const struct memory_map *map, u64 size, u64 align, u64 phase, u32 node, u64 *base)
{
	for (u32 i = 0; i < map->n; i++) {
		const struct free_range *r = &map->ranges[i];

		if (in_phase(r, align, phase, node, base) && r->size - (*base - r->base) >= size)
			return true;
	}
	return false;
}

u64 memory_find_longest(const struct memory_map *map, u64 most, u64 align, u64 phase, u32 node,
			u64 *base)
{
	u64 best = 0, at;

	for (u32 i = 0; i < map->n; i++) {
		const struct free_range *r = &map->ranges[i];

		if (!in_phase(r, align, phase, node, &at))
			continue;

		u64 size = align_down(min_u64(r->size - (at - r->base), most), align);

		if (size > best) {
			best = size;
			*base = at;
		}
	}
	return best;
}

void memory_take(struct memory_map *map, u64 base, u64 size)
{
	for (u32 i = 0; i < map->n; i++) {
		struct free_range *r = &map->ranges[i];
		u64 end = r->base + r->size;

		if (base < r->base || base + size > end)
			continue;
		if (base > r->base && base + size < end) {
			for (u32 k = map->n++; k > i; k--)
				map->ranges[k] = map->ranges[k - 1];
			map->ranges[i + 1].base = base + size;
			map->ranges[i + 1].size = end - base - size;
			r->size = base - r->base;
		} else if (base > r->base) {
			r->size = base - r->base;
		} else {
			r->base += size;
			r->size -= size;
		}
		return;
	}
}

u64 memory_left(const struct memory_map *map)
{
	u64 left = 0;

	for (u32 i = 0; i < map->n; i++)
		left += map->ranges[i].size;
	return left;
}
