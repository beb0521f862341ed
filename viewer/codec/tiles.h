/* A set of tiles (64x16 pixels) of a framebuffer: one bit each, row by row. */
#pragma once

#include "viewer/proto/native.h"

struct tileset {
	u32 cols, rows;
	u64 *bits;
	u32 words;
};

__must_check int tileset_alloc(struct tileset *t, u32 w, u32 h);
void tileset_free(struct tileset *t);
void tileset_clear(struct tileset *t);
void tileset_fill(struct tileset *t);
/* Tiles that a rectangle touches. */
void tileset_add_rect(struct tileset *t, struct rect r);
void tileset_or(struct tileset *to, const struct tileset *from);
void tileset_and_not(struct tileset *to, const struct tileset *from);
u32 tileset_count(const struct tileset *t);
bool tileset_empty(const struct tileset *t);
bool tileset_meets(const struct tileset *a, const struct tileset *b);

static inline bool tileset_has(const struct tileset *t, u32 i)
{
	return t->bits[i / 64] >> (i % 64) & 1;
}

static inline void tileset_add(struct tileset *t, u32 i)
{
	t->bits[i / 64] |= 1ull << (i % 64);
}

static inline void tileset_del(struct tileset *t, u32 i)
{
	t->bits[i / 64] &= ~(1ull << (i % 64));
}

/* Smallest member >= i, or cols*rows. */
u32 tileset_next(const struct tileset *t, u32 i);

#define tileset_for(t, i) \
	for (u32 i = tileset_next(t, 0); i < (t)->cols * (t)->rows; i = tileset_next(t, i + 1))

/* Pixels of tile i, cut at the framebuffer's edge. */
static inline struct rect tile_rect(u32 cols, u32 i, u32 w, u32 h)
{
	u32 x = i % cols * TILE_W, y = i / cols * TILE_H;

	return (struct rect){(u16)x, (u16)y, (u16)(w - x < TILE_W ? w - x : TILE_W),
			     (u16)(h - y < TILE_H ? h - y : TILE_H)};
}
