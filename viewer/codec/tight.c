#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/jpeg.h"
#include "viewer/codec/tight.h"

#define MIN_TO_COMPRESS 12u
#define MAX_COLOURS	96u
#define MAX_WIDTH	2048u
#define TIGHT_FILL	0x80
#define TIGHT_JPEG	0x90
#define FILTER_COPY	0
#define FILTER_PALETTE	1
#define FILTER_GRADIENT 2

enum { STREAM_FULL, STREAM_MONO, STREAM_INDEXED };

int tight_enc_init(struct tight_enc *e)
{
	memset(e, 0, sizeof(*e));
	for (int i = 0; i < 3; i++) {
		e->ready[i] = deflateInit(&e->z[i], 1) == Z_OK;
		if (!e->ready[i])
			return ERR_NOMEM;
	}
	return 0;
}

void tight_enc_free(struct tight_enc *e)
{
	for (int i = 0; i < 3; i++)
		if (e->ready[i])
			deflateEnd(&e->z[i]);
	wbuf_free(&e->raw);
	memset(e, 0, sizeof(*e));
}

/* A TPIXEL: three bytes red, green, blue where the format is 32 bits with 8 a colour. */
static bool tpixel(const struct pixel_format *f)
{
	return f->bpp == 32 && f->depth == 24 && f->max[0] == 255 && f->max[1] == 255 &&
	       f->max[2] == 255;
}

static void put_tpixels(struct wbuf *w, const struct pixel_format *f, const u32 *px, size_t n)
{
	if (!tpixel(f)) {
		u8 *d = wbuf_room(w, n * (f->bpp / 8));
		if (d)
			pixels_to_format(f, px, n, d);
		return;
	}
	u8 *d = wbuf_room(w, n * 3);
	for (size_t i = 0; d && i < n; i++, d += 3) {
		d[0] = (u8)(px[i] >> 16);
		d[1] = (u8)(px[i] >> 8);
		d[2] = (u8)px[i];
	}
}

static void put_length(struct wbuf *w, size_t n)
{
	if (n < 128) {
		put_u8(w, (u8)n);
	} else if (n < 16384) {
		put_u8(w, (u8)(n & 127) | 128);
		put_u8(w, (u8)(n >> 7));
	} else {
		put_u8(w, (u8)(n & 127) | 128);
		put_u8(w, (u8)(n >> 7 & 127) | 128);
		put_u8(w, (u8)(n >> 14));
	}
}

/* Bytes shorter than 12 go bare; the rest through one of the connection's zlib streams. */
static void put_packed(struct tight_enc *e, int stream, const u8 *p, size_t n, struct wbuf *out)
{
	if (n < MIN_TO_COMPRESS) {
		put_bytes(out, p, n);
		return;
	}
	z_stream *z = &e->z[stream];
	struct wbuf tmp = {0};
	size_t bound = deflateBound(z, n) + 64;
	u8 *d = wbuf_room(&tmp, bound);

	if (!d) {
		out->failed = true;
		return;
	}
	z->next_in = (Bytef *)p;
	z->avail_in = (uInt)n;
	z->next_out = d;
	z->avail_out = (uInt)bound;
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in) {
		out->failed = true;
	} else {
		put_length(out, bound - z->avail_out);
		put_bytes(out, d, bound - z->avail_out);
	}
	wbuf_free(&tmp);
}

struct colours {
	u32 px[MAX_COLOURS];
	u32 n; /* MAX_COLOURS + 1: more */
	u16 slot[512];
};

static u32 hash(u32 px)
{
	return (px * 2654435761u) >> 23;
}

static int colour_index(const struct colours *c, u32 px)
{
	u32 h = hash(px);

	while (c->slot[h]) {
		if (c->px[c->slot[h] - 1] == px)
			return c->slot[h] - 1;
		h = (h + 1) & 511;
	}
	return -1;
}

static void count_colours(struct colours *c, const struct image *img, struct rect r, u32 *soft)
{
	u32 before = UINT32_MAX;

	memset(c, 0, sizeof(*c));
	*soft = 0;
	for (u32 y = 0; y < r.h; y++) {
		const u32 *px = image_at(img, r.x, (u32)r.y + y);
		for (u32 x = 0; x < r.w; x++) {
			u32 p = px[x] & 0xffffff;

			if (p == before)
				continue;
			if (x) {
				s32 g = (s32)(p >> 8 & 255) - (s32)(before >> 8 & 255);
				*soft += g > -16 && g < 16;
			}
			before = p;
			if (c->n > MAX_COLOURS || colour_index(c, p) >= 0)
				continue;
			if (c->n == MAX_COLOURS) {
				c->n++;
				continue;
			}
			u32 h = hash(p);
			while (c->slot[h])
				h = (h + 1) & 511;
			c->px[c->n++] = p;
			c->slot[h] = (u16)c->n;
		}
	}
}

static const u8 jpeg_quality[10] = {15, 29, 41, 42, 62, 77, 79, 86, 92, 100};

static void put_indexed(struct tight_enc *e, const struct pixel_format *f, const struct image *img,
			struct rect r, const struct colours *c, struct wbuf *out)
{
	int stream = c->n == 2 ? STREAM_MONO : STREAM_INDEXED;

	put_u8(out, (u8)(stream << 4 | 0x40));
	put_u8(out, FILTER_PALETTE);
	put_u8(out, (u8)(c->n - 1));
	put_tpixels(out, f, c->px, c->n);
	e->raw.n = 0;
	for (u32 y = 0; y < r.h; y++) {
		const u32 *px = image_at(img, r.x, (u32)r.y + y);

		if (c->n == 2) {
			u8 *d = wbuf_room(&e->raw, ((size_t)r.w + 7) / 8);
			if (!d)
				break;
			memset(d, 0, ((size_t)r.w + 7) / 8);
			for (u32 x = 0; x < r.w; x++)
				if ((px[x] & 0xffffff) == c->px[1])
					d[x / 8] |= (u8)(0x80 >> x % 8);
		} else {
			u8 *d = wbuf_room(&e->raw, r.w);
			for (u32 x = 0; d && x < r.w; x++)
				d[x] = (u8)colour_index(c, px[x] & 0xffffff);
		}
	}
	put_packed(e, stream, e->raw.p, e->raw.n, out);
}

void tight_put(struct tight_enc *e, const struct pixel_format *f, const struct image *img,
	       struct rect r, int compress, int jpeg, struct wbuf *out)
{
	struct colours c;
	u32 soft;

	count_colours(&c, img, r, &soft);
	if (c.n == 1) {
		put_u8(out, TIGHT_FILL);
		put_tpixels(out, f, c.px, 1);
		return;
	}
	if (c.n <= MAX_COLOURS) {
		put_indexed(e, f, img, r, &c, out);
		return;
	}
	if (jpeg >= 0 && jpeg <= 9 && f->bpp >= 16 && r.w >= 8 && r.h >= 8) {
		struct wbuf body = {0};

		if (!jpeg_put(img, r, jpeg_quality[jpeg], jpeg < 6, &body)) {
			put_u8(out, TIGHT_JPEG);
			put_length(out, body.n);
			put_bytes(out, body.p, body.n);
			wbuf_free(&body);
			return;
		}
		wbuf_free(&body);
	}
	put_u8(out, STREAM_FULL << 4);
	e->raw.n = 0;
	for (u32 y = 0; y < r.h; y++)
		put_tpixels(&e->raw, f, image_at(img, r.x, (u32)r.y + y), r.w);
	if (e->raw.failed)
		out->failed = true;
	else
		put_packed(e, STREAM_FULL, e->raw.p, e->raw.n, out);
}

int tight_dec_init(struct tight_dec *d)
{
	memset(d, 0, sizeof(*d));
	for (int i = 0; i < 4; i++) {
		d->ready[i] = inflateInit(&d->z[i]) == Z_OK;
		if (!d->ready[i])
			return ERR_NOMEM;
	}
	return 0;
}

void tight_dec_free(struct tight_dec *d)
{
	for (int i = 0; i < 4; i++)
		if (d->ready[i])
			inflateEnd(&d->z[i]);
	wbuf_free(&d->raw);
	memset(d, 0, sizeof(*d));
}

static u32 get_length(struct rbuf *r)
{
	u8 a = get_u8(r);
	u32 n = a & 127u;

	if (a & 128) {
		u8 b = get_u8(r);
		n |= (b & 127u) << 7;
		if (b & 128)
			n |= (u32)get_u8(r) << 14;
	}
	return n;
}

static u32 get_tpixel(struct rbuf *r)
{
	const u8 *b = get_bytes(r, 3);

	return b ? (u32)b[0] << 16 | (u32)b[1] << 8 | b[2] : 0;
}

/* `want` bytes, bare or inflated, or NULL: *e is 0 (not all there) or an error. */
static const u8 *get_packed(struct tight_dec *d, struct rbuf *r, int stream, size_t want,
			    ssize_t *e)
{
	*e = 0;
	if (want < MIN_TO_COMPRESS)
		return get_bytes(r, want);
	u32 n = get_length(r);
	const u8 *p = get_bytes(r, n);
	if (!p)
		return NULL;
	d->raw.n = 0;
	u8 *out = wbuf_room(&d->raw, want);
	if (!out) {
		*e = ERR_NOMEM;
		return NULL;
	}
	z_stream *z = &d->z[stream];
	z->next_in = (Bytef *)p;
	z->avail_in = n;
	z->next_out = out;
	z->avail_out = (uInt)want;
	int got = inflate(z, Z_SYNC_FLUSH);
	if ((got != Z_OK && got != Z_BUF_ERROR && got != Z_STREAM_END) || z->avail_out ||
	    z->avail_in) {
		*e = ERR_CORRUPT;
		return NULL;
	}
	return out;
}

static void paint_copy(const u8 *s, struct image *img, struct rect r)
{
	for (u32 y = 0; y < r.h; y++) {
		u32 *px = image_at(img, r.x, (u32)r.y + y);
		for (u32 x = 0; x < r.w; x++, s += 3)
			px[x] = (u32)s[0] << 16 | (u32)s[1] << 8 | s[2];
	}
}

static void paint_gradient(const u8 *s, struct image *img, struct rect r)
{
	for (u32 y = 0; y < r.h; y++) {
		u32 *px = image_at(img, r.x, (u32)r.y + y);
		const u32 *up = y ? image_at(img, r.x, (u32)r.y + y - 1) : NULL;

		for (u32 x = 0; x < r.w; x++, s += 3) {
			u32 v = 0;
			for (int c = 0; c < 3; c++) {
				int sh = 16 - 8 * c;
				s32 a = x ? (s32)(px[x - 1] >> sh & 255) : 0;
				s32 b = up ? (s32)(up[x] >> sh & 255) : 0;
				s32 ab = up && x ? (s32)(up[x - 1] >> sh & 255) : 0;
				s32 guess = a + b - ab;
				guess = guess < 0 ? 0 : guess > 255 ? 255 : guess;
				v |= (u32)(u8)(guess + s[c]) << sh;
			}
			px[x] = v;
		}
	}
}

static int paint_indexed(const u8 *s, const u32 *pal, u32 colours, struct image *img, struct rect r)
{
	for (u32 y = 0; y < r.h; y++) {
		u32 *px = image_at(img, r.x, (u32)r.y + y);

		for (u32 x = 0; x < r.w; x++) {
			u32 k = colours == 2 ? s[x / 8] >> (7 - x % 8) & 1u : s[x];
			if (k >= colours)
				return ERR_CORRUPT;
			px[x] = pal[k];
		}
		s += colours == 2 ? ((size_t)r.w + 7) / 8 : r.w;
	}
	return 0;
}

ssize_t tight_get(struct tight_dec *d, const u8 *p, size_t n, struct image *img, struct rect r)
{
	struct rbuf in = rbuf_of(p, n);
	u8 control = get_u8(&in);
	u32 pal[256], colours = 0;
	u8 filter = FILTER_COPY;
	ssize_t e;

	if (in.starved)
		return 0;
	if (r.w > MAX_WIDTH && control >> 4 != 8)
		return ERR_RANGE;
	if (control >> 4 == 8) {
		u32 c = get_tpixel(&in);
		if (in.starved)
			return 0;
		image_fill(img, r, c);
	} else if (control >> 4 == 9) {
		u32 len = get_length(&in);
		const u8 *j = get_bytes(&in, len);
		if (!j)
			return 0;
		if (jpeg_get(j, len, img, r))
			return ERR_CORRUPT;
	} else if (control & 0x80) {
		return ERR_CORRUPT;
	} else {
		if (control & 0x40)
			filter = get_u8(&in);
		if (filter == FILTER_PALETTE) {
			colours = get_u8(&in) + 1u;
			for (u32 i = 0; i < colours; i++)
				pal[i] = get_tpixel(&in);
		}
		if (in.starved)
			return 0;
		if (filter > FILTER_GRADIENT || colours == 1)
			return ERR_CORRUPT;
		size_t want = filter == FILTER_PALETTE
				  ? (size_t)r.h * (colours == 2 ? ((size_t)r.w + 7) / 8 : r.w)
				  : (size_t)r.w * r.h * 3;
		/* The reset bits act once the whole body is there: this may run again for it. */
		struct rbuf peek = in;
		if (want >= MIN_TO_COMPRESS) {
			u32 len = get_length(&peek);
			if (!get_bytes(&peek, len))
				return 0;
		} else if (!get_bytes(&peek, want) && want) {
			return 0;
		}
		for (int i = 0; i < 4; i++)
			if (control >> i & 1)
				inflateReset(&d->z[i]);
		const u8 *s = get_packed(d, &in, control >> 4 & 3, want, &e);
		if (!s)
			return e;
		if (filter == FILTER_PALETTE) {
			if (paint_indexed(s, pal, colours, img, r))
				return ERR_CORRUPT;
		} else if (filter == FILTER_GRADIENT) {
			paint_gradient(s, img, r);
		} else {
			paint_copy(s, img, r);
		}
		return (ssize_t)in.at;
	}
	for (int i = 0; i < 4; i++)
		if (control >> i & 1)
			inflateReset(&d->z[i]);
	return (ssize_t)in.at;
}
