#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/tiles.h"

int tileset_alloc(struct tileset *t, u32 w, u32 h)
{
	t->cols = tiles_across(w);
	t->rows = tiles_down(h);
	t->words = (t->cols * t->rows + 63) / 64;
	t->bits = calloc(t->words ? t->words : 1, 8);
	return t->bits ? 0 : ERR_NOMEM;
}

void tileset_free(struct tileset *t)
{
	free(t->bits);
	*t = (struct tileset){0};
}

void tileset_clear(struct tileset *t)
{
	memset(t->bits, 0, (size_t)t->words * 8);
}

void tileset_fill(struct tileset *t)
{
	u32 n = t->cols * t->rows;

	memset(t->bits, 0xff, (size_t)t->words * 8);
	if (n % 64)
		t->bits[t->words - 1] = (1ull << (n % 64)) - 1;
}

void tileset_add_rect(struct tileset *t, struct rect r)
{
	if (!r.w || !r.h)
		return;
	u32 x1 = ((u32)r.x + r.w - 1) / TILE_W, y1 = ((u32)r.y + r.h - 1) / TILE_H;

	for (u32 y = r.y / TILE_H; y <= y1 && y < t->rows; y++)
		for (u32 x = r.x / TILE_W; x <= x1 && x < t->cols; x++)
			tileset_add(t, y * t->cols + x);
}

void tileset_or(struct tileset *to, const struct tileset *from)
{
	for (u32 i = 0; i < to->words; i++)
		to->bits[i] |= from->bits[i];
}

void tileset_and_not(struct tileset *to, const struct tileset *from)
{
	for (u32 i = 0; i < to->words; i++)
		to->bits[i] &= ~from->bits[i];
}

u32 tileset_count(const struct tileset *t)
{
	u32 n = 0;

	for (u32 i = 0; i < t->words; i++)
		n += (u32)__builtin_popcountll(t->bits[i]);
	return n;
}

bool tileset_empty(const struct tileset *t)
{
	for (u32 i = 0; i < t->words; i++)
		if (t->bits[i])
			return false;
	return true;
}

bool tileset_meets(const struct tileset *a, const struct tileset *b)
{
	for (u32 i = 0; i < a->words; i++)
		if (a->bits[i] & b->bits[i])
			return true;
	return false;
}

u32 tileset_next(const struct tileset *t, u32 i)
{
	u32 n = t->cols * t->rows;

	if (i >= n)
		return n;
	u32 w = i / 64;
	u64 v = t->bits[w] & ~0ull << (i % 64);
	while (!v) {
		if (++w >= t->words)
			return n;
		v = t->bits[w];
	}
	return w * 64 + (u32)__builtin_ctzll(v);
}
