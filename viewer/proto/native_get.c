/* Messages of the native extension, read: every length and every value is the peer's. */
#include <string.h>
#include "viewer/proto/native.h"

/* A payload must be read to its end, neither less nor more. */
static int whole(const struct rbuf *r)
{
	return r->starved || rbuf_left(r) ? ERR_CORRUPT : 0;
}

int native_get_hello(const u8 *p, size_t n, struct native_hello *h)
{
	struct rbuf r = rbuf_of(p, n);

	h->version_min = get_u16(&r);
	h->version_max = get_u16(&r);
	h->features = get_u32(&r);
	const u8 *t = get_bytes(&r, NATIVE_TOKEN);
	if (t)
		memcpy(h->token, t, NATIVE_TOKEN);
	return r.starved ? ERR_CORRUPT : 0; /* later versions may add fields */
}

int native_get_u64(const u8 *p, size_t n, u64 *v)
{
	struct rbuf r = rbuf_of(p, n);

	*v = get_u64(&r);
	return whole(&r);
}

int native_get_credit(const u8 *p, size_t n, u8 *channel, u32 *bytes)
{
	struct rbuf r = rbuf_of(p, n);

	*channel = get_u8(&r);
	get_bytes(&r, 3);
	*bytes = get_u32(&r);
	if (whole(&r))
		return ERR_CORRUPT;
	return *channel < CH_COUNT ? 0 : ERR_RANGE;
}

int native_get_stats(const u8 *p, size_t n, struct native_stats *s)
{
	struct rbuf r = rbuf_of(p, n);

	s->fps_x10 = get_u32(&r);
	s->dropped = get_u32(&r);
	s->capture_us = get_u32(&r);
	s->encode_us = get_u32(&r);
	s->rtt_us = get_u32(&r);
	s->rate_kbps = get_u32(&r);
	s->bytes_exact = get_u32(&r);
	s->bytes_video = get_u32(&r);
	const u8 *e = get_bytes(&r, sizeof(s->encoder));
	if (e)
		memcpy(s->encoder, e, sizeof(s->encoder));
	s->encoder[sizeof(s->encoder) - 1] = 0;
	return whole(&r);
}

int native_get_heads(const u8 *p, size_t n, struct native_heads *h)
{
	struct rbuf r = rbuf_of(p, n);

	h->width = get_u16(&r);
	h->height = get_u16(&r);
	h->n = get_u8(&r);
	get_bytes(&r, 3);
	if (r.starved)
		return ERR_CORRUPT;
	if (!h->n || h->n > NATIVE_MAX_HEADS || !h->width || !h->height ||
	    h->width > RFB_MAX_SIDE || h->height > RFB_MAX_SIDE ||
	    (u32)h->width * h->height > RFB_MAX_PIXELS)
		return ERR_RANGE;
	for (u8 i = 0; i < h->n; i++) {
		h->list[i] = get_rect(&r);
		if (!rect_inside(h->list[i], h->width, h->height))
			return ERR_RANGE;
	}
	return whole(&r);
}

bool native_same_heads(const struct native_heads *a, const struct native_heads *b)
{
	return a->width == b->width && a->height == b->height && a->n == b->n &&
	       !memcmp(a->list, b->list, a->n * sizeof(a->list[0]));
}

struct native_copy native_get_copy(const u8 *p, u16 i)
{
	struct rbuf r = rbuf_of(p + (size_t)i * 12, 12);
	struct native_copy c;

	c.sx = get_u16(&r);
	c.sy = get_u16(&r);
	c.to = get_rect(&r);
	return c;
}

int native_check_copies(const u8 *p, size_t n, u16 w, u16 h, u16 *count)
{
	if (n % 12 || n / 12 > UINT16_MAX)
		return ERR_CORRUPT;
	*count = (u16)(n / 12);
	for (u16 i = 0; i < *count; i++) {
		struct native_copy c = native_get_copy(p, i);
		struct rect from = {c.sx, c.sy, c.to.w, c.to.h};

		if (!rect_inside(c.to, w, h) || !rect_inside(from, w, h))
			return ERR_RANGE;
	}
	return 0;
}

int native_get_commit(const u8 *p, size_t n, u16 w, u16 h, struct native_commit *c)
{
	struct rbuf r = rbuf_of(p, n);

	memset(c, 0, sizeof(*c));
	c->seq = get_u32(&r);
	c->capture_us = get_u64(&r);
	c->n = get_u8(&r);
	if (r.starved || c->n > NATIVE_MAX_HEADS)
		return ERR_CORRUPT;
	for (u8 i = 0; i < c->n; i++) {
		struct native_video *v = &c->video[i];

		v->stream = get_u8(&r);
		v->format = get_u8(&r);
		v->key = get_u8(&r) != 0;
		get_u8(&r);
		v->r = get_rect(&r);
		if (r.starved || v->stream >= NATIVE_MAX_HEADS ||
		    (v->format != VIDEO_H264_444 && v->format != VIDEO_H264_420))
			return ERR_CORRUPT;
		if (!v->r.w || !v->r.h || !rect_inside(v->r, w, h) || v->r.x % TILE_W ||
		    v->r.y % TILE_H)
			return ERR_RANGE;
		v->mask_bytes = (tiles_across(v->r.w) * tiles_down(v->r.h) + 7) / 8;
		v->mask = get_bytes(&r, v->mask_bytes);
	}
	return whole(&r);
}

int native_get_ack(const u8 *p, size_t n, struct native_ack *a)
{
	struct rbuf r = rbuf_of(p, n);

	a->seq = get_u32(&r);
	a->decode_us = get_u32(&r);
	a->present_us = get_u32(&r);
	a->capture_us = get_u64(&r);
	return whole(&r);
}

int native_get_sound_format(const u8 *p, size_t n, u32 *rate, u8 *channels)
{
	struct rbuf r = rbuf_of(p, n);

	*rate = get_u32(&r);
	*channels = get_u8(&r);
	get_bytes(&r, 3);
	if (whole(&r))
		return ERR_CORRUPT;
	return *rate == 48000 && (*channels == 1 || *channels == 2) ? 0 : ERR_RANGE;
}

int native_get_sound(const u8 *p, size_t n, struct native_sound *s)
{
	struct rbuf r = rbuf_of(p, n);

	s->position = get_u32(&r);
	s->capture_us = get_u64(&r);
	if (r.starved)
		return ERR_CORRUPT;
	if (rbuf_left(&r) > NATIVE_MAX_OPUS)
		return ERR_RANGE;
	s->n = (u32)rbuf_left(&r);
	s->packet = get_bytes(&r, s->n);
	return whole(&r);
}

int native_get_cursor(const u8 *p, size_t n, struct native_cursor_shape *c)
{
	struct rbuf r = rbuf_of(p, n);

	c->w = get_u16(&r);
	c->h = get_u16(&r);
	c->hot_x = get_u16(&r);
	c->hot_y = get_u16(&r);
	if (r.starved)
		return ERR_CORRUPT;
	if (c->w > RFB_MAX_CURSOR || c->h > RFB_MAX_CURSOR)
		return ERR_RANGE;
	c->argb = get_bytes(&r, (size_t)c->w * c->h * 4);
	return whole(&r);
}

int native_get_key(const u8 *p, size_t n, bool *down, u32 *keysym, u32 *scancode)
{
	struct rbuf r = rbuf_of(p, n);

	*down = get_u8(&r) != 0;
	get_bytes(&r, 3);
	*keysym = get_u32(&r);
	*scancode = get_u32(&r);
	return whole(&r);
}

int native_get_pointer(const u8 *p, size_t n, struct native_pointer *o)
{
	struct rbuf r = rbuf_of(p, n);

	o->x = get_u16(&r);
	o->y = get_u16(&r);
	o->buttons = get_u16(&r);
	o->pressure = get_u16(&r);
	o->tilt_x = (s16)get_u16(&r);
	o->tilt_y = (s16)get_u16(&r);
	return whole(&r);
}

int native_get_relative(const u8 *p, size_t n, s16 *dx, s16 *dy, u16 *buttons)
{
	struct rbuf r = rbuf_of(p, n);

	*dx = (s16)get_u16(&r);
	*dy = (s16)get_u16(&r);
	*buttons = get_u16(&r);
	get_u16(&r);
	return whole(&r);
}

int native_get_six_axes(const u8 *p, size_t n, s16 axes[6], u32 *buttons)
{
	struct rbuf r = rbuf_of(p, n);

	for (int i = 0; i < 6; i++)
		axes[i] = (s16)get_u16(&r);
	*buttons = get_u32(&r);
	return whole(&r);
}
