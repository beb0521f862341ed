/* The letters of the boot screen and the viewer: drawn in the source as they look, '#' is a dot. */
#pragma once

#include "core/base/types.h"

#define FONT_WIDTH     6 /* dots, the space to the next letter included */
#define FONT_HEIGHT    8
#define FONT_FIRST     0x20
#define FONT_BLOCKS    6
#define FONT_PER_BLOCK 16

extern const char font_art[FONT_BLOCKS * FONT_HEIGHT][FONT_PER_BLOCK * FONT_WIDTH + 1];

/* Row `y` of a letter, its leftmost dot in bit 0. A letter that is not there shows as a box. */
static inline u8 font_row(u8 c, u32 y)
{
	u32 n = c < FONT_FIRST || c > 0x7f ? FONT_BLOCKS * FONT_PER_BLOCK - 1 : c - FONT_FIRST;
	const char *dots =
	    &font_art[n / FONT_PER_BLOCK * FONT_HEIGHT + y][n % FONT_PER_BLOCK * FONT_WIDTH];
	u8 row = 0;

	for (u32 x = 0; x < FONT_WIDTH; x++)
		row |= (u8)((dots[x] == '#') << x);
	return row;
}
