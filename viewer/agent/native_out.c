#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/native_video.h"

#define REST_US	     60000u /* stillness after which a tile is made exact */
#define REST_MAX_US  250000u
#define SAME_US	     8000u	 /* changes so close are one picture, drawn in pieces */
#define BACKLOG	     (24u << 10) /* unsent bytes that make us wait */
#define REFINE_TILES 96u	 /* a step of refinement on a narrow link */
#define REFINE_WIDE  384u	 /* and on one without a limit: some milliseconds to pack */
#define STEP_TILES   256u
#define AHEAD	     1u	      /* pictures by video that the viewer may be busy with */
#define AHEAD_US     1000000u /* a viewer that says nothing for so long has lost its say */

int native_out_init(struct native_out *o, struct desktop *d, const struct video_enc_ops *ops,
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
		    !(o->mask_bytes[i] = malloc((size_t)o->dirty.words * 8)) ||
		    coder_init(&o->coders[i], ops, threads, effort, event))
			return ERR_NOMEM;
	for (u8 i = 0; i < o->nheads; i++) {
		o->coders[i].early = true;
		o->coders[i].instead = ops == &video_x264 ? NULL : &video_x264;
	}
	native_out_refresh(o);
	return 0;
}

void native_out_free(struct native_out *o)
{
	for (u8 i = 0; i < NATIVE_MAX_HEADS; i++) {
		coder_close(&o->coders[i]);
		tileset_free(&o->masks[i]);
		free(o->mask_bytes[i]);
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
	wbuf_free(&o->pieces);
	*o = (struct native_out){0};
}

void native_out_refresh(struct native_out *o)
{
	tileset_fill(&o->dirty);
	tileset_clear(&o->inexact);
	tileset_clear(&o->urgent);
	o->want_key = true;
}

/*
 * Will what waits hold up a picture begun now, or the next one? Half of the time between two is left to
 * it, some of which the coder needs anyway: more would keep bytes waiting all the time, and of a sender
 * whose bytes wait while losses slow it BBR takes that pace for the path's.
 */
static bool clogged(const struct native_out *o, const struct net_stream *net, const struct link *l)
{
	size_t room = link_room(l, o->interval_us / 2);

	return o->credit <= 0 || link_backlog(net) > (room > BACKLOG ? room : BACKLOG);
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

void native_out_change(struct native_out *o, struct desktop *d, struct net_stream *net,
		       struct link *l)
{
	struct native_copy ok[GRID_MAX_COPIES];
	bool wait = native_out_blocked(o, net), motion = false;
	u64 gap = d->when_us - o->changed_us;
	u16 n = 0;

	link_change(l, wait);
	/* The desktop's own rhythm, not that of the pictures sent: or half of them would do for ever. */
	if (gap > SAME_US) {
		if (gap < 200000)
			o->interval_us = (u32)((o->interval_us * 7 + gap) / 8);
		o->changed_us = d->when_us;
	}

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
static size_t put_tiles(struct native_out *o, struct desktop *d, const struct tileset *t, u32 limit,
			enum exact_way way, struct wbuf *w)
{
	u32 next = 0, total = t->cols * t->rows, left = limit;
	size_t start = w->n;

	next = tileset_next(t, 0);
	while (next < total && left) {
		u32 from = next, step = left < EXACT_MAX_TILES ? left : EXACT_MAX_TILES;
		size_t m = native_begin(w, CH_DISPLAY, DSP_TILES);

		if (exact_pack(&o->exact, &d->img, t, &next, step, way, w)) {
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
static size_t put_both(struct native_out *o, struct desktop *d, const struct tileset *t, u32 limit,
		       enum exact_way rendered, struct wbuf *w)
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
		n += put_tiles(o, d, &o->scratch, UINT32_MAX, EXACT_DRAWN, w);
	if (!tileset_empty(&o->moving))
		n += put_tiles(o, d, &o->moving, UINT32_MAX, rendered, w);
	return n;
}

void native_out_shown(struct native_out *o, u32 seq)
{
	if (seq - o->shown <= o->seq - o->shown)
		o->shown = seq;
}

/*
 * When the next picture by video may be begun; in the past: now. None shall wait at the viewer for
 * the one before, or all that follow are late: it is begun when that one has been shown.
 */
static u64 next_picture_at(const struct native_out *o, const struct link *l)
{
	/* And those on their way, or held up behind a lost packet, two of them in a row at worst. */
	u32 n = 0, most = AHEAD + l->min_rtt_us * 4 / (o->interval_us + 1);
	u64 oldest = 0;

	if (most >= NATIVE_PICTURES)
		return 0;
	while (n < NATIVE_PICTURES && n < o->nsent) {
		u32 i = (o->nsent - 1 - n) % NATIVE_PICTURES;

		if ((s32)(o->sent[i].seq - o->shown) <= 0)
			break;
		oldest = o->sent[i].us;
		n++;
	}
	return n < most ? 0 : oldest + AHEAD_US;
}

static void put_commit(struct native_out *o, u64 when, struct native_commit *c,
		       struct net_stream *net)
{
	c->seq = ++o->seq;
	c->capture_us = when;
	native_put_commit(&net->out, c);
	o->commits++;
	o->pictures++;
}

/* A rest of five fourths of a rhythm, in bounds. */
static u32 rest_of(u32 gap_us)
{
	u32 us = gap_us / 4 * 5;

	return us < REST_US ? REST_US : us < REST_MAX_US ? us : REST_MAX_US;
}

/* When a tile has rested long enough to be made exact. */
static u64 rest_at(const struct native_out *o, const struct tile_state *t)
{
	u64 least = t->changed_us + REST_US, slow, still;

	if (t->heat < HOT || t->gap_us <= 50000)
		return least;
	/* What moves slower than 20 pictures a second rests later, or it would be sent twice; but not
	 * when all the desktop stands still for longer than it does between two pictures. */
	slow = t->changed_us + rest_of(t->gap_us);
	still = o->changed_us + rest_of(o->interval_us);
	if (still < least)
		still = least;
	return slow < still ? slow : still;
}

void native_out_coded(struct native_out *o, struct desktop *d, struct net_stream *net,
		      struct link *l)
{
	struct native_commit c = {0};
	size_t at = net->out.n;

	if (!o->coding)
		return;
	if (!native_video_finish(o, &c, net)) {
		/* Slices go as they are finished, if nothing waits before them. */
		if (!native_out_blocked(o, net))
			native_video_pieces(o, net);
		o->credit -= (s64)(net->out.n - at);
		return;
	}
	put_bytes(&net->out, o->held_msgs.p, o->held_msgs.n);
	o->held_msgs.n = 0;
	tileset_clear(&o->held);
	put_commit(o, o->held_when_us, &c, net);
	if (c.n) {
		u32 i = o->nsent++ % NATIVE_PICTURES;
		o->sent[i].seq = o->seq;
		o->sent[i].us = now_us();
	}
	o->credit -= (s64)(net->out.n - at);
	if (net_flush(net))
		return;
	native_out_pump(o, d, net, l);
}

/* Small changes that pass a picture in the making. */
static void pump_urgent(struct native_out *o, struct desktop *d, struct net_stream *net)
{
	struct native_commit c = {0};

	take_promised(o, &o->urgent);
	if (tileset_empty(&o->urgent))
		return;
	size_t at = net->out.n;
	memcpy(o->batch.bits, o->urgent.bits, (size_t)o->urgent.words * 8);
	/* As frames of their own: the stream's next piece may lie packed for the picture's commit. */
	put_tiles(o, d, &o->batch, STEP_TILES, EXACT_SHADED, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

static void pump_refine(struct native_out *o, struct desktop *d, struct net_stream *net,
			struct link *l, u64 now)
{
	struct native_commit c = {0};
	u32 n = 0, most = l->kbps ? REFINE_TILES : REFINE_WIDE;

	tileset_clear(&o->batch);
	tileset_for(&o->inexact, i)
	{
		if (now < rest_at(o, &d->tiles[i]))
			continue;
		tileset_add(&o->batch, i);
		if (++n == most)
			break;
	}
	if (!n)
		return;
	if (n == most)
		link_bulk(l, net, true);
	size_t at = net->out.n;
	put_both(o, d, &o->batch, most, l->kbps ? EXACT_SMALLEST : EXACT_SHADED, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

/*
 * What changed with the scene that waits is of one picture with it, and waits, too, or new would be
 * seen beside old. What changed by itself, such as what a key brings about, does not.
 */
static void keep_together(struct native_out *o, const struct desktop *d)
{
	u64 scene = 0;

	tileset_for(&o->moving, i) scene =
	    d->tiles[i].changed_us > scene ? d->tiles[i].changed_us : scene;
	tileset_for(&o->batch, i)
	{
		u64 us = d->tiles[i].changed_us;

		if ((us > scene ? us - scene : scene - us) <= SAME_US)
			tileset_del(&o->batch, i);
	}
}

void native_out_pump(struct native_out *o, struct desktop *d, struct net_stream *net,
		     struct link *l)
{
	u64 now = now_us();

	if (!d->ready || net->closed)
		return;
	link_sample(l, net, now);
	bool blocked = native_out_blocked(o, net);
	if (blocked && (tileset_empty(&o->dirty) || o->coding || clogged(o, net, l))) {
		if (!l->blocked_us)
			l->blocked_us = now;
		return;
	}
	if (!blocked)
		l->blocked_us = 0;
	else if (!l->blocked_us)
		l->blocked_us = now;
	if (o->coding) {
		pump_urgent(o, d, net);
		return;
	}
	tileset_clear(&o->urgent);
	if (tileset_empty(&o->dirty)) {
		pump_refine(o, d, net, l, now);
		return;
	}
	o->ahead_us = 0;
	link_bulk(l, net, false);
	memcpy(o->batch.bits, o->dirty.bits, (size_t)o->dirty.words * 8);
	if (native_video_choose(o, d, now, l)) {
		u64 at = next_picture_at(o, l);

		if (at > now && blocked)
			return;
		if (at <= now) {
			native_video_start(o, d, now, l);
			memcpy(o->batch.bits, o->dirty.bits, (size_t)o->dirty.words * 8);
		} else {
			o->ahead_us = at;
			tileset_and_not(&o->batch, &o->moving);
			keep_together(o, d);
			if (tileset_empty(&o->batch))
				return;
			if (tileset_count(&o->batch) > STEP_TILES)
				o->ahead_us = 0; /* more to do at once */
		}
	} else if (blocked) {
		return;
	}

	/* The rest of this picture: in the commit of the video, or at once. */
	if (o->coding) {
		o->held_when_us = d->when_us;
		memcpy(o->held.bits, o->batch.bits, (size_t)o->batch.words * 8);
		put_both(o, d, &o->batch, UINT32_MAX, EXACT_SHADED, &o->held_msgs);
		return;
	}
	struct native_commit c = {0};
	size_t at = net->out.n;
	put_both(o, d, &o->batch, STEP_TILES, EXACT_SHADED, &net->out);
	put_commit(o, d->when_us, &c, net);
	o->credit -= (s64)(net->out.n - at);
}

u64 native_out_due(const struct native_out *o, struct desktop *d)
{
	u64 due = UINT64_MAX;

	if (o->coding)
		return due;
	if (!tileset_empty(&o->dirty))
		return o->ahead_us;
	tileset_for(&o->inexact, i)
	{
		u64 t = rest_at(o, &d->tiles[i]);
		due = t < due ? t : due;
	}
	return due;
}
