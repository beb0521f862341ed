#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/zrle.h"

#define TILE	 64u
#define MAX_BODY (64u << 20)

int zrle_enc_init(struct zrle_enc *e)
{
	memset(e, 0, sizeof(*e));
	e->ready = deflateInit(&e->z, 1) == Z_OK;
	return e->ready ? 0 : ERR_NOMEM;
}

void zrle_enc_free(struct zrle_enc *e)
{
	if (e->ready)
		deflateEnd(&e->z);
	wbuf_free(&e->raw);
	e->ready = false;
}

/* A "compressed pixel" drops the unused byte of 32-bit formats with 24 used bits. */
static u32 cpixel_bytes(const struct pixel_format *f, bool *high)
{
	u32 used = 0;

	for (int i = 0; i < 3; i++)
		used |= (u32)f->max[i] << f->shift[i];
	*high = false;
	if (f->bpp != 32 || f->depth > 24)
		return f->bpp / 8;
	if (!(used & 0xff000000))
		return 3;
	if (!(used & 0xff)) {
		*high = true;
		return 3;
	}
	return 4;
}

static void put_cpixel(struct wbuf *w, const struct pixel_format *f, u32 bytes, bool high, u32 px)
{
	u8 b[4];

	pixels_to_format(f, &px, 1, b);
	if (bytes == 3 && f->bpp == 32) {
		bool skip_first = f->big_endian != high; /* where the unused byte lies */
		put_bytes(w, b + (skip_first ? 1 : 0), 3);
	} else {
		put_bytes(w, b, bytes);
	}
}

struct palette {
	u32 px[127];
	u32 n; /* 128: more than fit */
};

static int palette_find(const struct palette *p, u32 px)
{
	for (u32 i = 0; i < p->n; i++)
		if (p->px[i] == px)
			return (int)i;
	return -1;
}

static void put_run(struct wbuf *w, u32 run)
{
	run--;
	while (run >= 255) {
		put_u8(w, 255);
		run -= 255;
	}
	put_u8(w, (u8)run);
}

static void put_tile(struct wbuf *w, const struct pixel_format *f, const struct image *img, u32 x0,
		     u32 y0, u32 tw, u32 th)
{
	static __thread u32 px[TILE * TILE];
	struct palette pal = {.n = 0};
	u32 count = tw * th, runs = 1, singles = 0, run = 0;
	bool high;
	u32 bytes = cpixel_bytes(f, &high);

	for (u32 y = 0; y < th; y++)
		for (u32 x = 0; x < tw; x++)
			px[y * tw + x] = *image_at(img, x0 + x, y0 + y) & 0xffffff;
	for (u32 i = 0; i < count; i++) {
		if (i && px[i] == px[i - 1]) {
			run++;
			continue;
		}
		runs += i != 0;
		singles += i && run == 1;
		run = 1;
		if (pal.n < 128 && palette_find(&pal, px[i]) < 0) {
			if (pal.n < 127)
				pal.px[pal.n] = px[i];
			pal.n++;
			if (pal.n == 128)
				continue;
		}
	}
	if (pal.n == 1) {
		put_u8(w, 1);
		put_cpixel(w, f, bytes, high, pal.px[0]);
		return;
	}
	u32 bits = pal.n <= 2 ? 1 : pal.n <= 4 ? 2 : 4;
	u32 raw = count * bytes,
	    packed = pal.n <= 16 ? pal.n * bytes + th * ((tw * bits + 7) / 8) : UINT32_MAX;
	u32 prle = pal.n < 128 ? pal.n * bytes + runs * 2 - singles : UINT32_MAX;

	if (packed <= raw && packed <= prle) {
		put_u8(w, (u8)pal.n);
		for (u32 i = 0; i < pal.n; i++)
			put_cpixel(w, f, bytes, high, pal.px[i]);
		for (u32 y = 0; y < th; y++) {
			u32 acc = 0, have = 0;
			for (u32 x = 0; x < tw; x++) {
				acc = acc << bits | (u32)palette_find(&pal, px[y * tw + x]);
				have += bits;
				if (have == 8) {
					put_u8(w, (u8)acc);
					acc = have = 0;
				}
			}
			if (have)
				put_u8(w, (u8)(acc << (8 - have)));
		}
		return;
	}
	if (prle < raw) {
		put_u8(w, (u8)(128 + pal.n));
		for (u32 i = 0; i < pal.n; i++)
			put_cpixel(w, f, bytes, high, pal.px[i]);
		for (u32 i = 0; i < count;) {
			u32 e = i + 1;
			while (e < count && px[e] == px[i])
				e++;
			int k = palette_find(&pal, px[i]);
			if (e - i == 1) {
				put_u8(w, (u8)k);
			} else {
				put_u8(w, (u8)(k | 128));
				put_run(w, e - i);
			}
			i = e;
		}
		return;
	}
	put_u8(w, 0);
	for (u32 i = 0; i < count; i++)
		put_cpixel(w, f, bytes, high, px[i]);
}

void zrle_put(struct zrle_enc *e, const struct pixel_format *f, const struct image *img,
	      struct rect r, struct wbuf *out)
{
	e->raw.n = 0;
	for (u32 y = 0; y < r.h; y += TILE)
		for (u32 x = 0; x < r.w; x += TILE)
			put_tile(&e->raw, f, img, r.x + x, r.y + y, r.w - x < TILE ? r.w - x : TILE,
				 r.h - y < TILE ? r.h - y : TILE);
	size_t len_at = out->n;
	put_u32(out, 0);
	size_t bound = deflateBound(&e->z, e->raw.n) + 64, at = out->n;
	u8 *d = wbuf_room(out, bound);
	if (!d || e->raw.failed) {
		out->failed = true;
		return;
	}
	e->z.next_in = e->raw.p;
	e->z.avail_in = (uInt)e->raw.n;
	e->z.next_out = d;
	e->z.avail_out = (uInt)bound;
	if (deflate(&e->z, Z_SYNC_FLUSH) != Z_OK || e->z.avail_in) {
		out->failed = true;
		return;
	}
	out->n = at + bound - e->z.avail_out;
	set_u32(out, len_at, (u32)(out->n - at));
}

int zrle_dec_init(struct zrle_dec *d)
{
	memset(d, 0, sizeof(*d));
	d->ready = inflateInit(&d->z) == Z_OK;
	d->raw.limit = MAX_BODY * 3;
	return d->ready ? 0 : ERR_NOMEM;
}

void zrle_dec_free(struct zrle_dec *d)
{
	if (d->ready)
		inflateEnd(&d->z);
	wbuf_free(&d->raw);
	d->ready = false;
}

static u32 get_cpixel(struct rbuf *r)
{
	const u8 *b = get_bytes(r, 3);

	return b ? (u32)b[2] << 16 | (u32)b[1] << 8 | b[0] : 0;
}

static u32 get_run(struct rbuf *r)
{
	u32 n = 1;
	u8 b;

	do {
		b = get_u8(r);
		n += b;
	} while (b == 255 && n < TILE * TILE);
	return n;
}

static int get_tile(struct rbuf *r, struct image *img, u32 x0, u32 y0, u32 tw, u32 th)
{
	static __thread u32 px[TILE * TILE];
	u32 pal[128], count = tw * th;
	u8 sub = get_u8(r);

	if (sub == 0) {
		for (u32 i = 0; i < count; i++)
			px[i] = get_cpixel(r);
	} else if (sub == 1) {
		u32 c = get_cpixel(r);
		for (u32 i = 0; i < count; i++)
			px[i] = c;
	} else if (sub <= 16) {
		u32 bits = sub == 2 ? 1 : sub <= 4 ? 2 : 4;
		for (u32 i = 0; i < sub; i++)
			pal[i] = get_cpixel(r);
		for (u32 y = 0; y < th; y++) {
			u32 acc = 0, have = 0;
			for (u32 x = 0; x < tw; x++) {
				if (!have) {
					acc = get_u8(r);
					have = 8;
				}
				have -= bits;
				u32 k = acc >> have & ((1u << bits) - 1);
				if (k >= sub)
					return ERR_CORRUPT;
				px[y * tw + x] = pal[k];
			}
		}
	} else if (sub == 128) {
		for (u32 i = 0; i < count;) {
			u32 c = get_cpixel(r), n = get_run(r);
			if (r->starved || n > count - i)
				return ERR_CORRUPT;
			while (n--)
				px[i++] = c;
		}
	} else if (sub >= 130) {
		u32 size = sub - 128u;
		for (u32 i = 0; i < size; i++)
			pal[i] = get_cpixel(r);
		for (u32 i = 0; i < count;) {
			u8 k = get_u8(r);
			u32 n = k & 128 ? get_run(r) : 1;
			if (r->starved || (k & 127u) >= size || n > count - i)
				return ERR_CORRUPT;
			while (n--)
				px[i++] = pal[k & 127];
		}
	} else {
		return ERR_CORRUPT;
	}
	if (r->starved)
		return ERR_CORRUPT;
	for (u32 y = 0; y < th; y++)
		memcpy(image_at(img, x0, y0 + y), px + (size_t)y * tw, (size_t)tw * 4);
	return 0;
}

ssize_t zrle_get(struct zrle_dec *d, const u8 *p, size_t n, struct image *img, struct rect r)
{
	struct rbuf in = rbuf_of(p, n);
	u32 len = get_u32(&in);

	if (in.starved)
		return 0;
	if (len > MAX_BODY)
		return ERR_RANGE;
	const u8 *z = get_bytes(&in, len);
	if (!z)
		return 0;
	/* No tile takes more than its raw form and a palette. */
	size_t tiles = ((size_t)r.w + TILE - 1) / TILE * (((size_t)r.h + TILE - 1) / TILE);
	size_t most = (size_t)r.w * r.h * 5 + tiles * 512 + 64;
	d->raw.n = 0;
	u8 *out = wbuf_room(&d->raw, most);
	if (!out)
		return ERR_NOMEM;
	d->z.next_in = (Bytef *)z;
	d->z.avail_in = len;
	d->z.next_out = out;
	d->z.avail_out = (uInt)most;
	int e = inflate(&d->z, Z_SYNC_FLUSH);
	if ((e != Z_OK && e != Z_BUF_ERROR) || d->z.avail_in)
		return ERR_CORRUPT;
	struct rbuf t = rbuf_of(out, most - d->z.avail_out);
	for (u32 y = 0; y < r.h; y += TILE)
		for (u32 x = 0; x < r.w; x += TILE) {
			int bad =
			    get_tile(&t, img, r.x + x, r.y + y, r.w - x < TILE ? r.w - x : TILE,
				     r.h - y < TILE ? r.h - y : TILE);
			if (bad)
				return bad;
		}
	return (ssize_t)in.at;
}
