/* One viewer's connection, from its first byte to its audit line. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"
#include "viewer/agent/session_in.h"
#include "viewer/net/websocket.h"

#define IN_RUNNING   (RFB_MAX_CLIPBOARD + (64u << 10))
#define LAST_WORD_US 1000000u
#define SILENCE_US   8000000u /* a native viewer pings every two seconds */
#define STATS_US     1000000u

static void say_last(struct session *s)
{
	s->state = SESSION_CLOSING;
	s->deadline_us = now_us() + LAST_WORD_US;
}

int session_open(struct agent *a, int fd, const char *peer, bool websocket)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s || a->nsessions == AGENT_MAX_SESSIONS) {
		free(s);
		return ERR_NOMEM;
	}
	s->agent = a;
	net_init(&s->net, fd);
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
	if (websocket) {
		s->state = SESSION_HTTP;
		return 0;
	}
	s->state = SESSION_HANDSHAKE;
	hs_server_begin(&s->hs, &s->net.out);
	return net_flush(&s->net);
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
	struct agent *a = s->agent;
	bool was_in = s->state == SESSION_RUN;
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
	if (was_in) {
		session_release(s);
		if (!s->polite)
			ticket_extend(&a->tickets, s->token,
				      now_us() + a->conf.resume_s * 1000000ull);
		else
			ticket_extend(&a->tickets, s->token, 1);
		if (!s->polite && !others && a->conf.lock_on_loss)
			lock(a);
	}
	if (s->has_rfb)
		rfb_out_free(&s->rfb);
	if (s->native)
		native_out_free(&s->out);
	net_close(&s->net);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

/* Frames what the opening wrote, where the transport wants frames. */
static void frame(struct session *s, size_t from)
{
	if (s->net.websocket && s->net.out.n > from)
		websocket_frame(&s->net, from);
}

static bool enter(struct session *s)
{
	struct agent *a = s->agent;
	const struct native_heads *h = &a->desktop.heads;
	u32 in = 0;

	for (u32 i = 0; i < a->nsessions; i++)
		in += a->sessions[i]->state == SESSION_RUN;
	if (in >= a->conf.max_viewers) {
		agent_log("%s refused: %u viewers are connected already", s->peer, in);
		return false;
	}
	if (rfb_out_init(&s->rfb, &a->desktop))
		return false;
	s->has_rfb = true;
	hs_server_init(&s->hs, h->width, h->height, a->conf.name, &s->net.out);
	s->net.in.limit = IN_RUNNING;
	s->net.ws_in.limit = IN_RUNNING;
	s->state = SESSION_RUN;
	s->heard_us = s->input_us = now_us();
	agent_log("%s is in%s%s%s", s->peer, *s->user ? " as " : "", s->user,
		  s->net.tls_up ? "" : ", not encrypted");
	return true;
}

static void verdict(struct session *s, bool ok)
{
	struct agent *a = s->agent;
	size_t from = s->net.out.n;

	attempts_note(a->attempts, s->peer, ok, now_us());
	hs_server_verdict(&s->hs, ok, "wrong user name or password", &s->net.out);
	frame(s, from);
	if (ok) {
		s->state = SESSION_HANDSHAKE;
		return;
	}
	agent_log("%s refused: wrong user name or password", s->peer);
	say_last(s);
}

static const char *who_may(const struct agent *a)
{
	return a->conf.user;
}

static void check_plain(struct session *s)
{
	struct agent *a = s->agent;
	u8 secret[NATIVE_TOKEN];

	snprintf(s->user, sizeof(s->user), "%.63s", s->hs.user);
	if (!attempts_allowed(a->attempts, s->peer, now_us())) {
		hs_server_verdict(&s->hs, false, "too many wrong passwords: wait and try again",
				  &s->net.out);
		agent_log("%s refused: too many wrong passwords from there", s->peer);
		say_last(s);
		return;
	}
	if (!strcmp(s->hs.user, "@ticket")) {
		bool ok = !ticket_parse(s->hs.password, secret) &&
			  !ticket_use(&a->tickets, secret, now_us(), s->user);
		s->resumed = ok;
		if (!ok && *a->conf.ticket_file) {
			ok = !ticket_from_file(a->conf.ticket_file, s->hs.password);
			snprintf(s->user, sizeof(s->user), "%s", who_may(a));
		}
		explicit_bzero(secret, sizeof(secret));
		verdict(s, ok);
		return;
	}
	if (strcmp(s->hs.user, who_may(a))) {
		verdict(s, false);
		return;
	}
	if (broker_judge(&a->broker, s->hs.user, s->hs.password, &s->auth_id)) {
		agent_log("the helper caprock-auth is gone: nobody can log in");
		verdict(s, false);
		return;
	}
	explicit_bzero(s->hs.password, sizeof(s->hs.password));
	s->state = SESSION_AUTH;
}

static void check_vnc(struct session *s)
{
	struct agent *a = s->agent;
	u8 want[16];
	bool ok = attempts_allowed(a->attempts, s->peer, now_us()) &&
		  !auth_vnc(a->vnc_password, s->hs.challenge, want) &&
		  !gnutls_memcmp(want, s->hs.response, 16);

	verdict(s, ok);
}

static void opening(struct session *s);

void session_judged(struct session *s, bool ok)
{
	if (s->state != SESSION_AUTH)
		return;
	verdict(s, ok);
	if (s->state == SESSION_HANDSHAKE)
		opening(s);
	if (net_flush(&s->net))
		s->net.closed = true;
}

static void opening(struct session *s)
{
	while (s->state == SESSION_HANDSHAKE) {
		size_t used, from = s->net.out.n;
		int e = hs_server_step(&s->hs, s->net.in.p, s->net.in.n, &used, &s->net.out);

		wbuf_eat(&s->net.in, used);
		frame(s, from);
		if (e < 0) {
			agent_log("%s refused: broke the protocol while opening (%s)", s->peer,
				  err_text(e));
			say_last(s);
			return;
		}
		switch (e) {
		case HS_MORE:
			return;
		case HS_START_TLS:
			/* What is written goes out in clear; what came with it cannot be TLS's. */
			if (net_flush(&s->net) || net_unsent(&s->net) || s->net.in.n ||
			    net_tls_server(&s->net, s->agent->cred)) {
				say_last(s);
				return;
			}
			s->state = SESSION_TLS;
			return;
		case HS_CHECK_PLAIN:
			check_plain(s);
			break;
		case HS_CHECK_VNC:
			check_vnc(s);
			break;
		case HS_CLIENT_INIT:
			from = s->net.out.n;
			if (!enter(s)) {
				say_last(s);
				return;
			}
			frame(s, from);
			return;
		default:
			return;
		}
	}
}

static void tls(struct session *s)
{
	const char *text = "";
	int e = net_tls_handshake(&s->net, &text);

	if (e < 0) {
		agent_log("%s refused: TLS: %s", s->peer, text);
		s->net.closed = true;
	} else if (e > 0) {
		s->state = s->outer_tls ? SESSION_HTTP : SESSION_HANDSHAKE;
		if (!s->outer_tls)
			opening(s);
	}
}

static void http(struct session *s)
{
	u8 first;

	/* A TLS ClientHello begins with 0x16: the browser came by wss. */
	if (!s->net.tls && recv(s->net.fd, &first, 1, MSG_PEEK) == 1 && first == 0x16) {
		if (net_tls_server(&s->net, s->agent->cred)) {
			s->net.closed = true;
			return;
		}
		s->outer_tls = true;
		s->hs.offer.secured = true;
		s->state = SESSION_TLS;
		tls(s);
		return;
	}
	if (net_receive(&s->net) < 0)
		return;
	int e = websocket_accept(&s->net);
	if (e < 0) {
		say_last(s);
	} else if (e > 0) {
		size_t from = s->net.out.n;

		s->state = SESSION_HANDSHAKE;
		hs_server_begin(&s->hs, &s->net.out);
		frame(s, from);
		opening(s);
	}
}

static void pump(struct session *s)
{
	struct agent *a = s->agent;

	if (s->native)
		native_out_pump(&s->out, &a->desktop, &s->net, &s->link);
	else
		rfb_out_pump(&s->rfb, &a->desktop, a->conf.name, &s->net);
}

short session_events(const struct session *s)
{
	if (s->state == SESSION_TLS)
		return gnutls_record_get_direction(s->net.tls) ? POLLOUT : POLLIN;
	short e = s->state == SESSION_CLOSING || s->state == SESSION_AUTH ? 0 : POLLIN;

	if (net_unsent(&s->net))
		e |= POLLOUT;
	else if (s->state == SESSION_RUN && s->native && s->out.credit > 0 &&
		 native_out_blocked(&s->out, &s->net))
		e |= POLLOUT;
	else if (s->state == SESSION_RUN && !s->native && (s->rfb.asked || s->rfb.streaming) &&
		 !tileset_empty(&s->rfb.dirty))
		e |= POLLOUT;
	return e;
}

void session_ready(struct session *s, short events)
{
	switch (s->state) {
	case SESSION_TLS:
		tls(s);
		break;
	case SESSION_HTTP:
		http(s);
		break;
	case SESSION_AUTH:
	case SESSION_CLOSING:
		break;
	default:
		if (events & (POLLIN | POLLHUP | POLLERR)) {
			int got = net_receive(&s->net);
			if (got < 0 && !s->net.in.n)
				return;
			s->heard_us = now_us();
		}
		if (s->state == SESSION_HANDSHAKE)
			opening(s);
		if (s->state == SESSION_RUN) {
			int e = session_input(s);
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
			native_out_change(&s->out, &a->desktop, &s->net);
		else
			rfb_out_change(&s->rfb, &a->desktop, &s->net);
	}
	pump(s);
	if (net_flush(&s->net))
		return;
}

void session_coded(struct session *s)
{
	if (s->state != SESSION_RUN || !s->native)
		return;
	native_out_coded(&s->out, &s->agent->desktop, &s->net, &s->link);
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

	snprintf((char *)st.encoder, sizeof(st.encoder), "%s", s->agent->encoder->name);
	native_put_stats(&s->net.out, &st);
	o->commits = o->dropped = 0;
	o->bytes_exact = o->bytes_video = 0;
	s->stats_us = now;
}

void session_tick(struct session *s, u64 now)
{
	if (s->net.closed) {
		session_close(s, "link lost");
		return;
	}
	if (s->state == SESSION_CLOSING && (!net_unsent(&s->net) || now >= s->deadline_us)) {
		s->polite = true;
		session_close(s, "refused");
		return;
	}
	if (s->state != SESSION_RUN) {
		if (now >= s->deadline_us)
			session_close(s, "took too long to log in");
		return;
	}
	if (s->native && now >= s->heard_us + SILENCE_US) {
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
