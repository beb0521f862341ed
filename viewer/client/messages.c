/* What a server says, and what is painted from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/client/client.h"

#define CREDIT_STEP (512u << 10)
#define NO_BODY	    (-1000) /* a pseudo-rectangle without one: all of it was read */

int client_resize(struct client *c, const struct native_heads *h)
{
	struct image next;

	c->heads = *h;
	if (c->canvas.px && c->canvas.w == h->width && c->canvas.h == h->height) {
		tileset_clear(
		    &c->exact); /* the picture of before stays up until the new one comes */
		c->resized = true;
		return 0;
	}
	if (image_alloc(&next, h->width, h->height))
		return ERR_NOMEM;
	image_free(&c->canvas);
	c->canvas = next;
	tileset_free(&c->exact);
	tileset_free(&c->painted);
	if (tileset_alloc(&c->exact, h->width, h->height) ||
	    tileset_alloc(&c->painted, h->width, h->height))
		return ERR_NOMEM;
	tileset_fill(&c->painted);
	c->resized = true;
	return 0;
}

void client_begin(struct client *c)
{
	s32 list[40];
	u16 n = 0;
	struct rect all = {0, 0, c->hs.width, c->hs.height};

	put_u8(&c->net.out, RFB_SET_PIXEL_FORMAT);
	put_zero(&c->net.out, 3);
	rfb_put_format(&c->net.out, &rfb_bgrx);
	if (!c->conf->plain)
		list[n++] = ENC_CAPROCK;
	list[n++] = ENC_COPYRECT;
	if (c->conf->encoding)
		list[n++] = c->conf->encoding;
	list[n++] = ENC_TIGHT;
	list[n++] = ENC_ZRLE;
	list[n++] = ENC_RAW;
	if (c->conf->quality >= 0)
		list[n++] = ENC_JPEG_QUALITY_0 + c->conf->quality;
	list[n++] = ENC_DESKTOP_SIZE;
	list[n++] = ENC_EXT_DESKTOP_SIZE;
	list[n++] = ENC_LAST_RECT;
	list[n++] = ENC_CURSOR_ALPHA;
	list[n++] = ENC_CURSOR;
	list[n++] = ENC_QEMU_KEYS;
	list[n++] = ENC_LED_STATE;
	list[n++] = ENC_DESKTOP_NAME;
	list[n++] = ENC_CONTINUOUS;
	list[n++] = ENC_FENCE;
	rfb_put_encodings(&c->net.out, list, n);
	rfb_put_request(&c->net.out, false, all);
}

static void keep_cursor(struct client *c, u16 w, u16 h, u16 hx, u16 hy, u32 *argb)
{
	free(c->cursor.argb);
	c->cursor = (struct client_cursor){w, h, hx, hy, argb, true};
}

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

/* ---- native -------------------------------------------------------------------------------- */

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
		}
	}
	c->decode_us = (u32)(client_now() - start);
	c->seq = k.seq;
	c->capture_us = k.capture_us;
	c->committed = c->ack_owed = true;
	c->commits++;
	return 0;
}

static int on_display(struct client *c, u16 kind, const u8 *p, u32 n)
{
	struct native_heads h;
	struct tileset t;
	int e = 0;

	if (!c->native)
		return ERR_CORRUPT;
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

static int on_hello(struct client *c, const u8 *p, u32 n)
{
	struct native_hello h, mine = {NATIVE_VERSION_MIN, NATIVE_VERSION_MAX, FEAT_VIDEO_444, {0}};

	if (native_get_hello(p, n, &h))
		return ERR_CORRUPT;
	if (h.version_min > NATIVE_VERSION_MAX || h.version_max < NATIVE_VERSION_MIN)
		return 0; /* no common version: plain RFB goes on */
	if (c->have_token)
		memcpy(mine.token, c->token, NATIVE_TOKEN);
	c->native = true;
	native_put_hello(&c->net.out, &mine);
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
	keep_cursor(c, k.w, k.h, k.hot_x, k.hot_y, argb);
	return 0;
}

static void keep_text(struct client *c, const u8 *p, u32 n)
{
	char *t = malloc((size_t)n + 1);

	if (!t)
		return;
	memcpy(t, p, n);
	t[n] = 0;
	free(c->clip_text);
	c->clip_text = t;
	c->clip_n = n;
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
			c->leds = p[3];
		return 0;
	case CH_CLIPBOARD:
		if (n > RFB_MAX_CLIPBOARD)
			return ERR_RANGE;
		keep_text(c, p, n);
		return 0;
	default:
		return channel < CH_COUNT ? 0 : ERR_CORRUPT;
	}
}

/* ---- plain RFB ------------------------------------------------------------------------------ */

static ssize_t raw_body(struct client *c, const u8 *p, size_t n, struct rect r)
{
	size_t need = (size_t)r.w * r.h * 4;

	if (n < need)
		return 0;
	for (u32 y = 0; y < r.h; y++) {
		u32 *px = image_at(&c->canvas, r.x, (u32)r.y + y);
		for (u32 x = 0; x < r.w; x++, p += 4)
			px[x] = (u32)p[2] << 16 | (u32)p[1] << 8 | p[0];
	}
	return (ssize_t)need;
}

static ssize_t cursor_body(struct client *c, const u8 *p, size_t n, struct rect r, bool alpha)
{
	size_t px = (size_t)r.w * r.h, row = ((size_t)r.w + 7) / 8;
	size_t need = alpha ? 4 + px * 4 : px * 4 + row * r.h;

	if (r.w > RFB_MAX_CURSOR || r.h > RFB_MAX_CURSOR)
		return ERR_RANGE;
	if (n < need)
		return 0;
	struct rbuf head = rbuf_of(p, n);
	if (alpha && get_s32(&head) != ENC_RAW)
		return ERR_UNSUPPORTED;
	u32 *argb = malloc(px * 4 + 4);
	if (!argb)
		return ERR_NOMEM;
	for (size_t i = 0; i < px; i++) {
		if (alpha) {
			const u8 *s = p + 4 + i * 4;
			argb[i] = (u32)s[3] << 24 | (u32)s[0] << 16 | (u32)s[1] << 8 | s[2];
		} else {
			const u8 *s = p + i * 4, *mask = p + px * 4;
			bool on = mask[i / r.w * row + i % r.w / 8] & 0x80 >> i % r.w % 8;
			argb[i] = on ? 0xff000000u | (u32)s[2] << 16 | (u32)s[1] << 8 | s[0] : 0;
		}
	}
	keep_cursor(c, r.w, r.h, r.x, r.y, argb);
	return (ssize_t)need;
}

/* Body of one rectangle. */
static ssize_t body(struct client *c, const u8 *p, size_t n, const struct rfb_rect *k)
{
	struct screen s[RFB_MAX_SCREENS];
	struct native_heads h = {k->r.w, k->r.h, 1, {{0, 0, k->r.w, k->r.h}}};
	struct rbuf r = rbuf_of(p, n);
	ssize_t used;
	u8 count;

	switch (k->encoding) {
	case ENC_RAW:
	case ENC_COPYRECT:
	case ENC_TIGHT:
	case ENC_ZRLE:
		if (!rect_inside(k->r, c->canvas.w, c->canvas.h))
			return ERR_RANGE;
		break;
	case ENC_DESKTOP_SIZE:
	case ENC_EXT_DESKTOP_SIZE:
		if (!h.width || !h.height || (u32)h.width * h.height > RFB_MAX_PIXELS ||
		    h.width > RFB_MAX_SIDE || h.height > RFB_MAX_SIDE)
			return ERR_RANGE;
		break;
	default:
		break;
	}
	switch (k->encoding) {
	case ENC_RAW:
		used = raw_body(c, p, n, k->r);
		break;
	case ENC_COPYRECT: {
		struct rect from = {get_u16(&r), 0, k->r.w, k->r.h};
		from.y = get_u16(&r);
		if (r.starved)
			return 0;
		if (!rect_inside(from, c->canvas.w, c->canvas.h))
			return ERR_RANGE;
		image_move(&c->canvas, from.x, from.y, k->r);
		used = 4;
		break;
	}
	case ENC_TIGHT:
		used = tight_get(&c->tight, p, n, &c->canvas, k->r);
		break;
	case ENC_ZRLE:
		used = zrle_get(&c->zrle, p, n, &c->canvas, k->r);
		break;
	case ENC_DESKTOP_SIZE:
		return client_resize(c, &h) ? ERR_NOMEM : NO_BODY;
	case ENC_EXT_DESKTOP_SIZE:
		used = rfb_parse_screens(p, n, s, &count);
		if (used <= 0)
			return used;
		if (h.width != c->canvas.w || h.height != c->canvas.h)
			if (client_resize(c, &h))
				return ERR_NOMEM;
		return used;
	case ENC_CURSOR:
		return k->r.w && k->r.h ? cursor_body(c, p, n, k->r, false) : NO_BODY;
	case ENC_CURSOR_ALPHA:
		return cursor_body(c, p, n, k->r, true);
	case ENC_QEMU_KEYS:
		c->qemu_keys = true;
		return NO_BODY;
	case ENC_LED_STATE:
		c->leds = get_u8(&r);
		return r.starved ? 0 : 1;
	case ENC_DESKTOP_NAME: {
		u32 len = get_u32(&r);
		if (!r.starved && len > RFB_MAX_NAME)
			return ERR_RANGE;
		const u8 *name = get_bytes(&r, len);
		if (!name)
			return 0;
		memcpy(c->hs.name, name, len);
		c->hs.name[len] = 0;
		return (ssize_t)r.at;
	}
	default:
		return ERR_UNSUPPORTED; /* never offered */
	}
	if (used > 0)
		tileset_add_rect(&c->painted, k->r);
	return used;
}

static void end_update(struct client *c)
{
	c->in_update = false;
	c->committed = true;
	c->commits++;
	if (!c->native)
		rfb_put_request(&c->net.out, true,
				(struct rect){0, 0, (u16)c->canvas.w, (u16)c->canvas.h});
}

static ssize_t update_rect(struct client *c, const u8 *p, size_t n)
{
	struct rfb_rect k;
	ssize_t head = rfb_parse_rect(p, n, &k), used;

	if (head <= 0)
		return head;
	if (k.encoding == ENC_LAST_RECT) {
		end_update(c);
		return head;
	}
	used = body(c, p + head, n - (size_t)head, &k);
	if (used == NO_BODY) /* has no body */
		used = 0;
	else if (used <= 0 && !(used == 0 && (!k.r.w || !k.r.h) && k.encoding == ENC_RAW))
		return used;
	if (--c->rects_left == 0)
		end_update(c);
	return head + used;
}

ssize_t client_message(struct client *c, const u8 *p, size_t n)
{
	struct rfb_server_msg m;

	if (c->in_update)
		return update_rect(c, p, n);
	ssize_t used = rfb_parse_server(p, n, c->conf->plain ? 0 : NATIVE_MAX_DOWN, &m);
	if (used <= 0)
		return used;
	switch (m.type) {
	case RFB_UPDATE:
		c->rects_left = m.rects;
		c->in_update = m.rects > 0;
		if (!m.rects)
			end_update(c);
		return used;
	case RFB_END_CONTINUOUS:
		return used; /* the request after each update serves as well */
	case RFB_SERVER_CUT_TEXT:
		if (!m.cut.ext)
			keep_text(c, m.cut.data, m.cut.n);
		return used;
	case RFB_SERVER_FENCE:
		if (m.fence.flags & FENCE_REQUEST)
			rfb_put_fence(&c->net.out, m.fence.flags & 7, m.fence.data, m.fence.n);
		return used;
	case RFB_NATIVE: {
		int e =
		    client_native(c, m.native.channel, m.native.kind, m.native.data, m.native.n);
		return e ? e : used;
	}
	default:
		return used;
	}
}

/* ---- what the person does ------------------------------------------------------------------- */

void client_shown(struct client *c, u32 present_us)
{
	struct native_ack a = {c->seq, c->decode_us, present_us, c->capture_us};

	c->committed = false;
	tileset_clear(&c->painted);
	if (!c->ack_owed || c->state != CLIENT_IN)
		return;
	c->ack_owed = false;
	native_put_ack(&c->net.out, &a);
	if (net_flush(&c->net))
		c->net.closed = true;
}

static void out(struct client *c)
{
	if (net_flush(&c->net))
		c->net.closed = true;
}

void client_key(struct client *c, bool down, u32 keysym, u32 scancode)
{
	if (c->state != CLIENT_IN)
		return;
	if (c->native)
		native_put_key(&c->net.out, down, keysym, scancode);
	else
		rfb_put_key(&c->net.out, down, keysym, c->qemu_keys ? scancode : 0);
	out(c);
}

void client_pointer(struct client *c, u16 x, u16 y, u16 buttons)
{
	struct native_pointer p = {
	    .x = x, .y = y, .buttons = buttons, .pressure = buttons & 1 ? 0xffff : 0};

	if (c->state != CLIENT_IN)
		return;
	if (c->native)
		native_put_pointer(&c->net.out, &p);
	else
		rfb_put_pointer(&c->net.out, (u8)buttons, x, y);
	out(c);
}

void client_relative(struct client *c, s16 dx, s16 dy, u16 buttons)
{
	if (c->state != CLIENT_IN || !c->native)
		return;
	native_put_relative(&c->net.out, dx, dy, buttons);
	out(c);
}

void client_release_all(struct client *c)
{
	if (c->state != CLIENT_IN || !c->native)
		return;
	native_put_bytes(&c->net.out, CH_INPUT, INP_RELEASE, NULL, 0);
	out(c);
}

void client_clipboard(struct client *c, const char *text, u32 n)
{
	if (c->state != CLIENT_IN || n > NATIVE_MAX_UP)
		return;
	if (c->native)
		native_put_bytes(&c->net.out, CH_CLIPBOARD, 1, text, n);
	else
		rfb_put_cut_latin1(&c->net.out, false, text, n);
	out(c);
}

void client_want_stats(struct client *c, bool on)
{
	u8 v = on;

	if (c->state != CLIENT_IN || !c->native)
		return;
	native_put_bytes(&c->net.out, CH_CONTROL, CTL_STATS, &v, 1);
	out(c);
}

void client_want_size(struct client *c, u16 w, u16 h)
{
	struct native_heads want = {w, h, 1, {{0, 0, w, h}}};

	if (c->state != CLIENT_IN || !w || !h)
		return;
	if (c->native)
		native_put_heads(&c->net.out, DSP_SET_SIZE, &want);
	else
		rfb_put_set_size(&c->net.out, w, h, &(struct screen){0, {0, 0, w, h}, 0}, 1);
	out(c);
}
