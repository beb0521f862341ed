/* Connecting, opening, keeping alive. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nettle/des.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "viewer/client/client.h"

#define CONNECT_US 10000000u
#define PING_US	   2000000u
#define SILENCE_US 1500000u  /* after a ping */
#define SLOW_US	   20000000u /* longer than this no living agent computes */
#define IN_MAX	   (NATIVE_MAX_DOWN + (1u << 20))

u64 client_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

static void fail(struct client *c, bool final, const char *text)
{
	if (c->state == CLIENT_FAILED)
		return;
	snprintf(c->why, sizeof(c->why), "%s", text);
	c->final = final;
	c->state = CLIENT_FAILED;
}

static void drop(struct client *c)
{
	net_close(&c->net);
	if (c->cred)
		gnutls_certificate_free_credentials(c->cred);
	c->cred = NULL;
	zrle_dec_free(&c->zrle);
	tight_dec_free(&c->tight);
	open_h264_free(&c->h264);
	exact_dec_free(&c->exact_dec);
	for (u32 i = 0; i < NATIVE_MAX_HEADS; i++) {
		video_dec_close(c->video[i]);
		c->video[i] = NULL;
		wbuf_free(&c->au[i]);
	}
	wbuf_free(&c->later);
	c->later_at = 0;
	c->playout = (struct playout){0};
	client_sound_drop(c);
	c->native = c->in_update = c->ack_owed = c->qemu_keys = c->more = c->committed = false;
	c->locks_known = c->locks_first = c->ext_clipboard = false;
	memset(c->held, 0, sizeof(c->held));
	c->rects_left = 0;
	c->eaten = 0;
}

void client_close(struct client *c, bool say_goodbye)
{
	if (c->net.fd > 0 && !say_goodbye)
		c->net.closed = true; /* no TLS goodbye */
	if (c->net.fd > 0)
		drop(c);
	image_free(&c->canvas);
	tileset_free(&c->exact);
	tileset_free(&c->painted);
	free(c->cursor.argb);
	free(c->clip_text);
	client_sound_free(c);
	wbuf_free(&c->own_text);
	*c = (struct client){.net.fd = -1};
}

/* A socket that connects to one of the host's addresses, those before `first` left out. */
static int dial(struct client *c, u32 first)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	char text[512] = "";
	int fd = -1, e = getaddrinfo(c->conf->host, c->conf->port, &hint, &list);
	u32 n = 0;

	if (e) {
		snprintf(text, sizeof(text), "%s: %s", c->conf->host, gai_strerror(e));
		fail(c, false, text);
		return -1;
	}
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next, n++) {
		if (n < first)
			continue;
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && (!connect(fd, a->ai_addr, a->ai_addrlen) || errno == EINPROGRESS))
			continue;
		snprintf(text, sizeof(text), "%s port %s: %m", c->conf->host, c->conf->port);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	c->address = n;
	if (fd < 0 && *text)
		fail(c, false, text);
	return fd;
}

void client_connect(struct client *c, const struct client_conf *conf)
{
	if (c->net.fd > 0) {
		c->net.closed = true;
		drop(c);
	}
	c->conf = conf;
	c->state = CLIENT_CONNECTING;
	c->began_us = c->heard_us = client_now();
	c->pinged_us = 0;
	c->final = false;
	*c->why = 0;
	net_init(&c->net, -1);
	int fd = dial(c, 0);
	if (fd < 0)
		return;
	net_tune(fd, NULL);
	net_init(&c->net, fd);
	c->net.in.limit = IN_MAX;
	c->hs = (struct hs_client){.wish = {.tls_only = !conf->insecure,
					    .have_user = *conf->user || c->have_token,
					    .have_vnc_password = *conf->password}};
	snprintf(c->hs.user, sizeof(c->hs.user), "%s", conf->user);
	snprintf(c->hs.password, sizeof(c->hs.password), "%s", conf->password);
	if (c->have_token && *conf->user) {
		/* The session's own secret lets it resume without the password. */
		snprintf(c->hs.user, sizeof(c->hs.user), "@ticket");
		for (u32 i = 0; i < NATIVE_TOKEN; i++)
			snprintf(c->hs.password + 2 * i, 3, "%02x", c->token[i]);
	}
	if (zrle_dec_init(&c->zrle) || tight_dec_init(&c->tight) || exact_dec_init(&c->exact_dec))
		fail(c, true, "out of memory");
}

static bool start_tls(struct client *c)
{
	if (net_flush(&c->net) || net_unsent(&c->net) || c->net.in.n)
		return false;
	if (gnutls_certificate_allocate_credentials(&c->cred) < 0)
		return false;
	if (*c->conf->ca_file && gnutls_certificate_set_x509_trust_file(c->cred, c->conf->ca_file,
									GNUTLS_X509_FMT_PEM) < 0)
		return false;
	return !net_tls_client(&c->net, c->cred, c->conf->host);
}

static int check_certificate(struct client *c, char *why, size_t n)
{
	unsigned status = 0;

	if (net_peer_fingerprint(&c->net, c->fingerprint)) {
		snprintf(why, n, "the server shows no certificate");
		return ERR_PERM;
	}
	if (!*c->conf->ca_file)
		return pin_check(c->conf, c->fingerprint, why, n);
	if (gnutls_certificate_verify_peers3(c->net.tls, c->conf->host, &status) < 0 || status) {
		snprintf(why, n, "the certificate of %s is not from %s, or not for that name",
			 c->conf->host, c->conf->ca_file);
		return ERR_PERM;
	}
	return 0;
}

/* Password bytes mirrored are the key (RFC 6143 §7.2.2). */
static void vnc_response(struct client *c)
{
	struct des_ctx des;
	u8 key[8] = {0}, out[16];

	for (u32 i = 0; i < 8 && c->conf->password[i]; i++)
		for (u32 b = 0; b < 8; b++)
			key[i] |= (u8)(((u8)c->conf->password[i] >> b & 1) << (7 - b));
	des_set_key(&des, key);
	des_encrypt(&des, 16, out, c->hs.challenge);
	hs_client_vnc(&c->hs, out, &c->net.out);
}

static void opening(struct client *c);

static void tls_step(struct client *c)
{
	char why[512];
	const char *text = "";
	int e = net_tls_handshake(&c->net, &text);

	if (e < 0) {
		snprintf(why, sizeof(why), "encryption failed: %s", text);
		fail(c, false, why);
	} else if (e > 0) {
		if (check_certificate(c, why, sizeof(why))) {
			fail(c, true, why);
			return;
		}
		c->state = CLIENT_OPENING;
		opening(c);
	}
}

static void opening(struct client *c)
{
	while (c->state == CLIENT_OPENING) {
		size_t used;
		int e = hs_client_step(&c->hs, c->net.in.p, c->net.in.n, &used, &c->net.out);

		wbuf_eat(&c->net.in, used);
		switch (e) {
		case HS_MORE:
			return;
		case HS_START_TLS:
			if (!start_tls(c)) {
				fail(c, false, "encryption could not be started");
				return;
			}
			c->state = CLIENT_TLS;
			tls_step(c); /* the client speaks first */
			return;
		case HS_NEED_VNC:
			vnc_response(c);
			break;
		case HS_REFUSED:
			if (c->have_token) { /* spent or too old: the password decides next time */
				c->have_token = false;
				fail(c, false, c->hs.reason);
			} else {
				fail(c, true, c->hs.reason);
			}
			return;
		case HS_DONE: {
			struct native_heads h = {
			    c->hs.width, c->hs.height, 1, {{0, 0, c->hs.width, c->hs.height}}};
			c->state = CLIENT_IN;
			if (client_resize(c, &h)) {
				fail(c, true, "out of memory");
				return;
			}
			client_begin(c);
			return;
		}
		default:
			fail(c, true,
			     e == ERR_VERSION ? "the server's protocol version is not known here"
					      : "the server does not speak RFB as it should");
			return;
		}
	}
}

static void messages(struct client *c)
{
	size_t at = 0;

	if (client_play(c))
		fail(c, false, "the server broke the protocol");
	/* One picture at a time: each is shown, also where several came in a burst. */
	while (c->state == CLIENT_IN && (c->native || !c->committed) && at < c->net.in.n) {
		ssize_t n = client_message(c, c->net.in.p + at, c->net.in.n - at);

		if (n < 0) {
			fail(c, false, "the server broke the protocol");
			break;
		}
		if (!n)
			break;
		at += (size_t)n;
	}
	c->more = c->native ? c->later.n > 0 : c->committed && at < c->net.in.n;
	wbuf_eat(&c->net.in, at);
	if ((c->native || !c->more) && c->net.in.n == c->net.in.limit)
		fail(c, false, "the server sends a message larger than allowed");
}

short client_events(const struct client *c)
{
	switch (c->state) {
	case CLIENT_CONNECTING:
		return POLLOUT;
	case CLIENT_TLS:
		return gnutls_record_get_direction(c->net.tls) ? POLLOUT : POLLIN;
	case CLIENT_IDLE:
	case CLIENT_FAILED:
		return 0;
	default:
		return net_unsent(&c->net) ? POLLIN | POLLOUT : POLLIN;
	}
}

void client_ready(struct client *c, short events)
{
	char why[512];
	int e = 0;
	socklen_t len = sizeof(e);

	switch (c->state) {
	case CLIENT_CONNECTING:
		if (getsockopt(c->net.fd, SOL_SOCKET, SO_ERROR, &e, &len) || e) {
			int next = dial(c, c->address);
			if (next >= 0) { /* another address of the same host */
				net_tune(next, NULL);
				close(c->net.fd);
				c->net.fd = next;
				return;
			}
			if (c->state == CLIENT_FAILED)
				return;
			snprintf(why, sizeof(why), "%s port %s: %s%s", c->conf->host, c->conf->port,
				 strerror(e),
				 e == ECONNREFUSED ? ": nothing listens there, start caprock-agent"
						   : "");
			fail(c, false, why);
			return;
		}
		c->state = CLIENT_OPENING;
		return;
	case CLIENT_TLS:
		tls_step(c);
		break;
	case CLIENT_OPENING:
	case CLIENT_IN:
		if (events & (POLLIN | POLLHUP | POLLERR)) {
			int got = net_receive(&c->net);
			if (got > 0)
				c->heard_us = client_now();
			if (got < 0 && !c->net.in.n) {
				fail(c, false, "the connection was closed");
				return;
			}
		}
		opening(c);
		messages(c);
		break;
	default:
		return;
	}
	if (c->state != CLIENT_FAILED && net_flush(&c->net))
		fail(c, false, "the connection was closed");
}

u64 client_due(const struct client *c)
{
	if (c->state == CLIENT_IDLE || c->state == CLIENT_FAILED)
		return UINT64_MAX;
	if (c->state != CLIENT_IN)
		return c->more ? 0 : c->began_us + CONNECT_US;
	if (!c->native)
		return c->more ? 0 : UINT64_MAX;
	/* However much comes: the server must hear us, too. */
	u64 due = c->pinged_us + PING_US;
	if (c->pinged_us > c->heard_us)
		due = c->patience_us > c->pinged_us ? c->patience_us : c->pinged_us + SILENCE_US;
	return c->more && c->hold_us < due ? c->hold_us : due;
}

void client_tick(struct client *c)
{
	u64 now = client_now();

	if (now < client_due(c))
		return;
	if (c->more && (!c->native || now >= c->hold_us)) {
		if (!c->committed)
			client_ready(c, 0);
		return;
	}
	if (c->state != CLIENT_IN) {
		char why[512];

		snprintf(why, sizeof(why),
			 "%s port %s: no answer in %u seconds: is that the machine, and does no "
			 "firewall lie between?",
			 c->conf->host, c->conf->port, CONNECT_US / 1000000);
		fail(c, false, why);
	} else if (c->pinged_us > c->heard_us) {
		struct net_path path;

		/* Its machine confirms what we send: then only the agent is slow. */
		net_path(&c->net, &path);
		if (path.unacked || now - c->heard_us > SLOW_US)
			fail(c, false, "the link is silent");
		else
			c->patience_us = now + SILENCE_US;
	} else {
		c->pinged_us = now;
		native_put_u64(&c->net.out, CH_CONTROL, CTL_PING, now);
		if (net_flush(&c->net))
			fail(c, false, "the connection was closed");
	}
}
