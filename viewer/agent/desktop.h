/*
 * The desktop as it is now: one capture source, its last picture, what changed and when.
 *
 * Sessions read the picture and the change; each keeps for itself what its viewer still lacks.
 */
#pragma once

#include "viewer/agent/capture/capture.h"
#include "viewer/codec/grid.h"

struct tile_state {
	u64 changed_us; /* last change that was no scroll; 0 = never */
	u32 gap_us;	/* between the last two changes */
	u8 heat;	/* changes in a row, each within HOT_GAP_US of the one before; saturates */
	bool looked;	/* soft and hard are of the tile as it is now */
	u16 soft, hard; /* neighbours that differ a little, and a lot; every other row */
};

#define HOT_GAP_US 150000u
#define HOT	   3u /* heat from which a tile counts as moving */

struct desktop {
	const struct capture_ops *ops;
	struct capture *capture;
	struct native_heads heads;
	struct image img;    /* the picture; pixels valid until the next desktop_update() */
	struct image shadow; /* own copy, where the source's memory cannot be kept */
	struct grid grid;    /* .changed and .copies: the last update */
	struct tileset damage;
	struct tile_state *tiles;
	u64 when_us;	/* of the picture */
	u32 capture_us; /* what taking and comparing it cost */
	bool ready;	/* there is a picture */
	char error[256];
};

__must_check int desktop_open(struct desktop *d, const struct capture_ops *ops,
			      const struct capture_conf *conf);
void desktop_close(struct desktop *d);

struct desktop_change {
	bool picture; /* grid.changed and grid.copies are new */
	bool cursor;
	bool moved;
	bool resized; /* another framebuffer: everything starts anew */
};

/* Lets the source run and takes a picture if there is something new. Negative: the source died. */
__must_check int desktop_update(struct desktop *d, struct desktop_change *change);

/* Does a tile's content look drawn (text, lines, flat areas) rather than rendered? */
bool desktop_tile_is_drawn(struct desktop *d, u32 tile);
/* Rough bytes that the tile takes exactly. */
u32 desktop_tile_cost(struct desktop *d, u32 tile);
