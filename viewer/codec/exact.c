#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/exact.h"

#define TILE_BYTES (TILE_W * TILE_H * 3u)

int exact_enc_init(struct exact_enc *e)
{
	*e = (struct exact_enc){.stream = ZSTD_createCCtx(),
				.single = ZSTD_createCCtx(),
				.thorough = ZSTD_createCCtx(),
				.raw = malloc(EXACT_MAX_TILES * TILE_BYTES),
				.fresh = true};
	if (!e->stream || !e->single || !e->thorough || !e->raw ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(e->stream, ZSTD_c_windowLog, EXACT_WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(e->stream, ZSTD_c_compressionLevel, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(e->single, ZSTD_c_compressionLevel, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(e->thorough, ZSTD_c_compressionLevel, 3))) {
		exact_enc_free(e);
		return ERR_NOMEM;
	}
	return 0;
}

void exact_enc_free(struct exact_enc *e)
{
	ZSTD_freeCCtx(e->stream);
	ZSTD_freeCCtx(e->single);
	ZSTD_freeCCtx(e->thorough);
	free(e->raw);
	*e = (struct exact_enc){0};
}

static u8 *pack_row(const u32 *px, u32 w, u8 *d)
{
	for (u32 x = 0; x < w; x++, d += 3) {
		u32 p = px[x];

		d[0] = (u8)p;
		d[1] = (u8)(p >> 8);
		d[2] = (u8)(p >> 16);
	}
	return d;
}

static u8 *pack_row_left(const u32 *px, u32 w, u8 *d)
{
	u32 before = 0;

	for (u32 x = 0; x < w; x++, d += 3) {
		u32 p = px[x];
		u8 b = (u8)(p - before), g = (u8)((p >> 8) - (before >> 8)),
		   r = (u8)((p >> 16) - (before >> 16));

		d[0] = g;
		d[1] = (u8)(b - g);
		d[2] = (u8)(r - g);
		before = p;
	}
	return d;
}

static const u8 *unpack_row(const u8 *s, u32 w, u32 *px)
{
	for (u32 x = 0; x < w; x++, s += 3)
		px[x] = (u32)s[2] << 16 | (u32)s[1] << 8 | s[0];
	return s;
}

static const u8 *unpack_row_left(const u8 *s, u32 w, u32 *px)
{
	u8 b = 0, g = 0, r = 0;

	for (u32 x = 0; x < w; x++, s += 3) {
		g = (u8)(g + s[0]);
		b = (u8)(b + s[1] + s[0]);
		r = (u8)(r + s[2] + s[0]);
		px[x] = (u32)r << 16 | (u32)g << 8 | b;
	}
	return s;
}

/* The list of tiles from `from` on, `most` of them at most; the first one behind them. */
static u32 put_runs(const struct tileset *set, u32 from, u32 most, struct wbuf *out)
{
	u32 total = set->cols * set->rows, last = UINT32_MAX, i = tileset_next(set, from);
	size_t head = out->n, run = 0;
	u16 runs = 0, len = 0;

	put_u16(out, 0);
	for (; i < total && most; i = tileset_next(set, i + 1), most--) {
		if (last == UINT32_MAX || i != last + 1) {
			run = out->n;
			put_u32(out, i);
			put_u32(out, 0);
			runs++;
			len = 0;
		}
		set_u16(out, run + 4, ++len);
		last = i;
	}
	set_u16(out, head, runs);
	return i;
}

/* The pixels of the tiles from `from` to before `to`, in e->raw; their bytes. */
static size_t gather(struct exact_enc *e, const struct image *img, const struct tileset *set,
		     u32 from, u32 to, bool left)
{
	u8 *d = e->raw;

	for (u32 i = tileset_next(set, from); i < to; i = tileset_next(set, i + 1)) {
		struct rect r = tile_rect(set->cols, i, img->w, img->h);

		for (u32 y = 0; y < r.h; y++) {
			const u32 *px = image_at(img, r.x, (u32)r.y + y);
			d = left ? pack_row_left(px, r.w, d) : pack_row(px, r.w, d);
		}
	}
	return (size_t)(d - e->raw);
}

/* The n bytes of e->raw as a frame; its bytes, 0: no memory. */
static size_t put_frame(ZSTD_CCtx *context, const struct exact_enc *e, size_t n, struct wbuf *out)
{
	size_t bound = ZSTD_compressBound(n), at = out->n;
	u8 *z = wbuf_room(out, bound);
	size_t got = z ? ZSTD_compress2(context, z, bound, e->raw, n) : 0;

	if (ZSTD_isError(got))
		return 0;
	out->n = at + got;
	return got;
}

static int put_stream(struct exact_enc *e, size_t n, struct wbuf *out)
{
	size_t bound = ZSTD_compressBound(n) + 64, at = out->n;
	u8 *z = wbuf_room(out, bound);

	if (!z)
		return ERR_NOMEM;
	ZSTD_inBuffer in = {e->raw, n, 0};
	ZSTD_outBuffer to = {z, bound, 0};
	size_t left = ZSTD_compressStream2(e->stream, &to, &in, ZSTD_e_flush);
	if (ZSTD_isError(left) || left) {
		e->fresh = true;
		return ERR_NOMEM;
	}
	out->n = at + to.pos;
	return 0;
}

int exact_pack(struct exact_enc *e, const struct image *img, const struct tileset *set, u32 *next,
	       u32 max_tiles, enum exact_way way, struct wbuf *out)
{
	size_t head = out->n, at, first, second;
	u32 from = *next;
	u8 flags = way == EXACT_DRAWN ? EXACT_STREAM : EXACT_LEFT;

	if (!max_tiles || max_tiles > EXACT_MAX_TILES)
		max_tiles = EXACT_MAX_TILES;
	if (way == EXACT_DRAWN && e->fresh) {
		if (ZSTD_isError(ZSTD_CCtx_reset(e->stream, ZSTD_reset_session_only)))
			return ERR_INVAL;
		flags |= EXACT_RESET;
		e->fresh = false;
	}
	put_u8(out, flags);
	put_u8(out, 0);
	*next = put_runs(set, from, max_tiles, out);
	if (way == EXACT_DRAWN)
		return put_stream(e, gather(e, img, set, from, *next, false), out);

	at = out->n;
	first = put_frame(e->single, e, gather(e, img, set, from, *next, true), out);
	if (!first || way == EXACT_SHADED)
		return first ? 0 : ERR_NOMEM;
	second = put_frame(e->thorough, e, gather(e, img, set, from, *next, false), out);
	if (!second)
		return ERR_NOMEM;
	if (second < first) {
		memmove(out->p + at, out->p + at + first, second);
		out->p[head] = 0;
	}
	out->n = at + (second < first ? second : first);
	return 0;
}

int exact_dec_init(struct exact_dec *d)
{
	*d = (struct exact_dec){.stream = ZSTD_createDCtx(),
				.single = ZSTD_createDCtx(),
				.raw = malloc(EXACT_MAX_TILES * TILE_BYTES)};
	if (!d->stream || !d->single || !d->raw ||
	    ZSTD_isError(
		ZSTD_DCtx_setParameter(d->stream, ZSTD_d_windowLogMax, EXACT_WINDOW_LOG))) {
		exact_dec_free(d);
		return ERR_NOMEM;
	}
	return 0;
}

void exact_dec_free(struct exact_dec *d)
{
	ZSTD_freeDCtx(d->stream);
	ZSTD_freeDCtx(d->single);
	free(d->raw);
	*d = (struct exact_dec){0};
}

/* The bytes that the runs promise, or 0 if they break a bound. */
static size_t promised(struct rbuf r, u16 runs, const struct tileset *grid, const struct image *img)
{
	size_t bytes = 0, tiles = 0;

	for (u16 i = 0; i < runs; i++) {
		u32 first = get_u32(&r);
		u16 n = get_u16(&r);

		get_u16(&r);
		tiles += n;
		if (r.starved || !n || tiles > EXACT_MAX_TILES ||
		    (u64)first + n > (u64)grid->cols * grid->rows)
			return 0;
		for (u32 t = first; t < first + n; t++) {
			struct rect a = tile_rect(grid->cols, t, img->w, img->h);
			bytes += (size_t)a.w * a.h * 3;
		}
	}
	return bytes;
}

static int inflate_stream(struct exact_dec *d, const u8 *p, size_t n, size_t want)
{
	ZSTD_inBuffer in = {p, n, 0};
	ZSTD_outBuffer out = {d->raw, want, 0};

	while (in.pos < in.size || out.pos < out.size) {
		size_t i = in.pos, o = out.pos;
		size_t e = ZSTD_decompressStream(d->stream, &out, &in);

		if (ZSTD_isError(e))
			return ERR_CORRUPT;
		if (in.pos == i && out.pos == o)
			return ERR_CORRUPT; /* more pixels than promised, or fewer */
	}
	return 0;
}

int exact_unpack(struct exact_dec *d, const u8 *p, size_t n, struct image *img,
		 struct tileset *painted)
{
	struct rbuf r = rbuf_of(p, n);
	u8 flags = get_u8(&r);

	get_u8(&r);
	u16 runs = get_u16(&r);
	const u8 *list = get_bytes(&r, (size_t)runs * 8);
	if (!list || !runs)
		return ERR_CORRUPT;
	struct rbuf l = rbuf_of(list, (size_t)runs * 8);
	size_t want = promised(l, runs, painted, img), left = rbuf_left(&r);
	const u8 *z = get_bytes(&r, left);
	if (!want || !z)
		return ERR_RANGE;
	if (flags & EXACT_STREAM) {
		if (flags & EXACT_RESET)
			ZSTD_DCtx_reset(d->stream, ZSTD_reset_session_only);
		int e = inflate_stream(d, z, left, want);
		if (e)
			return e;
	} else {
		size_t got = ZSTD_decompressDCtx(d->single, d->raw, want, z, left);
		if (ZSTD_isError(got) || got != want)
			return ERR_CORRUPT;
	}
	const u8 *s = d->raw;
	for (u16 i = 0; i < runs; i++) {
		u32 first = get_u32(&l);
		u16 count = get_u16(&l);

		get_u16(&l);
		for (u32 t = first; t < first + count; t++) {
			struct rect a = tile_rect(painted->cols, t, img->w, img->h);

			for (u32 y = 0; y < a.h; y++) {
				u32 *px = image_at(img, a.x, (u32)a.y + y);
				s = flags & EXACT_LEFT ? unpack_row_left(s, a.w, px)
						       : unpack_row(s, a.w, px);
			}
			tileset_add(painted, t);
		}
	}
	return 0;
}
