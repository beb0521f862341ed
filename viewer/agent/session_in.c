#include <string.h>
#include <zlib.h>

#include "core/base/err.h"
#include "viewer/agent/session_in.h"

bool session_may_touch(struct session *s)
{
	s->input_us = now_us();
	return !s->agent->conf.view_only;
}

void session_key(struct session *s, bool down, u32 keysym, u32 scancode)
{
	struct agent *a = s->agent;
	u32 i;

	if (!session_may_touch(s))
		return;
	for (i = 0; i < s->ndown; i++)
		if (s->down[i].keysym == keysym && s->down[i].scancode == scancode)
			break;
	if (down && i == s->ndown) {
		if (s->ndown == SESSION_MAX_DOWN)
			return; /* no hand holds that many */
		s->down[s->ndown].keysym = keysym;
		s->down[s->ndown++].scancode = scancode;
	} else if (!down && i < s->ndown) {
		s->down[i] = s->down[--s->ndown];
	}
	a->input_ops->key(a->input, down, keysym, scancode);
}

void session_pointer(struct session *s, const struct native_pointer *p)
{
	struct agent *a = s->agent;
	const struct native_heads *h = &a->desktop.heads;
	struct native_pointer q = *p;

	if (!session_may_touch(s))
		return;
	q.x = q.x < h->width ? q.x : (u16)(h->width - 1);
	q.y = q.y < h->height ? q.y : (u16)(h->height - 1);
	s->buttons = q.buttons;
	s->x = q.x;
	s->y = q.y;
	a->input_ops->pointer(a->input, &q);
	if (a->desktop.ops->pointed)
		a->desktop.ops->pointed(a->desktop.capture, q.x, q.y);
}

void session_release(struct session *s)
{
	struct agent *a = s->agent;

	for (u32 i = 0; i < s->ndown; i++)
		a->input_ops->key(a->input, false, s->down[i].keysym, s->down[i].scancode);
	s->ndown = 0;
	if (s->buttons) {
		struct native_pointer p = {.x = s->x, .y = s->y};

		a->input_ops->pointer(a->input, &p);
		s->buttons = 0;
	}
	if (s->axes) {
		static const s16 rest[6];

		a->input_ops->six_axes(a->input, rest, 0);
		s->axes = false;
	}
}

static void fence(struct session *s, const struct rfb_fence *f)
{
	/* Everything is handled in order and at once, so every kind of fence is kept already. */
	if (!(f->flags & FENCE_REQUEST))
		return;
	rfb_put_fence(&s->net.out,
		      f->flags & (FENCE_BLOCK_BEFORE | FENCE_BLOCK_AFTER | FENCE_SYNC_NEXT),
		      f->data, f->n);
}

static void set_size(struct session *s, const struct rfb_client_msg *m)
{
	struct agent *a = s->agent;
	struct native_heads want = {.width = m->size.w, .height = m->size.h};

	want.n = m->size.n < NATIVE_MAX_HEADS ? m->size.n : NATIVE_MAX_HEADS;
	for (u8 i = 0; i < want.n; i++)
		want.list[i] = m->size.list[i].r;
	int e = !want.n || !want.width || !want.height ? ERR_INVAL
		: a->conf.view_only		       ? ERR_PERM
				    : a->desktop.ops->resize(a->desktop.capture, &want);
	s->rfb.screens_reason = SCREENS_BY_THIS;
	s->rfb.screens_status = !e		 ? SCREENS_OK
				: e == ERR_INVAL ? SCREENS_INVALID
						 : SCREENS_PROHIBITED;
	s->rfb.send_screens = true;
	s->rfb.asked = true; /* an answer is due whether or not one was asked for */
}

static void begin_native(struct session *s)
{
	struct native_hello h = {
	    NATIVE_VERSION_MIN, NATIVE_VERSION_MAX, FEAT_VIDEO_444 | FEAT_SIX_AXES, {0}};

	if (s->agent->encoder->format == VIDEO_H264_420)
		h.features |= FEAT_VIDEO_420;
	if (s->agent->sound.source)
		h.features |= FEAT_AUDIO;
	native_put_hello(&s->net.out, &h);
}

static void encodings(struct session *s, const struct rfb_client_msg *m)
{
	rfb_out_encodings(
	    &s->rfb, m->encodings.list, m->encodings.n, &s->net.out, &s->agent->desktop,
	    s->agent->encoder->format == VIDEO_H264_420 ? s->agent->encoder : &video_soft,
	    s->agent->event_fd);
	session_greet_clipboard(s);
	for (u16 i = 0; !s->native && !s->net.websocket && i < m->encodings.n; i++)
		if (m->encodings.list[i] == ENC_CAPROCK)
			begin_native(s);
}

static int message(struct session *s, const struct rfb_client_msg *m)
{
	const struct native_heads *h = &s->agent->desktop.heads;

	switch (m->type) {
	case RFB_SET_PIXEL_FORMAT:
		s->rfb.format = m->format;
		tileset_fill(&s->rfb.dirty);
		return 0;
	case RFB_SET_ENCODINGS:
		encodings(s, m);
		return 0;
	case RFB_UPDATE_REQUEST: {
		struct rect r = m->request.r;

		if (!rect_inside(r, h->width, h->height)) /* of the size before, or none */
			r = (struct rect){0, 0, h->width, h->height};
		if (!s->native)
			rfb_out_request(&s->rfb, m->request.incremental, r);
		return 0;
	}
	case RFB_KEY_EVENT:
		session_key(s, m->key.down, m->key.keysym, m->key.scancode);
		return 0;
	case RFB_POINTER_EVENT: {
		struct native_pointer p = {
		    .x = m->pointer.x, .y = m->pointer.y, .buttons = m->pointer.buttons};
		session_pointer(s, &p);
		return 0;
	}
	case RFB_CLIENT_CUT_TEXT:
		return session_cut(s, &m->cut);
	case RFB_ENABLE_CONTINUOUS: {
		if (!s->rfb.continuous)
			return ERR_CORRUPT;
		if (s->rfb.streaming && !m->continuous.enable) {
			put_u8(&s->net.out, RFB_END_CONTINUOUS);
		}
		s->rfb.streaming = m->continuous.enable && !s->native;
		return 0;
	}
	case RFB_CLIENT_FENCE:
		fence(s, &m->fence);
		return 0;
	case RFB_SET_DESKTOP_SIZE:
		set_size(s, m);
		return 0;
	case RFB_NATIVE:
		return session_native(s, m);
	default:
		return ERR_CORRUPT;
	}
}

int session_input(struct session *s)
{
	static struct rfb_client_msg m;
	size_t at = 0;
	int e = 0;

	while (at < s->net.in.n) {
		ssize_t n = rfb_parse_client(s->net.in.p + at, s->net.in.n - at,
					     s->net.websocket ? 0 : NATIVE_MAX_UP, &m);
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		e = message(s, &m);
		if (e)
			return e;
		at += (size_t)n;
	}
	wbuf_eat(&s->net.in, at);
	return s->net.in.n == s->net.in.limit ? ERR_RANGE : 0;
}
