#include "core/base/arena.h"
#include "core/base/mem.h"

void *arena_take(struct arena *a, u64 n, u64 size)
{
	u64 at = align_up(a->used, 16), bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes) || at > a->size || bytes > a->size - at)
		return NULL;
	p = a->base + at;
	a->used = at + bytes;
	memset(p, 0, bytes);
	return p;
}
