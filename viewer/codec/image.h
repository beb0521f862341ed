/* A picture in memory: words 0x00RRGGBB, rows `stride` pixels apart. */
#pragma once

#include "viewer/proto/rfb.h"

struct image {
	u32 *px;
	u32 w, h, stride; /* pixels */
};

static inline u32 *image_at(const struct image *i, u32 x, u32 y)
{
	return i->px + (size_t)y * i->stride + x;
}

/* Moves a rectangle inside one image, overlap allowed. Both must lie inside. */
void image_move(struct image *i, u32 sx, u32 sy, struct rect to);
void image_fill(struct image *i, struct rect r, u32 pixel);
__must_check int image_alloc(struct image *i, u32 w, u32 h);
void image_free(struct image *i);
