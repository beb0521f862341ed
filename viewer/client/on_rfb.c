/* What a server says in RFB, and what is painted from it. */
#include <stdlib.h>
#include <string.h>

#include "viewer/client/client.h"
#include "viewer/proto/clip.h"

#define NO_BODY (-1000) /* a pseudo-rectangle without one: all of it was read */

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
	client_keep_cursor(c, r.w, r.h, r.x, r.y, argb);
	return (ssize_t)need;
}

/* Screens that lie outside of the framebuffer, or are empty, are left out. */
static void take_screens(struct native_heads *h, const struct screen *s, u8 n)
{
	u8 kept = 0;

	for (u8 i = 0; i < n && kept < NATIVE_MAX_HEADS; i++)
		if (s[i].r.w && s[i].r.h && rect_inside(s[i].r, h->width, h->height))
			h->list[kept++] = s[i].r;
	if (kept)
		h->n = kept;
	else
		h->list[0] = (struct rect){0, 0, h->width, h->height};
}

static ssize_t copy_body(struct client *c, const u8 *p, size_t n, struct rect to)
{
	struct rbuf r = rbuf_of(p, n);
	struct rect from = {get_u16(&r), 0, to.w, to.h};

	from.y = get_u16(&r);
	if (r.starved)
		return 0;
	if (!rect_inside(from, c->canvas.w, c->canvas.h))
		return ERR_RANGE;
	image_move(&c->canvas, from.x, from.y, to);
	return (ssize_t)r.at;
}

static ssize_t h264_body(struct client *c, const u8 *p, size_t n, struct rect r)
{
	bool lost;
	ssize_t used = open_h264_get(&c->h264, p, n, r, &c->canvas, &lost);

	if (lost) /* a request that is not incremental makes the server begin anew */
		rfb_put_request(&c->net.out, false,
				(struct rect){0, 0, (u16)c->canvas.w, (u16)c->canvas.h});
	return used;
}

static ssize_t name_body(struct client *c, const u8 *p, size_t n)
{
	struct rbuf r = rbuf_of(p, n);
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

/* The desktop has another size, and perhaps other screens. */
static ssize_t size_body(struct client *c, const u8 *p, size_t n, const struct rfb_rect *k)
{
	struct native_heads h = {k->r.w, k->r.h, 1, {{0, 0, k->r.w, k->r.h}}};
	struct screen s[RFB_MAX_SCREENS];
	ssize_t used;
	u8 count;

	if (!h.width || !h.height || (u32)h.width * h.height > RFB_MAX_PIXELS ||
	    h.width > RFB_MAX_SIDE || h.height > RFB_MAX_SIDE)
		return ERR_RANGE;
	if (k->encoding == ENC_DESKTOP_SIZE)
		return client_resize(c, &h) ? ERR_NOMEM : NO_BODY;
	used = rfb_parse_screens(p, n, s, &count);
	if (used <= 0)
		return used;
	take_screens(&h, s, count);
	if (!native_same_heads(&h, &c->heads) && client_resize(c, &h))
		return ERR_NOMEM;
	return used;
}

/* A rectangle of pixels. */
static ssize_t pixels_body(struct client *c, const u8 *p, size_t n, const struct rfb_rect *k)
{
	ssize_t used = ERR_UNSUPPORTED;

	if (!rect_inside(k->r, c->canvas.w, c->canvas.h))
		return ERR_RANGE;
	switch (k->encoding) {
	case ENC_RAW:
		used = raw_body(c, p, n, k->r);
		break;
	case ENC_COPYRECT:
		used = copy_body(c, p, n, k->r);
		break;
	case ENC_TIGHT:
		used = tight_get(&c->tight, p, n, &c->canvas, k->r);
		break;
	case ENC_ZRLE:
		used = zrle_get(&c->zrle, p, n, &c->canvas, k->r);
		break;
	case ENC_OPEN_H264:
		used = h264_body(c, p, n, k->r);
		break;
	}
	if (used > 0) {
		tileset_add_rect(&c->painted, k->r);
		/* An agent of ours says so itself; of what it sends before it does, some is JPEG. */
		if (!c->native)
			tileset_add_rect(&c->exact, k->r);
	}
	return used;
}

/* Body of one rectangle. */
static ssize_t body(struct client *c, const u8 *p, size_t n, const struct rfb_rect *k)
{
	switch (k->encoding) {
	case ENC_RAW:
	case ENC_COPYRECT:
	case ENC_TIGHT:
	case ENC_ZRLE:
	case ENC_OPEN_H264:
		return pixels_body(c, p, n, k);
	case ENC_DESKTOP_SIZE:
	case ENC_EXT_DESKTOP_SIZE:
		return size_body(c, p, n, k);
	case ENC_CURSOR:
		return k->r.w && k->r.h ? cursor_body(c, p, n, k->r, false) : NO_BODY;
	case ENC_CURSOR_ALPHA:
		return cursor_body(c, p, n, k->r, true);
	case ENC_QEMU_KEYS:
		c->qemu_keys = true;
		return NO_BODY;
	case ENC_LED_STATE:
		if (!n)
			return 0;
		client_keep_locks(c, p[0]);
		return 1;
	case ENC_DESKTOP_NAME:
		return name_body(c, p, n);
	default:
		return ERR_UNSUPPORTED; /* never offered */
	}
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

/* Damaged text is left out; the rest of the session does not depend on it. */
static void on_cut(struct client *c, const struct rfb_cut *cut)
{
	struct wbuf text = {0};

	if (!cut->ext) {
		clip_from_latin1(&text, cut->data, cut->n);
	} else if (cut->flags & CLIP_CAPS) {
		c->ext_clipboard = true;
		clip_put_caps(&c->net.out, false);
	} else if (cut->flags & CLIP_PROVIDE) {
		if (clip_get_text(cut, &text))
			text.n = 0;
	} else if (cut->flags & CLIP_NOTIFY && cut->flags & CLIP_TEXT) {
		clip_put_word(&c->net.out, false, CLIP_REQUEST);
	} else if (cut->flags & CLIP_REQUEST && c->own_text.n) {
		clip_put_text(&c->net.out, false, (const char *)c->own_text.p, (u32)c->own_text.n);
	}
	if (text.n && !text.failed)
		client_keep_text(c, text.p, (u32)text.n);
	wbuf_free(&text);
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
		on_cut(c, &m.cut);
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
