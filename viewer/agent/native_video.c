/* Pictures by video for one native viewer: which tiles, which rectangle, what becomes of them. */
#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/native_video.h"

#define VIDEO_KEEP_US 1000000u	  /* a video rectangle outlives its last picture by this */
#define NO_VIDEO_US   2000000u	  /* after a picture that could not be coded */
#define EXACT_AT_ONCE (48u << 10) /* rendered content up to this many bytes goes exactly */

/* Smallest rectangle on the tile grid around the tiles of t inside a head. */
static bool bounds(const struct tileset *t, struct rect head, const struct image *img,
		   struct rect *out)
{
	u32 x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;
	u32 hx0 = head.x / TILE_W, hx1 = ((u32)head.x + head.w - 1) / TILE_W;
	u32 hy0 = head.y / TILE_H, hy1 = ((u32)head.y + head.h - 1) / TILE_H;

	tileset_for(t, i)
	{
		u32 x = i % t->cols, y = i / t->cols;

		if (x < hx0 || x > hx1 || y < hy0 || y > hy1)
			continue;
		x0 = x < x0 ? x : x0;
		x1 = x > x1 ? x : x1;
		y0 = y < y0 ? y : y0;
		y1 = y > y1 ? y : y1;
	}
	if (x0 == UINT32_MAX)
		return false;
	x1 = (x1 + 1) * TILE_W < img->w ? (x1 + 1) * TILE_W : img->w;
	y1 = (y1 + 1) * TILE_H < img->h ? (y1 + 1) * TILE_H : img->h;
	*out = (struct rect){(u16)(x0 * TILE_W), (u16)(y0 * TILE_H), (u16)(x1 - x0 * TILE_W),
			     (u16)(y1 - y0 * TILE_H)};
	return true;
}

static bool contains(struct rect a, struct rect b)
{
	return b.x >= a.x && b.y >= a.y && b.x + b.w <= a.x + a.w && b.y + b.h <= a.y + a.h;
}

static struct rect join(struct rect a, struct rect b)
{
	u32 x0 = a.x < b.x ? a.x : b.x, y0 = a.y < b.y ? a.y : b.y;
	u32 x1 = a.x + a.w > b.x + b.w ? (u32)a.x + a.w : (u32)b.x + b.w;
	u32 y1 = a.y + a.h > b.y + b.h ? (u32)a.y + a.h : (u32)b.y + b.h;

	return (struct rect){(u16)x0, (u16)y0, (u16)(x1 - x0), (u16)(y1 - y0)};
}

bool native_video_choose(struct native_out *o, struct desktop *d, u64 now, const struct link *l)
{
	bool running = now - o->video_us < VIDEO_KEEP_US / 2;
	u32 cost = 0, hot = 0, count = 0;
	u32 budget = EXACT_AT_ONCE;

	if (l->kbps && l->kbps * 2 < budget) /* 16 ms of the link */
		budget = l->kbps * 2;
	tileset_clear(&o->moving);
	tileset_for(&o->dirty, i)
	{
		if (desktop_tile_is_drawn(d, i))
			continue;
		tileset_add(&o->moving, i);
		cost += desktop_tile_cost(d, i);
		hot += d->tiles[i].heat >= HOT;
		count++;
	}
	if (now < o->no_video_us)
		return false;
	if (!count || !(cost > budget || (running && hot * 2 > count && count >= 4)))
		return false;
	/* Drawn tiles that keep changing among the rendered ones are part of the scene. */
	for (u8 h = 0; h < o->nheads; h++) {
		struct rect r;

		if (!bounds(&o->moving, d->heads.list[h], &d->img, &r))
			continue;
		tileset_for(&o->dirty, i)
		{
			struct rect t = tile_rect(o->dirty.cols, i, d->img.w, d->img.h);

			if (contains(r, t) &&
			    (d->tiles[i].heat >= HOT || tileset_has(&o->inexact, i)))
				tileset_add(&o->moving, i);
		}
	}
	return true;
}

static u32 picture_kbps(const struct native_out *o, const struct link *l)
{
	/* The encoder counts 30 pictures a second; give each its share of the real rhythm. */
	u64 us = o->interval_us < 10000 ? 10000 : o->interval_us > 100000 ? 100000 : o->interval_us;

	return l->kbps ? (u32)(l->kbps * us / 33333) : 0;
}

static u32 mask_size(struct rect r)
{
	return (tiles_across(r.w) * tiles_down(r.h) + 7) / 8;
}

/* The tiles of a rectangle that are in the set, as commits carry them. */
static void mask_bits(const struct tileset *t, struct rect r, u8 *bits)
{
	u32 across = tiles_across(r.w), down = tiles_down(r.h);

	memset(bits, 0, mask_size(r));
	for (u32 y = 0; y < down; y++)
		for (u32 x = 0; x < across; x++) {
			u32 i = (r.y / TILE_H + y) * t->cols + r.x / TILE_W + x, b = y * across + x;
			if (tileset_has(t, i))
				bits[b / 8] |= (u8)(0x80 >> b % 8);
		}
}

void native_video_start(struct native_out *o, struct desktop *d, u64 now, const struct link *l)
{
	for (u8 h = 0; h < o->nheads; h++) {
		struct coder *c = &o->coders[h];
		struct rect need, r;

		if (!bounds(&o->moving, d->heads.list[h], &d->img, &need))
			continue;
		r = need;
		/* The old rectangle serves if it holds the new one and is not far too large. */
		if (c->enc && now - o->video_us < VIDEO_KEEP_US) {
			if (contains(c->r, need) &&
			    (u32)c->r.w * c->r.h <= 3 * (u32)need.w * need.h + 65536)
				r = c->r;
			else if (!contains(c->r, need))
				r = join(c->r, need);
		}
		/* 4:2:0 takes pairs: what is left over at an odd edge goes exactly. */
		if (c->ops->format == VIDEO_H264_420) {
			r.w &= (u16)~1u;
			r.h &= (u16)~1u;
		}
		if (!r.w || !r.h)
			continue;
		tileset_clear(&o->masks[h]);
		tileset_for(&o->moving, i)
		{
			if (contains(r, tile_rect(o->moving.cols, i, d->img.w, d->img.h)))
				tileset_add(&o->masks[h], i);
		}
		mask_bits(&o->masks[h], r, o->mask_bytes[h]);
		if (coder_start(c, &d->img, r, o->mask_bytes[h], o->want_key, picture_kbps(o, l)))
			continue; /* no encoder: the tiles stay dirty and go exactly, in steps */
		o->coding |= 1u << h;
		tileset_and_not(&o->dirty, &o->masks[h]);
		tileset_and_not(&o->inexact, &o->masks[h]); /* until the commit says so again */
	}
	if (!o->coding)
		return;
	o->want_key = false;
	o->video_us = now;
}

/* What is coded and was not sent yet. */
static void put_pieces(struct native_out *o, u8 h, struct net_stream *net)
{
	struct wbuf *w = &o->pieces;

	w->n = 0;
	for (size_t left = coder_take(&o->coders[h], w), n; left; left -= n) {
		size_t m = native_begin(&net->out, CH_DISPLAY, DSP_SLICE);

		n = left < 65536 ? left : 65536;
		put_u8(&net->out, h);
		put_bytes(&net->out, w->p + w->n - left, n);
		native_end(&net->out, m);
	}
	net->out.failed |= w->failed;
}

static void put_picture(struct native_out *o, u8 h, struct native_commit *c, struct net_stream *net)
{
	struct coder *k = &o->coders[h];
	struct native_video *v = &c->video[c->n++];

	put_pieces(o, h, net);
	*v = (struct native_video){.stream = h,
				   .format = k->ops->format,
				   .key = k->is_key,
				   .r = k->r,
				   .mask = o->mask_bytes[h]};
	v->mask_bytes = mask_size(k->r);
	tileset_or(&o->inexact, &o->masks[h]);
	o->bytes_video += k->out.n;
	o->encode_us = k->encode_us;
	o->effort = k->spent;
}

void native_video_pieces(struct native_out *o, struct net_stream *net)
{
	for (u8 h = 0; h < o->nheads; h++)
		if (o->coding >> h & 1 && coder_working(&o->coders[h]))
			put_pieces(o, h, net);
}

bool native_video_finish(struct native_out *o, struct native_commit *c, struct net_stream *net)
{
	for (u8 h = 0; h < o->nheads; h++)
		if (o->coding >> h & 1 && coder_working(&o->coders[h]))
			return false;
	for (u8 h = 0; h < o->nheads; h++) {
		struct coder *k = &o->coders[h];

		if (!(o->coding >> h & 1) || !coder_finished(k))
			continue;
		if (k->result) { /* too large, or no memory: those tiles go exactly, then a new one */
			if (k->taken)
				native_put_bytes(&net->out, CH_DISPLAY, DSP_SLICE, &h, 1);
			o->no_video_us = now_us() + NO_VIDEO_US;
			tileset_or(&o->dirty, &o->masks[h]);
			k->ops->close(k->enc);
			k->enc = NULL;
			continue;
		}
		put_picture(o, h, c, net);
	}
	o->coding = 0;
	return true;
}
