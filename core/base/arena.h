/* Bump allocation in memory the caller brought: for what is built once and dropped as a whole. */
#pragma once

#include "core/base/types.h"

struct arena {
	u8 *base; /* 16-byte aligned */
	u64 size, used;
};

static inline struct arena arena_of(void *base, u64 size)
{
	return (struct arena){base, size, 0};
}

/* `n` zeroed items of `size` bytes, 16-byte aligned; NULL when they do not fit. */
void *arena_take(struct arena *a, u64 n, u64 size);
