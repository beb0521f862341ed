#include <string.h>
#include <zlib.h>

#include "core/base/err.h"
#include "viewer/agent/session_in.h"
#include "viewer/net/websocket.h"

/* Extended clipboard flags (rfbproto). */
enum {
	CLIP_TEXT = 1 << 0,
	CLIP_CAPS = 1 << 24,
	CLIP_REQUEST = 1 << 25,
	CLIP_PEEK = 1 << 26,
	CLIP_NOTIFY = 1 << 27,
	CLIP_PROVIDE = 1 << 28,
};

static bool may_touch(struct session *s)
{
	s->input_us = now_us();
	return !s->agent->conf.view_only;
}

static void key(struct session *s, bool down, u32 keysym, u32 scancode)
{
	struct agent *a = s->agent;
	u32 i;

	if (!may_touch(s))
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

static void pointer(struct session *s, const struct native_pointer *p)
{
	struct agent *a = s->agent;
	const struct native_heads *h = &a->desktop.heads;
	struct native_pointer q = *p;

	if (!may_touch(s))
		return;
	q.x = q.x < h->width ? q.x : (u16)(h->width - 1);
	q.y = q.y < h->height ? q.y : (u16)(h->height - 1);
	s->buttons = q.buttons;
	s->x = q.x;
	s->y = q.y;
	a->input_ops->pointer(a->input, &q);
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
}

static void text_in(struct session *s, const char *text, u32 n)
{
	struct agent *a = s->agent;

	if (a->clipboard && a->conf.clipboard & CLIP_TO_DESKTOP && !a->conf.view_only)
		clipboard_set(a->clipboard, text, n);
}

/* Latin-1 to UTF-8; out has room for 2n. */
static u32 utf8_from_latin1(const u8 *in, u32 n, char *out)
{
	u32 k = 0;

	for (u32 i = 0; i < n; i++) {
		if (in[i] < 0x80) {
			out[k++] = (char)in[i];
		} else {
			out[k++] = (char)(0xc0 | in[i] >> 6);
			out[k++] = (char)(0x80 | (in[i] & 0x3f));
		}
	}
	return k;
}

static int clip_provide_in(struct session *s, const struct rfb_cut *c)
{
	static u8 buf[RFB_MAX_CLIPBOARD + 8];
	z_stream z = {0};

	if (inflateInit(&z) != Z_OK)
		return ERR_NOMEM;
	z.next_in = (Bytef *)c->data;
	z.avail_in = c->n;
	z.next_out = buf;
	z.avail_out = sizeof(buf);
	int e = inflate(&z, Z_SYNC_FLUSH);
	size_t got = sizeof(buf) - z.avail_out;
	inflateEnd(&z);
	if (e != Z_OK && e != Z_STREAM_END)
		return e == Z_BUF_ERROR ? ERR_RANGE : ERR_CORRUPT;
	struct rbuf r = rbuf_of(buf, got);
	u32 n = get_u32(&r);
	const u8 *text = get_bytes(&r, n);
	if (!text)
		return ERR_CORRUPT;
	while (n && !text[n - 1])
		n--;
	text_in(s, (const char *)text, n);
	return 0;
}

static void clip_provide_out(struct session *s, const char *text, u32 n)
{
	struct wbuf plain = {0}, packed = {0};

	put_u32(&plain, n + 1);
	put_bytes(&plain, text, n);
	put_u8(&plain, 0);
	uLongf size = compressBound(plain.n);
	u8 *d = wbuf_room(&packed, size);
	if (d && compress(d, &size, plain.p, plain.n) == Z_OK) {
		size_t from = s->net.out.n;
		rfb_put_cut_ext(&s->net.out, true, CLIP_PROVIDE | CLIP_TEXT, d, (u32)size);
		if (s->net.websocket)
			websocket_frame(&s->net, from);
	}
	wbuf_free(&plain);
	wbuf_free(&packed);
}

static int cut(struct session *s, const struct rfb_cut *c)
{
	static char utf8[2 * RFB_MAX_CLIPBOARD];
	struct agent *a = s->agent;

	if (!c->ext) {
		text_in(s, utf8, utf8_from_latin1(c->data, c->n, utf8));
		return 0;
	}
	if (c->flags & CLIP_CAPS)
		return 0;
	if (c->flags & CLIP_PROVIDE)
		return clip_provide_in(s, c);
	if (c->flags & CLIP_NOTIFY && c->flags & CLIP_TEXT) {
		rfb_put_cut_ext(&s->net.out, true, CLIP_REQUEST | CLIP_TEXT, NULL, 0);
	} else if (c->flags & CLIP_REQUEST && a->clipboard && a->conf.clipboard & CLIP_TO_VIEWER) {
		u32 n;
		const char *text = clipboard_text(a->clipboard, &n);
		if (text)
			clip_provide_out(s, text, n);
	}
	return 0;
}

void session_clipboard(struct session *s, const char *text, u32 n)
{
	size_t from = s->net.out.n;

	if (s->state != SESSION_RUN || !(s->agent->conf.clipboard & CLIP_TO_VIEWER))
		return;
	if (s->native) {
		native_put_bytes(&s->net.out, CH_CLIPBOARD, 1, text, n);
		return;
	}
	if (s->rfb.ext_clipboard) {
		rfb_put_cut_ext(&s->net.out, true, CLIP_NOTIFY | CLIP_TEXT, NULL, 0);
	} else {
		/* Latin-1 is all that plain RFB has: what it lacks becomes '?'. */
		struct wbuf w = {0};
		for (u32 i = 0; i < n; i++) {
			u8 c = (u8)text[i];
			if (c < 0x80)
				put_u8(&w, c);
			else if ((c & 0xfc) == 0xc0 && i + 1 < n)
				put_u8(&w, (u8)(c << 6 | ((u8)text[++i] & 0x3f)));
			else if ((c & 0xc0) == 0xc0)
				put_u8(&w, '?');
		}
		rfb_put_cut_latin1(&s->net.out, true, w.p, (u32)w.n);
		wbuf_free(&w);
	}
	if (s->net.websocket)
		websocket_frame(&s->net, from);
}

static void fence(struct session *s, const struct rfb_fence *f)
{
	size_t from = s->net.out.n;

	/* Everything is handled in order and at once, so every kind of fence is kept already. */
	if (!(f->flags & FENCE_REQUEST))
		return;
	rfb_put_fence(&s->net.out,
		      f->flags & (FENCE_BLOCK_BEFORE | FENCE_BLOCK_AFTER | FENCE_SYNC_NEXT),
		      f->data, f->n);
	if (s->net.websocket)
		websocket_frame(&s->net, from);
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

	native_put_hello(&s->net.out, &h);
}

static void encodings(struct session *s, const struct rfb_client_msg *m)
{
	size_t from = s->net.out.n;

	rfb_out_encodings(&s->rfb, m->encodings.list, m->encodings.n, &s->net.out);
	if (s->rfb.ext_clipboard && s->agent->clipboard) {
		u8 size[4] = {0, RFB_MAX_CLIPBOARD >> 16, 0, 0};
		rfb_put_cut_ext(&s->net.out, true,
				CLIP_CAPS | CLIP_TEXT | CLIP_REQUEST | CLIP_NOTIFY | CLIP_PROVIDE,
				size, 4);
	}
	if (s->net.websocket && s->net.out.n > from)
		websocket_frame(&s->net, from);
	for (u16 i = 0; !s->native && !s->net.websocket && i < m->encodings.n; i++)
		if (m->encodings.list[i] == ENC_CAPROCK)
			begin_native(s);
}

void session_put_cursor(struct session *s)
{
	const struct capture_cursor *c = s->agent->desktop.ops->cursor(s->agent->desktop.capture);

	native_put_cursor(&s->net.out, c->argb ? c->w : 0, c->argb ? c->h : 0, c->hot_x, c->hot_y,
			  c->argb);
}

int session_renew_native(struct session *s)
{
	struct agent *a = s->agent;

	native_out_free(&s->out);
	int e = native_out_init(&s->out, &a->desktop, a->encoder, a->conf.threads, a->conf.effort,
				a->event_fd);
	if (!e)
		native_put_heads(&s->net.out, DSP_HEADS, &a->desktop.heads);
	return e;
}

/* A resume token presented in HELLO ends the session that it came from, if that lingers. */
static void replace_old(struct session *s, const u8 token[NATIVE_TOKEN])
{
	struct agent *a = s->agent;

	for (u32 i = 0; i < a->nsessions; i++) {
		struct session *o = a->sessions[i];

		if (o != s && o->state == SESSION_RUN && o->native &&
		    !gnutls_memcmp(o->token, token, NATIVE_TOKEN)) {
			o->polite = true; /* its person is here: no lock, no second resume */
			session_close(o, "resumed by a new connection");
			return;
		}
	}
}

static int hello(struct session *s, const u8 *p, u32 n)
{
	static const u8 none[NATIVE_TOKEN];
	struct agent *a = s->agent;
	struct native_hello h;
	char user[64];

	if (s->native || native_get_hello(p, n, &h))
		return ERR_CORRUPT;
	if (h.version_min > NATIVE_VERSION_MAX || h.version_max < NATIVE_VERSION_MIN)
		return ERR_VERSION;
	if (!(h.features & FEAT_VIDEO_444))
		return ERR_UNSUPPORTED;
	if (memcmp(h.token, none, NATIVE_TOKEN)) {
		replace_old(s, h.token);
		if (!ticket_use(&a->tickets, h.token, now_us(), user))
			s->resumed = true;
	}
	s->native = true; /* from here on session_close frees it */
	if (ticket_new(&a->tickets, s->user, UINT64_MAX, s->token))
		return ERR_IO;
	native_put_bytes(&s->net.out, CH_CONTROL, CTL_TOKEN, s->token, NATIVE_TOKEN);
	agent_log("%s speaks the native protocol%s", s->peer,
		  s->resumed ? ", session resumed" : "");
	int e = session_renew_native(s);
	if (!e)
		session_put_cursor(s);
	return e;
}

static int control(struct session *s, u16 kind, const u8 *p, u32 n)
{
	u64 v;
	u32 bytes;
	u8 channel;

	switch (kind) {
	case CTL_HELLO:
		return hello(s, p, n);
	case CTL_PING:
		if (native_get_u64(p, n, &v))
			return ERR_CORRUPT;
		native_put_u64(&s->net.out, CH_CONTROL, CTL_PONG, v);
		return 0;
	case CTL_PONG:
		return 0;
	case CTL_CREDIT:
		if (native_get_credit(p, n, &channel, &bytes))
			return ERR_CORRUPT;
		if (channel == CH_DISPLAY && s->native) {
			s->out.credit += bytes;
			if (s->out.credit > (s64)NATIVE_WINDOW * 16)
				return ERR_RANGE;
		}
		return 0;
	case CTL_STATS:
		if (n != 1)
			return ERR_CORRUPT;
		s->stats_on = p[0] != 0;
		s->stats_us = now_us();
		return 0;
	default:
		return 0; /* from a later version */
	}
}

static int display(struct session *s, u16 kind, const u8 *p, u32 n)
{
	struct native_ack ack;
	struct native_heads want;

	switch (kind) {
	case DSP_ACK:
		return native_get_ack(p, n, &ack);
	case DSP_REFRESH:
		native_out_refresh(&s->out);
		return 0;
	case DSP_SET_SIZE:
		if (native_get_heads(p, n, &want))
			return ERR_CORRUPT;
		if (!s->agent->conf.view_only &&
		    s->agent->desktop.ops->resize(s->agent->desktop.capture, &want))
			native_put_bytes(&s->net.out, CH_CONTROL, CTL_NOTICE,
					 "The desktop cannot take that size.", 34);
		return 0;
	default:
		return 0;
	}
}

static int input(struct session *s, u16 kind, const u8 *p, u32 n)
{
	struct agent *a = s->agent;
	struct native_pointer q;
	u32 keysym, scancode, buttons32;
	u16 buttons;
	s16 dx, dy, axes[6];
	bool down;

	switch (kind) {
	case INP_KEY:
		if (native_get_key(p, n, &down, &keysym, &scancode))
			return ERR_CORRUPT;
		key(s, down, keysym, scancode);
		return 0;
	case INP_POINTER:
		if (native_get_pointer(p, n, &q))
			return ERR_CORRUPT;
		pointer(s, &q);
		return 0;
	case INP_RELATIVE:
		if (native_get_relative(p, n, &dx, &dy, &buttons))
			return ERR_CORRUPT;
		if (may_touch(s)) {
			s->buttons = buttons;
			a->input_ops->relative(a->input, dx, dy, buttons);
		}
		return 0;
	case INP_SIX_AXES:
		if (native_get_six_axes(p, n, axes, &buttons32))
			return ERR_CORRUPT;
		if (may_touch(s))
			a->input_ops->six_axes(a->input, axes, buttons32);
		return 0;
	case INP_RELEASE:
		session_release(s);
		return 0;
	default:
		return 0;
	}
}

static int native(struct session *s, const struct rfb_client_msg *m)
{
	if (!s->native && m->native.channel != CH_CONTROL)
		return ERR_CORRUPT;
	switch (m->native.channel) {
	case CH_CONTROL:
		return control(s, m->native.kind, m->native.data, m->native.n);
	case CH_DISPLAY:
		return display(s, m->native.kind, m->native.data, m->native.n);
	case CH_INPUT:
		return input(s, m->native.kind, m->native.data, m->native.n);
	case CH_CLIPBOARD:
		text_in(s, (const char *)m->native.data, m->native.n);
		return 0;
	default:
		return m->native.channel < CH_COUNT ? 0 : ERR_CORRUPT;
	}
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
		key(s, m->key.down, m->key.keysym, m->key.scancode);
		return 0;
	case RFB_POINTER_EVENT: {
		struct native_pointer p = {
		    .x = m->pointer.x, .y = m->pointer.y, .buttons = m->pointer.buttons};
		pointer(s, &p);
		return 0;
	}
	case RFB_CLIENT_CUT_TEXT:
		return cut(s, &m->cut);
	case RFB_ENABLE_CONTINUOUS: {
		size_t from = s->net.out.n;

		if (!s->rfb.continuous)
			return ERR_CORRUPT;
		if (s->rfb.streaming && !m->continuous.enable) {
			put_u8(&s->net.out, RFB_END_CONTINUOUS);
			if (s->net.websocket)
				websocket_frame(&s->net, from);
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
		return native(s, m);
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
