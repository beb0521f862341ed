/* One viewer's connection, from its first byte to its audit line. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"
#include "viewer/agent/opening.h"
#include "viewer/agent/session_in.h"

#define OUT_OPENING (64u << 10) /* bytes that an opening may leave unsent */
#define OUT_EXTRA   (32u << 20)
#define SILENCE_US  8000000u /* a native viewer pings every two seconds */
#define STATS_US    1000000u

int session_open(struct agent *a, int fd, const char *peer, bool websocket)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s || a->nsessions == AGENT_MAX_SESSIONS) {
		free(s);
		return ERR_NOMEM;
	}
	s->agent = a;
	net_init(&s->net, fd);
	s->net.out.limit = OUT_OPENING;
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	s->since_us = s->heard_us = s->input_us = now_us();
	s->deadline_us = s->since_us + a->conf.handshake_s * 1000000ull;
	s->hs.offer = (struct hs_offer){a->conf.x509_none, a->conf.x509_plain, a->conf.x509_vnc,
					a->conf.open,	   a->conf.vnc,	       false};
	if (getrandom(s->hs.challenge, 16, 0) != 16) {
		net_close(&s->net);
		free(s);
		return ERR_IO;
	}
	a->sessions[a->nsessions++] = s;
	a->totals.connections++;
	if (websocket) {
		s->state = SESSION_HTTP;
		return 0;
	}
	s->state = SESSION_HANDSHAKE;
	hs_server_begin(&s->hs, &s->net.out);
	return net_flush(&s->net);
}

void session_limit(struct session *s)
{
	const struct native_heads *h = &s->agent->desktop.heads;

	s->net.out.limit = (size_t)h->width * h->height * 4 + OUT_EXTRA;
}

static void lock(struct agent *a)
{
	if (broker_lock(&a->broker))
		agent_log("link lost: the desktop could NOT be locked, the helper is gone");
	else
		agent_log("link lost: desktop locked by '%s'", a->conf.lock_command);
}

void session_close(struct session *s, const char *why)
{
	static const u8 none[NATIVE_TOKEN];
	struct agent *a = s->agent;
	bool was_in = s->state == SESSION_RUN;
	u64 resume_us = now_us() + a->conf.resume_s * 1000000ull;
	u32 others = 0;

	for (u32 i = 0; i < a->nsessions; i++) {
		if (a->sessions[i] == s) {
			a->sessions[i] = a->sessions[--a->nsessions];
			i--;
		} else {
			others += a->sessions[i]->state == SESSION_RUN;
		}
	}
	agent_log("%s closed: %s (%.1f s, %llu bytes sent)", s->peer, why,
		  (double)(now_us() - s->since_us) / 1e6, (unsigned long long)s->net.sent);
	if (!s->polite && memcmp(s->spent, none, NATIVE_TOKEN))
		ticket_put(&a->tickets, s->spent, &s->right, resume_us);
	if (was_in) {
		session_release(s);
		if (!s->replaced)
			ticket_extend(&a->tickets, s->token, s->polite ? 1 : resume_us);
		if (!s->polite && !others && a->conf.lock_on_loss)
			lock(a);
	}
	a->totals.sent_pictures += s->rfb.updates + s->out.pictures;
	a->totals.sent_bytes += s->net.sent;
	a->totals.received_bytes += s->net.received;
	if (s->has_rfb)
		rfb_out_free(&s->rfb);
	if (s->native)
		native_out_free(&s->out);
	if (s->hears)
		sound_listeners(a);
	net_close(&s->net);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static void pump(struct session *s)
{
	struct agent *a = s->agent;

	if (s->native)
		native_out_pump(&s->out, &a->desktop, &s->net, &s->link);
	else
		rfb_out_pump(&s->rfb, &a->desktop, a->conf.name, a->locks, &s->net, &s->link);
}

short session_events(const struct session *s)
{
	if (s->state == SESSION_TLS)
		return gnutls_record_get_direction(s->net.tls) ? POLLOUT : POLLIN;
	short e = s->state == SESSION_CLOSING || s->state == SESSION_AUTH ? 0 : POLLIN;

	/* Who asks and asks but does not read is not heard until it does. */
	if (net_unsent(&s->net) > s->net.out.limit / 2)
		e = 0;
	if (net_unsent(&s->net))
		e |= POLLOUT;
	else if (s->state == SESSION_RUN && s->native && s->out.credit > 0 &&
		 native_out_blocked(&s->out, &s->net))
		e |= POLLOUT;
	else if (s->state == SESSION_RUN && !s->native && (s->rfb.asked || s->rfb.streaming) &&
		 !s->rfb.video.coding && !tileset_empty(&s->rfb.dirty))
		e |= POLLOUT;
	return e;
}

void session_ready(struct session *s, short events)
{
	switch (s->state) {
	case SESSION_TLS:
		opening_tls(s);
		break;
	case SESSION_HTTP:
		opening_http(s);
		break;
	case SESSION_AUTH:
	case SESSION_CLOSING:
		if (events & (POLLHUP | POLLERR))
			s->net.closed = true; /* nobody waits for the answer */
		break;
	default:
		if (events & (POLLIN | POLLHUP | POLLERR)) {
			int got = net_receive(&s->net);
			if (got < 0 && !s->net.in.n)
				return;
			s->heard_us = now_us();
		}
		if (s->state == SESSION_HANDSHAKE)
			opening_step(s);
		if (s->state == SESSION_RUN) {
			int e = session_input(s);
			/* Frames that found no place wait for what was just eaten. */
			while (!e && s->net.websocket && s->net.ws_in.n) {
				size_t waiting = s->net.ws_in.n;
				if (net_receive(&s->net) < 0 || s->net.ws_in.n >= waiting)
					break;
				e = session_input(s);
			}
			if (e) {
				agent_log("%s broke the protocol: %s", s->peer, err_text(e));
				s->net.closed = true;
				return;
			}
		}
		break;
	}
	if (s->net.closed)
		return;
	if (net_flush(&s->net))
		return;
	if (s->state == SESSION_RUN) {
		pump(s);
		if (net_flush(&s->net))
			return;
	}
}

void session_change(struct session *s, const struct desktop_change *c)
{
	struct agent *a = s->agent;

	if (s->state != SESSION_RUN)
		return;
	if (c->resized) {
		session_limit(s);
		if (rfb_out_resize(&s->rfb, &a->desktop) ||
		    (s->native && session_renew_native(s))) {
			s->net.closed = true;
			return;
		}
	}
	if (c->cursor) {
		s->rfb.send_cursor = s->rfb.cursor || s->rfb.cursor_alpha;
		if (s->native)
			session_put_cursor(s);
	}
	if (c->picture && !c->resized) {
		if (s->native)
			native_out_change(&s->out, &a->desktop, &s->net, &s->link);
		else
			rfb_out_change(&s->rfb, &a->desktop, &s->net);
	}
	pump(s);
	if (net_flush(&s->net))
		return;
}

/* Another encoder than was chosen is never taken silently. */
static void tell_refused(struct session *s, struct coder *c)
{
	char text[256];

	if (!*c->refused)
		return;
	snprintf(text, sizeof(text), "%s; %s codes it instead.", c->refused, c->ops->name);
	*c->refused = 0;
	agent_log("%s", text);
	if (s->native)
		native_put_bytes(&s->net.out, CH_CONTROL, CTL_NOTICE, text, (u32)strlen(text));
}

void session_locks(struct session *s)
{
	if (s->state != SESSION_RUN)
		return;
	s->rfb.send_leds = s->rfb.leds;
	if (s->native)
		session_put_locks(s);
	pump(s);
	if (net_flush(&s->net))
		return;
}

void session_coded(struct session *s)
{
	if (s->state != SESSION_RUN)
		return;
	if (!s->native) {
		tell_refused(s, &s->rfb.video.coder);
		rfb_out_coded(&s->rfb, &s->agent->desktop, s->agent->conf.name, s->agent->locks,
			      &s->net);
		if (net_flush(&s->net))
			return;
		pump(s);
		if (net_flush(&s->net))
			return;
		return;
	}
	native_out_coded(&s->out, &s->agent->desktop, &s->net, &s->link);
	for (u8 i = 0; i < s->out.nheads; i++)
		tell_refused(s, &s->out.coders[i]);
	if (net_flush(&s->net))
		return;
}

u64 session_due(const struct session *s)
{
	u64 due = UINT64_MAX, t;

	if (s->net.closed)
		return 0;
	if (s->state != SESSION_RUN)
		return s->deadline_us;
	if (s->native) {
		if (!native_out_blocked(&s->out, &s->net)) {
			t = native_out_due(&s->out, &s->agent->desktop);
			due = t < due ? t : due;
		}
		t = s->heard_us + SILENCE_US;
		due = t < due ? t : due;
		if (s->stats_on && s->stats_us + STATS_US < due)
			due = s->stats_us + STATS_US;
	} else if (!net_unsent(&s->net)) {
		t = rfb_out_due(&s->rfb, &s->agent->desktop);
		/* The kernel's queue may be the obstacle: then POLLOUT tells. */
		due = t ? t : due;
	}
	if (s->agent->conf.idle_min) {
		t = s->input_us + s->agent->conf.idle_min * 60000000ull;
		due = t < due ? t : due;
	}
	return due;
}

static void put_stats(struct session *s, u64 now)
{
	struct native_out *o = &s->out;
	double sec = (double)(now - s->stats_us) / 1e6;
	struct native_stats st = {
	    .fps_x10 = (u32)(o->commits * 10 / sec),
	    .dropped = o->dropped,
	    .capture_us = s->agent->desktop.capture_us,
	    .encode_us = o->encode_us,
	    .rtt_us = s->link.rtt_us,
	    .rate_kbps = s->link.kbps ? s->link.kbps : (u32)s->link.rate_kbps,
	    .bytes_exact = (u32)o->bytes_exact,
	    .bytes_video = (u32)o->bytes_video,
	};

	const struct video_enc_ops *ops = o->coders[0].ops;

	if (ops->effort)
		snprintf((char *)st.encoder, sizeof(st.encoder), "%s, effort %u", ops->name,
			 o->effort);
	else
		snprintf((char *)st.encoder, sizeof(st.encoder), "%s", ops->name);
	native_put_stats(&s->net.out, &st);
	o->commits = o->dropped = 0;
	o->bytes_exact = o->bytes_video = 0;
	s->stats_us = now;
}

static bool readable(const struct session *s)
{
	struct pollfd p = {s->net.fd, POLLIN, 0};

	return poll(&p, 1, 0) > 0 && p.revents & POLLIN;
}

void session_tick(struct session *s, u64 now)
{
	if (s->net.closed) {
		s->polite |= s->net.goodbye;
		session_close(s, s->replaced ? "resumed by a new connection"
				 : s->polite ? "left"
					     : "link lost");
		return;
	}
	if (s->state == SESSION_CLOSING && (!net_unsent(&s->net) || now >= s->deadline_us)) {
		session_close(s, "refused");
		return;
	}
	if (s->state != SESSION_RUN) {
		if (now >= s->deadline_us)
			session_close(s, "took too long to log in");
		return;
	}
	/* What waits to be read has been said, however long we were busy ourselves. */
	if (s->native && now >= s->heard_us + SILENCE_US &&
	    !(session_events(s) & POLLIN && readable(s))) {
		session_close(s, "link lost: nothing heard");
		return;
	}
	if (s->agent->conf.idle_min && now >= s->input_us + s->agent->conf.idle_min * 60000000ull) {
		s->polite = true;
		session_close(s, "no input for too long");
		return;
	}
	if (s->native && s->stats_on && now >= s->stats_us + STATS_US)
		put_stats(s, now);
	if (s->native && s->link.limited != s->said_limited) {
		char text[128];

		s->said_limited = s->link.limited;
		if (s->link.limited)
			snprintf(text, sizeof(text),
				 "The link carries about %u Mbit/s: moving pictures are coarser.",
				 s->link.kbps / 1000);
		else
			snprintf(text, sizeof(text), "The link is wide enough again.");
		native_put_bytes(&s->net.out, CH_CONTROL, CTL_NOTICE, text, (u32)strlen(text));
	}
	pump(s);
	if (net_flush(&s->net))
		return;
}
