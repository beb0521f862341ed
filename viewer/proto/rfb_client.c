/* What a client says: read by the server, written by the client. */
#include <string.h>

#include "viewer/proto/rfb.h"

static ssize_t done(const struct rbuf *r)
{
	return r->starved ? 0 : (ssize_t)r->at;
}

ssize_t rfb_parse_format(const u8 *p, size_t n, struct pixel_format *f)
{
	struct rbuf r = rbuf_of(p, n);

	f->bpp = get_u8(&r);
	f->depth = get_u8(&r);
	f->big_endian = get_u8(&r) != 0;
	f->true_colour = get_u8(&r) != 0;
	for (int i = 0; i < 3; i++)
		f->max[i] = get_u16(&r);
	for (int i = 0; i < 3; i++)
		f->shift[i] = get_u8(&r);
	get_bytes(&r, 3);
	return done(&r);
}

static ssize_t parse_encodings(struct rbuf *r, struct rfb_client_msg *m)
{
	get_u8(r);
	u16 n = get_u16(r);
	const u8 *list = get_bytes(r, (size_t)n * 4);

	if (!list && n)
		return 0;
	struct rbuf e = rbuf_of(list, (size_t)n * 4);
	m->encodings.n = n < RFB_MAX_ENCODINGS ? n : RFB_MAX_ENCODINGS;
	for (u16 i = 0; i < m->encodings.n; i++)
		m->encodings.list[i] = get_s32(&e);
	return done(r);
}

/* A negative length announces the extended clipboard: flags, then bytes. */
static ssize_t parse_cut(struct rbuf *r, struct rfb_cut *c)
{
	get_bytes(r, 3);
	s32 n = get_s32(r);

	if (r->starved)
		return 0;
	if (n == INT32_MIN)
		return ERR_RANGE;
	u32 len = n < 0 ? (u32)-n : (u32)n;
	if (len > RFB_MAX_CLIPBOARD)
		return ERR_RANGE;
	*c = (struct rfb_cut){.ext = n < 0};
	if (c->ext) {
		if (len < 4)
			return ERR_CORRUPT;
		c->flags = get_u32(r);
		len -= 4;
	}
	c->n = len;
	c->data = get_bytes(r, len);
	return done(r);
}

static ssize_t parse_fence(struct rbuf *r, struct rfb_fence *f)
{
	get_bytes(r, 3);
	f->flags = get_u32(r);
	f->n = get_u8(r);
	if (!r->starved && f->n > RFB_MAX_FENCE)
		return ERR_RANGE;
	const u8 *d = get_bytes(r, f->n);
	if (d)
		memcpy(f->data, d, f->n);
	return done(r);
}

static ssize_t parse_set_size(struct rbuf *r, struct rfb_client_msg *m)
{
	get_u8(r);
	m->size.w = get_u16(r);
	m->size.h = get_u16(r);
	m->size.n = get_u8(r);
	get_u8(r);
	if (!r->starved && m->size.n > RFB_MAX_SCREENS)
		return ERR_RANGE;
	for (u8 i = 0; !r->starved && i < m->size.n; i++) {
		m->size.list[i].id = get_u32(r);
		m->size.list[i].r = get_rect(r);
		m->size.list[i].flags = get_u32(r);
	}
	return done(r);
}

static ssize_t parse_qemu(struct rbuf *r, struct rfb_client_msg *m)
{
	u8 sub = get_u8(r);

	if (!r->starved && sub != 0)
		return ERR_UNSUPPORTED; /* audio and the like were never offered */
	m->type = RFB_KEY_EVENT;
	m->key.down = get_u16(r) != 0;
	m->key.keysym = get_u32(r);
	m->key.scancode = get_u32(r);
	return done(r);
}

static ssize_t parse_native(struct rbuf *r, u32 max, u8 *channel, u16 *kind, const u8 **data,
			    u32 *n)
{
	*channel = get_u8(r);
	*kind = get_u16(r);
	*n = get_u32(r);
	if (r->starved)
		return 0;
	if (*n > max)
		return ERR_RANGE;
	*data = get_bytes(r, *n);
	return done(r);
}

ssize_t rfb_parse_client(const u8 *p, size_t n, u32 native_max, struct rfb_client_msg *m)
{
	struct rbuf r = rbuf_of(p, n);

	m->type = get_u8(&r);
	if (r.starved)
		return 0;
	switch (m->type) {
	case RFB_SET_PIXEL_FORMAT: {
		get_bytes(&r, 3);
		const u8 *f = get_bytes(&r, 16);
		if (!f)
			return 0;
		if (rfb_parse_format(f, 16, &m->format) <= 0 || pixel_format_check(&m->format))
			return ERR_CORRUPT;
		return done(&r);
	}
	case RFB_SET_ENCODINGS:
		return parse_encodings(&r, m);
	case RFB_UPDATE_REQUEST:
		m->request.incremental = get_u8(&r) != 0;
		m->request.r = get_rect(&r);
		return done(&r);
	case RFB_KEY_EVENT:
		m->key.down = get_u8(&r) != 0;
		get_u16(&r);
		m->key.keysym = get_u32(&r);
		m->key.scancode = 0;
		return done(&r);
	case RFB_POINTER_EVENT:
		m->pointer.buttons = get_u8(&r);
		m->pointer.x = get_u16(&r);
		m->pointer.y = get_u16(&r);
		return done(&r);
	case RFB_CLIENT_CUT_TEXT:
		return parse_cut(&r, &m->cut);
	case RFB_ENABLE_CONTINUOUS:
		m->continuous.enable = get_u8(&r) != 0;
		m->continuous.r = get_rect(&r);
		return done(&r);
	case RFB_CLIENT_FENCE:
		return parse_fence(&r, &m->fence);
	case RFB_SET_DESKTOP_SIZE:
		return parse_set_size(&r, m);
	case RFB_QEMU_CLIENT:
		return parse_qemu(&r, m);
	case RFB_NATIVE:
		if (!native_max)
			return ERR_CORRUPT;
		return parse_native(&r, native_max, &m->native.channel, &m->native.kind,
				    &m->native.data, &m->native.n);
	default:
		return ERR_CORRUPT;
	}
}

ssize_t rfb_parse_server(const u8 *p, size_t n, u32 native_max, struct rfb_server_msg *m)
{
	struct rbuf r = rbuf_of(p, n);

	m->type = get_u8(&r);
	if (r.starved)
		return 0;
	switch (m->type) {
	case RFB_UPDATE:
		get_u8(&r);
		m->rects = get_u16(&r);
		return done(&r);
	case RFB_COLOUR_MAP: {
		get_u8(&r);
		get_u16(&r);
		u16 count = get_u16(&r);
		get_bytes(&r, (size_t)count * 6);
		return done(&r);
	}
	case RFB_BELL:
	case RFB_END_CONTINUOUS:
		return done(&r);
	case RFB_SERVER_CUT_TEXT:
		return parse_cut(&r, &m->cut);
	case RFB_SERVER_FENCE:
		return parse_fence(&r, &m->fence);
	case RFB_NATIVE:
		if (!native_max)
			return ERR_CORRUPT;
		return parse_native(&r, native_max, &m->native.channel, &m->native.kind,
				    &m->native.data, &m->native.n);
	default:
		return ERR_CORRUPT;
	}
}

ssize_t rfb_parse_rect(const u8 *p, size_t n, struct rfb_rect *out)
{
	struct rbuf r = rbuf_of(p, n);

	out->r = get_rect(&r);
	out->encoding = get_s32(&r);
	return done(&r);
}

ssize_t rfb_parse_screens(const u8 *p, size_t n, struct screen *s, u8 *count)
{
	struct rbuf r = rbuf_of(p, n);

	*count = get_u8(&r);
	get_bytes(&r, 3);
	if (!r.starved && *count > RFB_MAX_SCREENS)
		return ERR_RANGE;
	for (u8 i = 0; !r.starved && i < *count; i++) {
		s[i].id = get_u32(&r);
		s[i].r = get_rect(&r);
		s[i].flags = get_u32(&r);
	}
	return done(&r);
}

void rfb_put_encodings(struct wbuf *w, const s32 *list, u16 n)
{
	put_u8(w, RFB_SET_ENCODINGS);
	put_u8(w, 0);
	put_u16(w, n);
	for (u16 i = 0; i < n; i++)
		put_s32(w, list[i]);
}

void rfb_put_request(struct wbuf *w, bool incremental, struct rect r)
{
	put_u8(w, RFB_UPDATE_REQUEST);
	put_u8(w, incremental);
	put_rect(w, r);
}

void rfb_put_key(struct wbuf *w, bool down, u32 keysym, u32 scancode)
{
	if (scancode) {
		put_u8(w, RFB_QEMU_CLIENT);
		put_u8(w, 0);
		put_u16(w, down);
		put_u32(w, keysym);
		put_u32(w, scancode);
		return;
	}
	put_u8(w, RFB_KEY_EVENT);
	put_u8(w, down);
	put_u16(w, 0);
	put_u32(w, keysym);
}

void rfb_put_pointer(struct wbuf *w, u8 buttons, u16 x, u16 y)
{
	put_u8(w, RFB_POINTER_EVENT);
	put_u8(w, buttons);
	put_u16(w, x);
	put_u16(w, y);
}

void rfb_put_continuous(struct wbuf *w, bool enable, struct rect r)
{
	put_u8(w, RFB_ENABLE_CONTINUOUS);
	put_u8(w, enable);
	put_rect(w, r);
}

static void put_screen_list(struct wbuf *w, const struct screen *s, u8 n)
{
	for (u8 i = 0; i < n; i++) {
		put_u32(w, s[i].id);
		put_rect(w, s[i].r);
		put_u32(w, s[i].flags);
	}
}

void rfb_put_set_size(struct wbuf *w, u16 width, u16 height, const struct screen *s, u8 n)
{
	put_u8(w, RFB_SET_DESKTOP_SIZE);
	put_u8(w, 0);
	put_u16(w, width);
	put_u16(w, height);
	put_u8(w, n);
	put_u8(w, 0);
	put_screen_list(w, s, n);
}

void rfb_put_fence(struct wbuf *w, u32 flags, const void *data, u8 n)
{
	put_u8(w, RFB_CLIENT_FENCE); /* both directions use 248 */
	put_zero(w, 3);
	put_u32(w, flags);
	put_u8(w, n);
	put_bytes(w, data, n);
}

void rfb_put_cut_latin1(struct wbuf *w, bool server, const void *text, u32 n)
{
	put_u8(w, server ? RFB_SERVER_CUT_TEXT : RFB_CLIENT_CUT_TEXT);
	put_zero(w, 3);
	put_u32(w, n);
	put_bytes(w, text, n);
}

void rfb_put_cut_ext(struct wbuf *w, bool server, u32 flags, const void *data, u32 n)
{
	put_u8(w, server ? RFB_SERVER_CUT_TEXT : RFB_CLIENT_CUT_TEXT);
	put_zero(w, 3);
	put_s32(w, -(s32)(n + 4));
	put_u32(w, flags);
	put_bytes(w, data, n);
}

void rfb_put_screens(struct wbuf *w, u16 reason, u16 status, u16 width, u16 height,
		     const struct screen *s, u8 n)
{
	rfb_put_rect(w, (struct rect){reason, status, width, height}, ENC_EXT_DESKTOP_SIZE);
	put_u8(w, n);
	put_zero(w, 3);
	put_screen_list(w, s, n);
}
