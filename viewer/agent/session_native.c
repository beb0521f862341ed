/* What a native viewer says. */
#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/session_in.h"

void session_put_cursor(struct session *s)
{
	const struct capture_cursor *c = s->agent->desktop.ops->cursor(s->agent->desktop.capture);

	native_put_cursor(&s->net.out, c->argb ? c->w : 0, c->argb ? c->h : 0, c->hot_x, c->hot_y,
			  c->argb);
}

void session_put_locks(struct session *s)
{
	u8 p[4] = {0, 0, 0, s->agent->locks};

	native_put_bytes(&s->net.out, CH_INPUT, INP_LOCKS, p, sizeof(p));
}

int session_renew_native(struct session *s)
{
	struct agent *a = s->agent;

	a->totals.sent_pictures += s->out.pictures;
	native_out_free(&s->out);
	/* A viewer that takes no 4:2:0 is served by x264. */
	bool takes = a->encoder->format != VIDEO_H264_420 || s->features & FEAT_VIDEO_420;
	int e = native_out_init(&s->out, &a->desktop, takes ? a->encoder : &video_x264,
				a->conf.threads, a->conf.effort, a->event_fd);
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
			/* Closed by its own next tick: the caller's loop may still hold it. */
			o->polite = o->replaced = o->net.closed = true;
			return;
		}
	}
}

static int hello(struct session *s, const u8 *p, u32 n)
{
	static const u8 none[NATIVE_TOKEN];
	struct agent *a = s->agent;
	struct native_hello h;
	struct ticket_right old;

	if (s->native || native_get_hello(p, n, &h))
		return ERR_CORRUPT;
	if (h.version_min > NATIVE_VERSION_MAX || h.version_max < NATIVE_VERSION_MIN)
		return ERR_VERSION;
	if (!(h.features & FEAT_VIDEO_444))
		return ERR_UNSUPPORTED;
	s->features = h.features;
	if (memcmp(h.token, none, NATIVE_TOKEN)) {
		replace_old(s, h.token);
		if (!ticket_use(&a->tickets, h.token, now_us(), &old)) {
			s->resumed = true;
			memcpy(s->spent, h.token, NATIVE_TOKEN);
		}
	}
	s->native = true; /* from here on session_close frees it */
	if (ticket_new(&a->tickets, &s->right, UINT64_MAX, s->token))
		return ERR_IO;
	native_put_bytes(&s->net.out, CH_CONTROL, CTL_TOKEN, s->token, NATIVE_TOKEN);
	agent_log("%s speaks the native protocol%s", s->peer,
		  s->resumed ? ", session resumed" : "");
	int e = session_renew_native(s);
	if (!e) {
		session_put_cursor(s);
		session_put_locks(s);
	}
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
		if (native_get_ack(p, n, &ack))
			return ERR_CORRUPT;
		if (s->native)
			native_out_shown(&s->out, ack.seq);
		explicit_bzero(s->spent, NATIVE_TOKEN); /* the new one came before any picture */
		return 0;
	case DSP_REFRESH:
		native_out_refresh(&s->out);
		return 0;
	case DSP_SET_SIZE:
		if (native_get_heads(p, n, &want))
			return ERR_CORRUPT;
		if (session_may_change(s) &&
		    s->agent->desktop.ops->resize(s->agent->desktop.capture, &want))
			native_put_bytes(&s->net.out, CH_CONTROL, CTL_NOTICE,
					 "The desktop cannot take that size.", 34);
		return 0;
	default:
		return 0;
	}
}

static int audio(struct session *s, u16 kind, const u8 *p, u32 n)
{
	if (kind != AUD_ON)
		return 0;
	if (n != 1)
		return ERR_CORRUPT;
	s->hears = p[0] != 0;
	sound_listeners(s->agent);
	if (s->hears && s->agent->sound.source)
		native_put_sound_format(&s->net.out, SOUND_RATE, SOUND_CHANNELS);
	return 0;
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
		session_key(s, down, keysym, scancode);
		return 0;
	case INP_POINTER:
		if (native_get_pointer(p, n, &q))
			return ERR_CORRUPT;
		session_pointer(s, &q);
		return 0;
	case INP_RELATIVE:
		if (native_get_relative(p, n, &dx, &dy, &buttons))
			return ERR_CORRUPT;
		if (session_may_touch(s)) {
			s->buttons = buttons;
			a->input_ops->relative(a->input, dx, dy, buttons);
		}
		return 0;
	case INP_SIX_AXES:
		if (native_get_six_axes(p, n, axes, &buttons32))
			return ERR_CORRUPT;
		if (session_may_touch(s)) {
			s->axes = true;
			a->input_ops->six_axes(a->input, axes, buttons32);
		}
		return 0;
	case INP_RELEASE:
		session_release(s);
		return 0;
	default:
		return 0;
	}
}

int session_native(struct session *s, const struct rfb_client_msg *m)
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
	case CH_AUDIO:
		return audio(s, m->native.kind, m->native.data, m->native.n);
	case CH_CLIPBOARD:
		session_text_in(s, (const char *)m->native.data, m->native.n);
		return 0;
	default:
		return m->native.channel < CH_COUNT ? 0 : ERR_CORRUPT;
	}
}
