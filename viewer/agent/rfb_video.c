#include "core/base/err.h"
#include "viewer/agent/rfb_video.h"

#define LEAST_TILES 24u /* fewer are cheap without video */
#define LEAST_BYTES (32u << 10)
#define KEEP_US	    1000000u /* a rectangle outlives its last picture by this */
#define FAILURES    3u

enum { RESET_ALL = 2 }; /* "The RFB Protocol", Open H.264 Encoding, flags */

int rfb_video_init(struct rfb_video *v, const struct desktop *d, const struct video_enc_ops *ops,
		   int event)
{
	u32 w = d->heads.width, h = d->heads.height;

	*v = (struct rfb_video){0};
	/* One thread, so one slice a picture: browsers take each slice for a picture. */
	if (tileset_alloc(&v->moving, w, h) || tileset_alloc(&v->inside, w, h) ||
	    coder_init(&v->coder, ops, 1, 0, event)) {
		rfb_video_free(v);
		return ERR_NOMEM;
	}
	/* BT.601 in video range: what those take it for that do not look at what the stream says. */
	v->coder.colour = YUV_601;
	v->coder.instead = ops == &video_soft ? NULL : &video_soft;
	v->open = v->reset = true;
	return 0;
}

void rfb_video_free(struct rfb_video *v)
{
	coder_close(&v->coder);
	tileset_free(&v->moving);
	tileset_free(&v->inside);
	*v = (struct rfb_video){0};
}

static bool contains(struct rect a, struct rect b)
{
	return b.x >= a.x && b.y >= a.y && b.x + b.w <= a.x + a.w && b.y + b.h <= a.y + a.h;
}

/* The smallest rectangle around the tiles of t, cut to even sides. */
static struct rect around(const struct tileset *t, const struct image *img)
{
	u32 x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;

	tileset_for(t, i)
	{
		struct rect r = tile_rect(t->cols, i, img->w, img->h);

		x0 = r.x < x0 ? r.x : x0;
		y0 = r.y < y0 ? r.y : y0;
		x1 = (u32)r.x + r.w > x1 ? (u32)r.x + r.w : x1;
		y1 = (u32)r.y + r.h > y1 ? (u32)r.y + r.h : y1;
	}
	if (x0 == UINT32_MAX)
		return (struct rect){0};
	return (struct rect){(u16)x0, (u16)y0, (u16)((x1 - x0) & ~1u), (u16)((y1 - y0) & ~1u)};
}

/* Rendered tiles that move, if they are worth it and lie close: v->moving and v->r. */
static bool choose(struct rfb_video *v, struct desktop *d, const struct tileset *dirty)
{
	u32 bytes = 0, n = 0, tiles = 0;

	tileset_clear(&v->moving);
	tileset_for(dirty, i)
	{
		if (d->tiles[i].heat < HOT || desktop_tile_is_drawn(d, i))
			continue;
		tileset_add(&v->moving, i);
		bytes += desktop_tile_cost(d, i);
		n++;
	}
	if (n < LEAST_TILES || bytes < LEAST_BYTES)
		return false;
	struct rect need = around(&v->moving, &d->img);
	bool keep = d->when_us - v->when_us < KEEP_US && contains(v->r, need) &&
		    (u32)v->r.w * v->r.h <= (u32)need.w * need.h * 3 / 2;
	if (!keep)
		v->r = need;
	tileset_clear(&v->inside);
	tileset_add_rect(&v->inside, v->r);
	tileset_for(&v->inside, i)
	{
		/* At an odd edge the last line is none of the video's. */
		if (!contains(v->r, tile_rect(v->inside.cols, i, d->img.w, d->img.h)))
			tileset_del(&v->moving, i);
		tiles++;
	}
	return tileset_count(&v->moving) * 2 >= tiles;
}

bool rfb_video_start(struct rfb_video *v, struct desktop *d, struct tileset *dirty,
		     const struct link *l)
{
	if (!v->open || v->failures >= FAILURES || !choose(v, d, dirty))
		return false;
	if (coder_start(&v->coder, &d->img, v->r, NULL, v->reset, l->kbps)) {
		v->failures++;
		return false;
	}
	v->when_us = d->when_us;
	v->coding = true;
	tileset_and_not(dirty, &v->moving);
	return true;
}

bool rfb_video_coded(struct rfb_video *v)
{
	if (!v->coding || !coder_finished(&v->coder))
		return false;
	v->coding = false;
	if (v->coder.result || !v->coder.out.n) {
		v->failures++;
		v->reset = true;
		v->coder.out.n = 0;
		v->coder.ops->close(v->coder.enc);
		v->coder.enc = NULL;
	} else {
		v->failures = 0;
	}
	return true;
}

void rfb_video_put(struct rfb_video *v, struct wbuf *w)
{
	bool same = v->known.x == v->r.x && v->known.y == v->r.y && v->known.w == v->r.w &&
		    v->known.h == v->r.h;

	rfb_put_rect(w, v->r, ENC_OPEN_H264);
	put_u32(w, (u32)v->coder.out.n);
	put_u32(w, !same || v->coder.is_key ? RESET_ALL : 0); /* one context is all we use */
	put_bytes(w, v->coder.out.p, v->coder.out.n);
	v->known = v->r;
	v->reset = false;
}
