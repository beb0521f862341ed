/*
 * What changed between two pictures, by hashes: the earlier picture itself is not kept.
 *
 * Every row of every 32-pixel column has a 64-bit XXH3 hash, seeded per process (so that no program
 * on the desktop can prepare a collision). A tile changed if any of its hashes did; a scroll is
 * found where the new hashes of a column equal the old ones some rows further.
 */
#pragma once

#include "viewer/codec/image.h"
#include "viewer/codec/tiles.h"

#define SEG_W		32u /* pixels of one hash */
#define GRID_MAX_COPIES 64u

struct grid {
	u32 w, h, segs; /* pixels; hashes a row */
	u64 seed;
	u64 *now, *old;				    /* column-major: [seg * h + y] */
	struct tileset changed;			    /* by the last grid_scan */
	struct native_copy copies[GRID_MAX_COPIES]; /* by the last grid_scan */
	u32 ncopies;
	u16 *votes; /* 2h: scratch */
	u32 *table; /* scratch */
};

__must_check int grid_alloc(struct grid *g, u32 w, u32 h, u64 seed);
void grid_free(struct grid *g);
/*
 * Compares the picture with the one scanned before, inside the tiles of `damage`. Afterwards
 * `copies` are moves within the old picture, to be done in their order, none reading what an
 * earlier one wrote; `changed` are the tiles that then still differ.
 */
void grid_scan(struct grid *g, const struct image *img, const struct tileset *damage);
