/* Pictures for the codecs' tests: seeded, with flat areas, letters, shades and noise. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "viewer/codec/image.h"

static u64 random_state = 88172645463325252ull;

static inline u32 rnd(u32 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? (u32)(random_state >> 16) % below : 0;
}

enum { PIC_FLAT, PIC_TWO, PIC_LETTERS, PIC_SHADES, PIC_NOISE, PIC_KINDS };

static inline void draw(struct image *img, struct rect r, u32 kind)
{
	u32 a = rnd(1u << 24), b = rnd(1u << 24);

	for (u32 y = r.y; y < (u32)r.y + r.h; y++)
		for (u32 x = r.x; x < (u32)r.x + r.w; x++) {
			u32 v = a;

			if (kind == PIC_TWO)
				v = (x / 3 + y / 5) & 1 ? a : b;
			else if (kind == PIC_LETTERS)
				v = rnd(4) ? a : b + rnd(9);
			else if (kind == PIC_SHADES)
				v = ((x * 2 + y) & 255) << 16 | ((y * 3) & 255) << 8 | (x & 255);
			else if (kind == PIC_NOISE)
				v = rnd(1u << 24);
			*image_at(img, x, y) = v & 0xffffff;
		}
}

/* Every part of the picture of another kind. */
static inline void draw_all(struct image *img)
{
	for (u32 y = 0; y < img->h; y += 40)
		for (u32 x = 0; x < img->w; x += 70)
			draw(img,
			     (struct rect){(u16)x, (u16)y, (u16)(img->w - x < 70 ? img->w - x : 70),
					   (u16)(img->h - y < 40 ? img->h - y : 40)},
			     rnd(PIC_KINDS));
}

/* The mean square error in a rectangle, of all three colours. */
static inline double mean_square(const struct image *a, const struct image *b, struct rect r)
{
	double sum = 0;

	for (u32 y = r.y; y < (u32)r.y + r.h; y++)
		for (u32 x = r.x; x < (u32)r.x + r.w; x++)
			for (int s = 0; s < 24; s += 8) {
				double d = (int)(*image_at(a, x, y) >> s & 255) -
					   (int)(*image_at(b, x, y) >> s & 255);
				sum += d * d;
			}
	return sum / ((double)r.w * r.h * 3);
}

static inline bool same_picture(const struct image *a, const struct image *b, struct rect r)
{
	for (u32 y = r.y; y < (u32)r.y + r.h; y++)
		if (memcmp(image_at(a, r.x, y), image_at(b, r.x, y), (size_t)r.w * 4))
			return false;
	return true;
}
