#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/boot/boot_info.h"

int boot_add_memory(struct boot_info *b, u64 base, u64 size, enum memory_kind kind)
{
	struct boot_memory *last = b->nmemory ? &b->memory[b->nmemory - 1] : NULL;

	if (!size || base + size < base)
		return OK; /* firmware lists such entries; they name nothing */
	/* UEFI lists one range in a dozen pieces, one for each of its purposes. */
	if (last && last->kind == (u32)kind && last->base + last->size == base) {
		last->size += size;
		return OK;
	}
	if (b->nmemory == BOOT_MEMORY_MAX)
		return ERR_NOMEM;
	b->memory[b->nmemory++] = (struct boot_memory){base, size, kind, 0};
	return OK;
}

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* The lowest page of RAM the bundle fits at, above BIOS' own and outside the hypervisor's. */
static u64 find_place(const struct boot_info *b, u64 base, u64 size)
{
	u64 best = 0;

	for (u32 i = 0; i < b->nmemory; i++) {
		const struct boot_memory *m = &b->memory[i];
		u64 end = min_u64(m->base + m->size, BOOT_EARLY_LIMIT);
		u64 at = align_up(max_u64(m->base, MIB(1)), PAGE_SIZE);

		if (overlap(at, b->bundle_size, base, size))
			at = base + size;
		if (m->kind != MEMORY_RAM || at > end || end - at < b->bundle_size)
			continue;
		if (!best || at < best)
			best = at;
	}
	return best;
}

int boot_clear_range(struct boot_info *b, u64 base, u64 size)
{
	u64 place;

	if (!b->bundle_size || !overlap(b->bundle, b->bundle_size, base, size))
		return OK;
	if (b->bundle > BOOT_EARLY_LIMIT || b->bundle_size > BOOT_EARLY_LIMIT - b->bundle)
		return ERR_RANGE;
	place = find_place(b, base, size);
	if (!place)
		return ERR_NOMEM;
	memmove((void *)place, (const void *)b->bundle, b->bundle_size);
	b->bundle = place;
	return OK;
}
