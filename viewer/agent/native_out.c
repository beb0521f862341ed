#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/native_out.h"

#define REST_US	      60000u /* stillness after which a tile is made exact */
#define REST_MAX_US   250000u
#define VIDEO_KEEP_US 1000000u	  /* a video rectangle outlives its last picture by this */
#define BACKLOG	      (24u << 10) /* unsent bytes that make us wait */
#define EXACT_AT_ONCE (48u << 10) /* rendered content up to this many bytes goes exactly */
#define REFINE_TILES  96u	  /* a step of refinement: short enough to be interrupted */
#define STEP_TILES    256u

int native_out_init(struct native_out *o, const struct desktop *d, const struct video_enc_ops *ops,
		    u32 threads, u32 effort, int event)
{
	u32 w = d->heads.width, h = d->heads.height;

	*o = (struct native_out){.credit = NATIVE_WINDOW,
				 .nheads = d->heads.n,
				 .interval_us = 33333,
				 .held_msgs.limit = 64u << 20};
	if (tileset_alloc(&o->dirty, w, h) || tileset_alloc(&o->inexact, w, h) ||
	    tileset_alloc(&o->urgent, w, h) || tileset_alloc(&o->scratch, w, h) ||
	    tileset_alloc(&o->batch, w, h) || tileset_alloc(&o->moving, w, h) ||
	    tileset_alloc(&o->held, w, h) || exact_enc_init(&o->exact))
		return ERR_NOMEM;
	for (u8 i = 0; i < o->nheads; i++)
		if (tileset_alloc(&o->masks[i], w, h) ||
		    coder_init(&o->coders[i], ops, threads, effort, event))
			return ERR_NOMEM;
	native_out_refresh(o);
	return 0;
}

void native_out_free(struct native_out *o)
{
	for (u8 i = 0; i < NATIVE_MAX_HEADS; i++) {
		coder_close(&o->coders[i]);
		tileset_free(&o->masks[i]);
	}
	tileset_free(&o->dirty);
	tileset_free(&o->inexact);
	tileset_free(&o->urgent);
	tileset_free(&o->scratch);
	tileset_free(&o->batch);
	tileset_free(&o->moving);
	tileset_free(&o->held);
	exact_enc_free(&o->exact);
	wbuf_free(&o->held_msgs);
	*o = (struct native_out){0};
}

void native_out_refresh(struct native_out *o)
{
	tileset_fill(&o->dirty);
	tileset_clear(&o->inexact);
	tileset_clear(&o->urgent);
	o->want_key = true;
}

bool native_out_blocked(const struct native_out *o, const struct net_stream *net)
{
	return o->credit <= 0 || link_backlog(net) > BACKLOG;
}

/* Tiles that are promised to the picture being coded: nothing may overtake it there. */
static bool promised(const struct native_out *o, const struct tileset *t)
{
	if (!o->coding)
		return false;
	if (tileset_meets(&o->held, t))
		return true;
	for (u8 i = 0; i < o->nheads; i++)
		if (o->coding >> i & 1 && tileset_meets(&o->masks[i], t))
			return true;
	return false;
}

static void take_promised(const struct native_out *o, struct tileset *t)
{
	tileset_and_not(t, &o->held);
	for (u8 i = 0; i < o->nheads; i++)
		if (o->coding >> i & 1)
			tileset_and_not(t, &o->masks[i]);
}

/* A move is right only if the viewer holds exact, current pixels at its source. */
static bool may_move(struct native_out *o, const struct native_copy *c)
{
	struct tileset *t = &o->scratch;

	tileset_clear(t);
	tileset_add_rect(t, (struct rect){c->sx, c->sy, c->to.w, c->to.h});
	if (tileset_meets(t, &o->dirty) || tileset_meets(t, &o->inexact))
		return false;
	tileset_add_rect(t, c->to);
	return !promised(o, t);
}

void native_out_change(struct native_out *o, const struct desktop *d, struct net_stream *net)
{
	struct native_copy ok[GRID_MAX_COPIES];
	bool wait = native_out_blocked(o, net), motion = false;
	u16 n = 0;

	for (u32 i = 0; i < d->grid.ncopies; i++) {
		const struct native_copy *c = &d->grid.copies[i];

		if (!wait && may_move(o, c))
			ok[n++] = *c;
		else
			tileset_add_rect(&o->dirty, c->to);
	}
	if (n) {
		size_t at = net->out.n;
		native_put_copies(&net->out, ok, n);
		o->credit -= (s64)(net->out.n - at);
		o->bytes_exact += net->out.n - at;
	}
	/* What does not move and is not part of a picture in the making may overtake it. */
	if (o->coding) {
		tileset_for(&d->grid.changed, i) motion |=
		    d->tiles[i].heat >= HOT || tileset_has(&o->dirty, i);
		if (!motion && tileset_count(&d->grid.changed) < 64) {
			tileset_or(&o->urgent, &d->grid.changed);
			take_promised(o, &o->urgent);
		}
	}
	tileset_or(&o->dirty, &d->grid.changed);
}

/* Packs tiles into messages at the end of w; returns the bytes. They are no longer dirty. */
static size_t put_tiles(struct native_out *o, const struct desktop *d, const struct tileset *t,
			u32 limit, bool shaded, struct wbuf *w)
{
	u32 next = 0, total = t->cols * t->rows, left = limit;
	size_t start = w->n;

	next = tileset_next(t, 0);
	while (next < total && left) {
		u32 from = next, step = left < EXACT_MAX_TILES ? left : EXACT_MAX_TILES;
		size_t m = native_begin(w, CH_DISPLAY, DSP_TILES);

		if (exact_pack(&o->exact, &d->img, t, &next, step, shaded, w)) {
			w->failed = true;
			break;
		}
		native_end(w, m);
		for (u32 i = tileset_next(t, from); i < next; i = tileset_next(t, i + 1)) {
			tileset_del(&o->dirty, i);
			tileset_del(&o->inexact, i);
			tileset_del(&o->urgent, i);
			left--;
		}
	}
	o->bytes_exact += w->n - start;
	return w->n - start;
}

/* Drawn and rendered tiles of a set pack better apart. */
static size_t put_both(struct native_out *o, const struct desktop *d, const struct tileset *t,
		       u32 limit, struct wbuf *w)
{
	size_t n = 0;

	tileset_clear(&o->moving);
	tileset_clear(&o->scratch);
	tileset_for(t, i)
	{
		if (!limit--)
			break;
		tileset_add(desktop_tile_is_drawn(d, i) ? &o->scratch : &o->moving, i);
	}
	if (!tileset_empty(&o->scratch))
		n += put_tiles(o, d, &o->scratch, UINT32_MAX, false, w);
	if (!tileset_empty(&o->moving))
		n += put_tiles(o, d, &o->moving, UINT32_MAX, true, w);
	return n;
}

static void put_commit(struct native_out *o, u64 when, struct native_commit *c,
		       struct net_stream *net)
{
	c->seq = ++o->seq;
	c->capture_us = when;
	native_put_commit(&net->out, c);
	o->commits++;
}

static u32 rest_us(const struct tile_state *t)
{
	/* What moves slower than 25 pictures a second rests later, or it would be sent twice. */
	if (t->heat >= HOT && t->gap_us > 40000)
		return t->gap_us * 3 / 2 < REST_MAX_US ? t->gap_us * 3 / 2 : REST_MAX_US;
	return REST_US;
}

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

/*
 * Chooses the dirty tiles that go by video: all that moves or is rendered, if it is too much to go
 * exactly. Leaves them in o->moving and says whether there are any.
 */
static bool choose_moving(struct native_out *o, const struct desktop *d, u64 now,
			  const struct link *l)
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

static void start_pictures(struct native_out *o, const struct desktop *d, u64 now,
			   const struct link *l)
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
		if (coder_start(c, &d->img, r, o->want_key, picture_kbps(o, l))) {
			continue; /* no encoder: the tiles stay dirty and go exactly, in steps */
		}
		o->coding |= 1u << h;
		tileset_clear(&o->masks[h]);
		tileset_for(&o->moving, i)
		{
			struct rect t = tile_rect(o->moving.cols, i, d->img.w, d->img.h);

			if (contains(r, t)) {
				tileset_add(&o->masks[h], i);
				tileset_del(&o->dirty, i);
				tileset_del(&o->inexact, i); /* until the commit says so again */
			}
		}
	}
	if (!o->coding)
		return;
	o->want_key = false;
	u64 gap = now - o->video_us;
	if (gap < 200000)
		o->interval_us = (u32)((o->interval_us * 7 + gap) / 8);
	o->video_us = now;
}

static void mask_bits(const struct tileset *t, struct rect r, u8 *bits, u32 bytes)
{
	u32 across = tiles_across(r.w), down = tiles_down(r.h);

	memset(bits, 0, bytes);
	for (u32 y = 0; y < down; y++)
		for (u32 x = 0; x < across; x++) {
			u32 i = (r.y / TILE_H + y) * t->cols + r.x / TILE_W + x, b = y * across + x;
			if (tileset_has(t, i))
				bits[b / 8] |= (u8)(0x80 >> b % 8);
		}
}

static void put_picture(struct native_out *o, u8 h, struct native_commit *c, u8 *bits,
			struct net_stream *net)
{
	struct coder *k = &o->coders[h];
	struct native_video *v = &c->video[c->n++];
	size_t at = 0;

	while (at < k->out.n) {
		size_t n = k->out.n - at < 65536 ? k->out.n - at : 65536;
		size_t m = native_begin(&net->out, CH_DISPLAY, DSP_SLICE);

		put_u8(&net->out, h);
		put_bytes(&net->out, k->out.p + at, n);
		native_end(&net->out, m);
		at += n;
	}
	*v = (struct native_video){
	    .stream = h, .format = k->ops->format, .key = k->is_key, .r = k->r, .mask = bits};
	v->mask_bytes = (tiles_across(k->r.w) * tiles_down(k->r.h) + 7) / 8;
	mask_bits(&o->masks[h], k->r, bits, v->mask_bytes);
	tileset_or(&o->inexact, &o->masks[h]);
	o->bytes_video += k->out.n;
	o->encode_us = k->encode_us;
}

void native_out_coded(struct native_out *o, const struct desktop *d, struct net_stream *net,
		      struct link *l)
{
	struct native_commit c = {0};
	static u8 bits[NATIVE_MAX_HEADS][RFB_MAX_PIXELS / (TILE_W * TILE_H) / 8 + 1];
	u32 left = 0;

	if (!o->coding)
		return;
	for (u8 h = 0; h < o->nheads; h++) {
		struct coder *k = &o->coders[h];

		if (!(o->coding >> h & 1))
			continue;
		pthread_mutex_lock(&k->lock);
		left += k->busy && !k->done;
		pthread_mutex_unlock(&k->lock);
	}
	if (left)
		return;
	size_t at = net->out.n;
	for (u8 h = 0; h < o->nheads; h++) {
		struct coder *k = &o->coders[h];

		if (!(o->coding >> h & 1) || !coder_finished(k))
			continue;
		if (k->result) { /* the encoder failed: a new one, and those tiles again */
			tileset_or(&o->dirty, &o->masks[h]);
			k->ops->close(k->enc);
			k->enc = NULL;
			continue;
		}
		put_picture(o, h, &c, bits[h], net);
	}
	o->coding = 0;
	put_bytes(&net->out, o->held_msgs.p, o->held_msgs.n);
	o->held_msgs.n = 0;
	tileset_clear(&o->held);
	put_commit(o, o->held_when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
	if (net_flush(net))
		return;
	native_out_pump(o, d, net, l);
}

/* Small changes that pass a picture in the making. */
static void pump_urgent(struct native_out *o, const struct desktop *d, struct net_stream *net)
{
	struct native_commit c = {0};

	take_promised(o, &o->urgent);
	if (tileset_empty(&o->urgent))
		return;
	size_t at = net->out.n;
	memcpy(o->batch.bits, o->urgent.bits, (size_t)o->urgent.words * 8);
	/* As frames of their own: the stream's next piece may lie packed for the picture's commit. */
	put_tiles(o, d, &o->batch, STEP_TILES, true, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

static void pump_refine(struct native_out *o, const struct desktop *d, struct net_stream *net,
			u64 now)
{
	struct native_commit c = {0};
	u32 n = 0;

	tileset_clear(&o->batch);
	tileset_for(&o->inexact, i)
	{
		if (now < d->tiles[i].changed_us + rest_us(&d->tiles[i]))
			continue;
		tileset_add(&o->batch, i);
		if (++n == REFINE_TILES)
			break;
	}
	if (!n)
		return;
	size_t at = net->out.n;
	put_both(o, d, &o->batch, REFINE_TILES, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

void native_out_pump(struct native_out *o, const struct desktop *d, struct net_stream *net,
		     struct link *l)
{
	u64 now = now_us();

	if (!d->ready || net->closed)
		return;
	link_sample(l, net, now);
	if (native_out_blocked(o, net)) {
		if (!l->blocked_us)
			l->blocked_us = now;
		return;
	}
	l->blocked_us = 0;
	if (o->coding) {
		pump_urgent(o, d, net);
		return;
	}
	tileset_clear(&o->urgent);
	if (tileset_empty(&o->dirty)) {
		pump_refine(o, d, net, now);
		return;
	}
	if (choose_moving(o, d, now, l))
		start_pictures(o, d, now, l);

	/* The rest of this picture: in the commit of the video, or at once. */
	memcpy(o->batch.bits, o->dirty.bits, (size_t)o->dirty.words * 8);
	if (o->coding) {
		o->held_when_us = d->when_us;
		memcpy(o->held.bits, o->batch.bits, (size_t)o->batch.words * 8);
		put_both(o, d, &o->batch, UINT32_MAX, &o->held_msgs);
		return;
	}
	struct native_commit c = {0};
	size_t at = net->out.n;
	put_both(o, d, &o->batch, STEP_TILES, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

u64 native_out_due(const struct native_out *o, const struct desktop *d)
{
	u64 due = UINT64_MAX;

	if (o->coding)
		return due;
	if (!tileset_empty(&o->dirty))
		return 0;
	tileset_for(&o->inexact, i)
	{
		u64 t = d->tiles[i].changed_us + rest_us(&d->tiles[i]);
		due = t < due ? t : due;
	}
	return due;
}
