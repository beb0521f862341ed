/*
 * Exact tiles: the DSP_TILES payload.
 *
 *   u8 flags, u8 0, u16 runs, runs x { u32 first tile, u16 tiles, u16 0 }, then one piece of Zstandard.
 *
 * Unpacked: the tiles one after the other, each row by row, three bytes a pixel (blue, green, red).
 * EXACT_LEFT: each byte triple is (G', B'-G', R'-G') where ' is the difference to the pixel on its left
 * (black before the first), all modulo 256: shaded pictures pack a sixth smaller so.
 * EXACT_STREAM: the piece continues the connection's Zstandard stream, whose window (4 MiB) lets
 * text refer to text sent before; EXACT_RESET starts that stream anew. Otherwise the piece is a
 * whole frame by itself.
 */
#pragma once

#include <zstd.h>

#include "viewer/codec/image.h"
#include "viewer/codec/tiles.h"

enum {
	EXACT_LEFT = 1 << 0,
	EXACT_STREAM = 1 << 1,
	EXACT_RESET = 1 << 2,
};

#define EXACT_WINDOW_LOG 22
#define EXACT_MAX_TILES	 1024u /* a message; more go into several */

enum exact_way {
	EXACT_DRAWN,	/* text and lines: a piece of the stream */
	EXACT_SHADED,	/* rendered pictures: a frame of its own, filtered */
	EXACT_SMALLEST, /* the same for thrice the work: filtered or not, whatever is less */
};

struct exact_enc {
	ZSTD_CCtx *stream, *single, *thorough;
	u8 *raw;
	bool fresh; /* the stream starts with the next piece */
};

struct exact_dec {
	ZSTD_DCtx *stream, *single;
	u8 *raw;
};

__must_check int exact_enc_init(struct exact_enc *e);
void exact_enc_free(struct exact_enc *e);
/*
 * Appends one payload with the pixels of up to EXACT_MAX_TILES tiles of `set`, beginning at tile
 * *next; *next is moved past them (cols*rows: all done).
 */
__must_check int exact_pack(struct exact_enc *e, const struct image *img, const struct tileset *set,
			    u32 *next, u32 max_tiles, enum exact_way way, struct wbuf *out);

__must_check int exact_dec_init(struct exact_dec *d);
void exact_dec_free(struct exact_dec *d);
/* Paints a payload; adds the tiles to `painted` (same grid). ERR_CORRUPT: the peer sent junk. */
__must_check int exact_unpack(struct exact_dec *d, const u8 *p, size_t n, struct image *img,
			      struct tileset *painted);
