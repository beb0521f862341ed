/* What a server says in the native extension, and what is painted from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/client/client.h"

#define CREDIT_STEP (512u << 10)

static void mark(struct client *c, struct rect r, bool exact)
{
	tileset_add_rect(&c->painted, r);
	if (exact)
		tileset_add_rect(&c->exact, r);
	else
		for (u32 i = 0; i < c->exact.cols * c->exact.rows; i++) {
			struct rect t = tile_rect(c->exact.cols, i, c->canvas.w, c->canvas.h);
			if (t.x < r.x + r.w && r.x < t.x + t.w && t.y < r.y + r.h &&
			    r.y < t.y + t.h)
				tileset_del(&c->exact, i);
		}
}

static int on_copies(struct client *c, const u8 *p, u32 n)
{
	u16 count;
	int e = native_check_copies(p, n, (u16)c->canvas.w, (u16)c->canvas.h, &count);

	for (u16 i = 0; !e && i < count; i++) {
		struct native_copy k = native_get_copy(p, i);
		struct rect from = {k.sx, k.sy, k.to.w, k.to.h};
		bool exact = true;

		/* Exact only if all that was moved is. */
		u32 x1 = (u32)(from.x + from.w - 1) / TILE_W,
		    y1 = (u32)(from.y + from.h - 1) / TILE_H;
		for (u32 y = from.y / TILE_H; from.w && from.h && y <= y1; y++)
			for (u32 x = from.x / TILE_W; x <= x1; x++)
				exact &= tileset_has(&c->exact, y * c->exact.cols + x);
		image_move(&c->canvas, k.sx, k.sy, k.to);
		if (exact)
			tileset_add_rect(&c->painted,
					 k.to); /* a tile painted in part stays as it was */
		else
			mark(c, k.to, false);
	}
	return e;
}

static int on_slice(struct client *c, const u8 *p, u32 n)
{
	if (n < 1 || p[0] >= NATIVE_MAX_HEADS)
		return ERR_CORRUPT;
	struct wbuf *au = &c->au[p[0]];
	if (n == 1) { /* the coder has failed: what came is of no use */
		au->n = 0;
		return 0;
	}
	au->limit = NATIVE_MAX_AU + VIDEO_PADDING;
	if (au->n + n > NATIVE_MAX_AU)
		return ERR_RANGE;
	put_bytes(au, p + 1, n - 1);
	return au->failed ? ERR_NOMEM : 0;
}

static int on_commit(struct client *c, const u8 *p, u32 n)
{
	struct native_commit k;
	struct tileset t;
	u64 start = client_now();
	int e = native_get_commit(p, n, (u16)c->canvas.w, (u16)c->canvas.h, &k);

	if (e)
		return e;
	for (u8 i = 0; i < k.n; i++) {
		const struct native_video *v = &k.video[i];
		struct wbuf *au = &c->au[v->stream];
		size_t bytes = au->n;

		if (!c->video[v->stream] || c->video_format[v->stream] != v->format) {
			video_dec_close(c->video[v->stream]);
			c->video[v->stream] = video_dec_open(v->format, 2);
			c->video_format[v->stream] = v->format;
			if (!c->video[v->stream])
				return ERR_UNSUPPORTED;
		}
		put_zero(au, VIDEO_PADDING);
		if (au->failed || tileset_alloc(&t, c->canvas.w, c->canvas.h))
			return ERR_NOMEM;
		e = video_dec_paint(c->video[v->stream], au->p, bytes, v->r, v->mask, &c->canvas,
				    &t);
		tileset_or(&c->painted, &t);
		tileset_and_not(&c->exact, &t);
		tileset_free(&t);
		au->n = 0;
		if (e) { /* the sequence is lost, the connection is not */
			native_put_bytes(&c->net.out, CH_DISPLAY, DSP_REFRESH, NULL, 0);
			video_dec_close(c->video[v->stream]);
			c->video[v->stream] = NULL;
			tileset_clear(&c->exact);
		}
	}
	c->decode_us = (u32)(client_now() - start);
	c->seq = k.seq;
	c->capture_us = k.capture_us;
	c->committed = c->ack_owed = true;
	c->commits++;
	c->videos += k.n > 0;
	return 0;
}

static int handle(struct client *c, u16 kind, const u8 *p, u32 n)
{
	struct native_heads h;
	struct tileset t;
	int e = 0;

	switch (kind) {
	case DSP_HEADS:
		e = native_get_heads(p, n, &h);
		if (!e)
			e = client_resize(c, &h);
		for (u32 i = 0; i < NATIVE_MAX_HEADS; i++)
			c->au[i].n = 0;
		break;
	case DSP_COPY:
		e = on_copies(c, p, n);
		break;
	case DSP_TILES:
		if (tileset_alloc(&t, c->canvas.w, c->canvas.h))
			return ERR_NOMEM;
		e = exact_unpack(&c->exact_dec, p, n, &c->canvas, &t);
		tileset_or(&c->painted, &t);
		tileset_or(&c->exact, &t);
		tileset_free(&t);
		break;
	case DSP_SLICE:
		e = on_slice(c, p, n);
		break;
	case DSP_COMMIT:
		e = on_commit(c, p, n);
		break;
	default:
		break; /* from a later version */
	}
	c->bytes_display += n + NATIVE_HEADER;
	c->eaten += n + NATIVE_HEADER;
	if (c->eaten >= CREDIT_STEP) {
		native_put_credit(&c->net.out, CH_DISPLAY, c->eaten);
		c->eaten = 0;
	}
	return e;
}

/* The first of a commit's message: when its picture was taken, and whether it has video. */
static u64 capture_of(const u8 *p, u32 n, bool *video)
{
	struct rbuf r = rbuf_of(p, n);

	get_u32(&r);
	u64 us = get_u64(&r);
	*video = get_u8(&r) > 0;
	return us;
}

/* May it be handled, as the next one? If so, and it ends a picture, the next waits for that. */
static bool may_play(struct client *c, u16 kind, const u8 *p, u32 n)
{
	u64 now = client_now();
	bool video;

	if (c->committed) {
		c->hold_us = 0;
		return false;
	}
	if (kind != DSP_COMMIT)
		return true;
	u64 us = capture_of(p, n, &video);
	c->hold_us = playout_due(&c->playout, us);
	if (c->hold_us > now)
		return false;
	playout_taken(&c->playout, us, video, now);
	return true;
}

int client_play(struct client *c)
{
	while (c->state == CLIENT_IN && c->later.n) {
		struct rbuf r = rbuf_of(c->later.p + c->later_at, c->later.n - c->later_at);
		u16 kind = get_u16(&r);
		u32 n = get_u32(&r);
		const u8 *p = get_bytes(&r, n);

		if (!may_play(c, kind, p, n))
			return 0;
		int e = handle(c, kind, p, n);
		if (e)
			return e;
		c->later_at += r.at;
		if (c->later_at == c->later.n)
			c->later.n = c->later_at = 0;
	}
	return 0;
}

static int on_display(struct client *c, u16 kind, const u8 *p, u32 n)
{
	bool video;

	if (!c->native)
		return ERR_CORRUPT;
	if (kind == DSP_COMMIT) {
		u64 us = capture_of(p, n, &video);
		if (video)
			playout_arrived(&c->playout, us, c->heard_us);
	}
	if (!c->later.n && may_play(c, kind, p, n))
		return handle(c, kind, p, n);
	/* No more than the credit of a server that keeps to it, with the messages' heads. */
	c->later.limit = 2 * NATIVE_WINDOW;
	if (c->later_at > NATIVE_WINDOW) {
		wbuf_eat(&c->later, c->later_at);
		c->later_at = 0;
	}
	put_u16(&c->later, kind);
	put_u32(&c->later, n);
	put_bytes(&c->later, p, n);
	return c->later.failed ? ERR_RANGE : 0;
}

static int on_hello(struct client *c, const u8 *p, u32 n)
{
	struct native_hello h, mine = {NATIVE_VERSION_MIN,
				       NATIVE_VERSION_MAX,
				       FEAT_VIDEO_444 | FEAT_VIDEO_420 | FEAT_SIX_AXES,
				       {0}};

	if (native_get_hello(p, n, &h))
		return ERR_CORRUPT;
	if (h.version_min > NATIVE_VERSION_MAX || h.version_max < NATIVE_VERSION_MIN)
		return 0; /* no common version: plain RFB goes on */
	if (c->have_token)
		memcpy(mine.token, c->token, NATIVE_TOKEN);
	c->native = true;
	c->features = h.features;
	c->sound.offered = h.features & FEAT_AUDIO && !c->conf->no_audio;
	if (c->sound.offered)
		mine.features |= FEAT_AUDIO;
	native_put_hello(&c->net.out, &mine);
	client_mute(c, c->sound.muted);
	return 0;
}

static int on_cursor(struct client *c, const u8 *p, u32 n)
{
	struct native_cursor_shape k;
	int e = native_get_cursor(p, n, &k);
	u32 *argb;

	if (e)
		return e;
	size_t count = (size_t)k.w * k.h;
	argb = malloc(count * 4 + 4);
	if (!argb)
		return ERR_NOMEM;
	struct rbuf r = rbuf_of(k.argb, count * 4);
	for (size_t i = 0; i < count; i++)
		argb[i] = get_u32(&r);
	client_keep_cursor(c, k.w, k.h, k.hot_x, k.hot_y, argb);
	return 0;
}

int client_native(struct client *c, u8 channel, u16 kind, const u8 *p, u32 n)
{
	u64 v;

	switch (channel) {
	case CH_CONTROL:
		switch (kind) {
		case CTL_HELLO:
			return on_hello(c, p, n);
		case CTL_PING:
			if (native_get_u64(p, n, &v))
				return ERR_CORRUPT;
			native_put_u64(&c->net.out, CH_CONTROL, CTL_PONG, v);
			return 0;
		case CTL_PONG:
			if (native_get_u64(p, n, &v))
				return ERR_CORRUPT;
			c->rtt_us = client_now() - v;
			return 0;
		case CTL_STATS:
			return native_get_stats(p, n, &c->stats);
		case CTL_NOTICE:
			snprintf(c->notice, sizeof(c->notice), "%.*s", (int)(n < 500 ? n : 500), p);
			return 0;
		case CTL_TOKEN:
			if (n != NATIVE_TOKEN)
				return ERR_CORRUPT;
			memcpy(c->token, p, NATIVE_TOKEN);
			c->have_token = true;
			return 0;
		default:
			return 0;
		}
	case CH_DISPLAY:
		return on_display(c, kind, p, n);
	case CH_CURSOR:
		return kind == CUR_SHAPE ? on_cursor(c, p, n) : 0;
	case CH_INPUT:
		if (kind == INP_LOCKS && n == 4)
			client_keep_locks(c, p[3]);
		return 0;
	case CH_AUDIO:
		return c->native ? client_sound(c, kind, p, n) : ERR_CORRUPT;
	case CH_CLIPBOARD:
		if (n > RFB_MAX_CLIPBOARD)
			return ERR_RANGE;
		client_keep_text(c, p, n);
		return 0;
	default:
		return channel < CH_COUNT ? 0 : ERR_CORRUPT;
	}
}
