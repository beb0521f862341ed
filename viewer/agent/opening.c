/* Logging in: from a connection's first byte to its first ordinary message. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"
#include "viewer/agent/opening.h"
#include "viewer/net/websocket.h"

#define IN_RUNNING   (RFB_MAX_CLIPBOARD + (64u << 10))
#define LAST_WORD_US 1000000u

static void say_last(struct session *s)
{
	s->state = SESSION_CLOSING;
	s->deadline_us = now_us() + LAST_WORD_US;
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
	session_limit(s);
	s->state = SESSION_RUN;
	a->totals.logins++;
	s->heard_us = s->input_us = now_us();
	agent_log("%s is in%s%s%s%s", s->peer, *s->right.user ? " as " : "", s->right.user,
		  s->right.view_only ? ", to look only" : "",
		  s->net.tls_up ? "" : ", not encrypted");
	return true;
}

static const char wrong[] = "wrong user name or password";

/* why: told to the viewer and the audit trail; NULL lets it in. */
static void verdict(struct session *s, const char *why)
{
	hs_server_verdict(&s->hs, !why, why, &s->net.out);
	if (!why) {
		s->state = SESSION_HANDSHAKE;
		return;
	}
	agent_log("%s refused: %s", s->peer, why);
	say_last(s);
}

/* A password, a response or a ticket has been judged. */
static void judged(struct session *s, bool ok)
{
	s->agent->totals.wrong_passwords += !ok;
	attempts_note(s->agent->attempts, s->peer, ok, now_us());
	verdict(s, ok ? NULL : wrong);
}

static bool use_ticket(struct session *s)
{
	struct agent *a = s->agent;
	u8 secret[NATIVE_TOKEN];
	bool ok = !ticket_parse(s->hs.password, secret) &&
		  !ticket_use(&a->tickets, secret, now_us(), &s->right);

	s->resumed = ok;
	if (ok)
		memcpy(s->spent, secret, NATIVE_TOKEN);
	if (!ok && *a->conf.ticket_file) {
		ok = !ticket_from_file(a->conf.ticket_file, s->hs.password, &s->right.view_only);
		snprintf(s->right.user, sizeof(s->right.user), "%s", a->conf.user);
	}
	explicit_bzero(secret, sizeof(secret));
	return ok;
}

static void check_plain(struct session *s)
{
	struct agent *a = s->agent;

	if (!attempts_allowed(a->attempts, s->peer, now_us())) {
		verdict(s, "too many wrong passwords from there: wait and try again");
	} else if (!strcmp(s->hs.user, "@ticket")) {
		judged(s, use_ticket(s));
	} else if (strcmp(s->hs.user, a->conf.user)) {
		judged(s, false);
	} else if (broker_judge(&a->broker, s->hs.user, s->hs.password, &s->auth_id)) {
		agent_log("the helper caprock-auth is gone: nobody can log in");
		verdict(s, "passwords cannot be checked now");
	} else {
		snprintf(s->right.user, sizeof(s->right.user), "%s", a->conf.user);
		s->state = SESSION_AUTH;
	}
	explicit_bzero(s->hs.password, sizeof(s->hs.password));
}

static void check_vnc(struct session *s)
{
	struct agent *a = s->agent;
	u8 want[16];

	if (!attempts_allowed(a->attempts, s->peer, now_us()))
		verdict(s, "too many wrong passwords from there: wait and try again");
	else
		judged(s, !auth_vnc(a->vnc_password, s->hs.challenge, want) &&
			      !gnutls_memcmp(want, s->hs.response, 16));
	explicit_bzero(want, sizeof(want));
}

void session_judged(struct session *s, bool ok)
{
	if (s->state != SESSION_AUTH)
		return;
	judged(s, ok);
	opening_step(s);
	if (net_flush(&s->net))
		s->net.closed = true;
}

void opening_step(struct session *s)
{
	while (s->state == SESSION_HANDSHAKE) {
		size_t used;
		int e = hs_server_step(&s->hs, s->net.in.p, s->net.in.n, &used, &s->net.out);

		wbuf_eat(&s->net.in, used);
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
			if (!enter(s)) {
				say_last(s);
				return;
			}
			return;
		default:
			return;
		}
	}
}

void opening_tls(struct session *s)
{
	const char *text = "";
	int e = net_tls_handshake(&s->net, &text);

	if (e < 0) {
		agent_log("%s refused: TLS: %s", s->peer, text);
		s->net.closed = true;
	} else if (e > 0) {
		s->state = s->outer_tls ? SESSION_HTTP : SESSION_HANDSHAKE;
		if (!s->outer_tls)
			opening_step(s);
	}
}

void opening_http(struct session *s)
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
		opening_tls(s);
		return;
	}
	if (net_receive(&s->net) < 0)
		return;
	const struct config *c = &s->agent->conf;
	struct websocket_pages pages = {c->websocket_origins, !c->x509_none && !c->open};
	int e = websocket_accept(&s->net, &pages);
	if (e < 0) {
		if (e == ERR_PERM)
			agent_log("%s refused: its page is not among websocket_origins", s->peer);
		say_last(s);
	} else if (e > 0) {
		s->state = SESSION_HANDSHAKE;
		hs_server_begin(&s->hs, &s->net.out);
		opening_step(s);
	}
}
