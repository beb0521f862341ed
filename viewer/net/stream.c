#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/net/stream.h"
#include "viewer/net/websocket.h"

#define PRIORITY      "SECURE128:-VERS-ALL:+VERS-TLS1.3"
#define NOTSENT_LOWAT (16u << 10)
/*
 * Plain RFB has no ping: a machine that is gone must not leave its keys held and its place taken.
 * Who takes nothing of what waits for it for UNHEARD_MS counts as gone too.
 */
#define KEEP_IDLE_S   10
#define KEEP_EVERY_S  3
#define KEEP_TRIES    4
#define UNHEARD_MS    30000

void net_init(struct net_stream *s, int fd)
{
	*s = (struct net_stream){.fd = fd, .in.limit = NET_IN_FIRST, .ws_in.limit = NET_IN_FIRST};
}

void net_close(struct net_stream *s)
{
	if (s->tls) {
		if (s->tls_up && !s->closed)
			gnutls_bye(s->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(s->tls);
	}
	if (s->fd >= 0)
		close(s->fd);
	wbuf_free(&s->in);
	wbuf_free(&s->out);
	wbuf_free(&s->ws_in);
	*s = (struct net_stream){.fd = -1, .closed = true};
}

void net_tune(int fd, const char *congestion)
{
	int one = 1, lowat = NOTSENT_LOWAT, idle = KEEP_IDLE_S, every = KEEP_EVERY_S;
	int tries = KEEP_TRIES, unheard = UNHEARD_MS;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard, sizeof(unheard));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
	if (congestion && *congestion)
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
			   (socklen_t)strlen(congestion));
}

static int lost(struct net_stream *s)
{
	s->closed = true;
	return ERR_IO;
}

/* One read into buf. >0 bytes, 0 nothing now, negative closed. */
static ssize_t read_some(struct net_stream *s, u8 *buf, size_t n)
{
	ssize_t got;

	if (s->tls_up) {
		got = gnutls_record_recv(s->tls, buf, n);
		if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
			return 0;
		s->goodbye = got == 0; /* a close alert; a mere end of the TCP stream is an error */
		if (got <= 0 && got != GNUTLS_E_REHANDSHAKE)
			return lost(s);
		return got < 0 ? 0 : got;
	}
	got = recv(s->fd, buf, n, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	s->goodbye = got == 0;
	return got <= 0 ? lost(s) : got;
}

int net_receive(struct net_stream *s)
{
	struct wbuf *to = s->websocket ? &s->ws_in : &s->in;
	size_t had = s->in.n;
	int any = 0;

	if (s->closed)
		return ERR_IO;
	/* Frames that did not fit before the owner ate. */
	if (s->websocket && s->ws_in.n) {
		if (websocket_unframe(s))
			return lost(s);
		any = s->in.n > had;
	}
	for (;;) {
		size_t limit = to->limit, room = limit - to->n < 65536 ? limit - to->n : 65536;
		size_t at = to->n;

		if (!room)
			break; /* the owner must eat first */
		u8 *p = wbuf_room(to, room);
		if (!p)
			return lost(s);
		ssize_t n = read_some(s, p, room);
		to->n = at + (n > 0 ? (size_t)n : 0);
		if (n < 0)
			return any ? 1 : (int)n;
		if (!n)
			break;
		s->received += (u64)n;
		any = 1;
		if (s->websocket && websocket_unframe(s))
			return lost(s);
		/* A TLS record may leave more decrypted; a plain socket is asked once. */
		if (!s->tls_up && (size_t)n < room)
			break;
	}
	return any;
}

static ssize_t write_some(struct net_stream *s, const u8 *p, size_t n)
{
	if (s->tls_up) {
		ssize_t put;

		if (s->tls_owed)
			put = gnutls_record_send(s->tls, NULL, 0);
		else
			put = gnutls_record_send(s->tls, p, n < 16384 ? n : 16384);
		if (put == GNUTLS_E_AGAIN || put == GNUTLS_E_INTERRUPTED) {
			s->tls_owed = s->tls_owed ? s->tls_owed : n < 16384 ? n : 16384;
			return 0;
		}
		s->tls_owed = 0;
		return put < 0 ? lost(s) : put;
	}
	ssize_t put = send(s->fd, p, n, MSG_NOSIGNAL);
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return put < 0 ? lost(s) : put;
}

int net_flush(struct net_stream *s)
{
	if (s->closed || s->out.failed)
		return lost(s);
	if (s->websocket && s->out.n > s->framed) {
		websocket_frame(s, s->framed);
		if (s->out.failed)
			return lost(s);
		s->framed = s->out.n;
	}
	while (s->out_at < s->out.n) {
		ssize_t n = write_some(s, s->out.p + s->out_at, s->out.n - s->out_at);

		if (n < 0)
			return ERR_IO;
		if (!n)
			break;
		s->out_at += (size_t)n;
		s->sent += (u64)n;
	}
	if (s->out_at == s->out.n) {
		s->out.n = s->out_at = s->framed = 0;
	} else if (s->out_at > (1u << 20)) {
		wbuf_eat(&s->out, s->out_at);
		s->framed -= s->websocket ? s->out_at : 0;
		s->out_at = 0;
	}
	return 0;
}

size_t net_kernel_unsent(const struct net_stream *s)
{
	int n = 0;

	if (ioctl(s->fd, SIOCOUTQNSD, &n) < 0 || n < 0)
		return 0;
	return (size_t)n;
}

static int tls_begin(struct net_stream *s, unsigned flags, gnutls_certificate_credentials_t cred)
{
	const char *where;

	if (gnutls_init(&s->tls, flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		return ERR_NOMEM;
	if (gnutls_priority_set_direct(s->tls, PRIORITY, &where) < 0 ||
	    gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, cred) < 0)
		return ERR_INVAL;
	gnutls_transport_set_int(s->tls, s->fd);
	return 0;
}

int net_tls_server(struct net_stream *s, gnutls_certificate_credentials_t cred)
{
	return tls_begin(s, GNUTLS_SERVER, cred);
}

int net_tls_client(struct net_stream *s, gnutls_certificate_credentials_t cred, const char *host)
{
	int e = tls_begin(s, GNUTLS_CLIENT, cred);

	if (!e && host)
		gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, host, strlen(host));
	return e;
}

int net_tls_handshake(struct net_stream *s, const char **text)
{
	int e = gnutls_handshake(s->tls);

	if (e == GNUTLS_E_AGAIN || e == GNUTLS_E_INTERRUPTED)
		return 0;
	if (e < 0) {
		if (!gnutls_error_is_fatal(e))
			return 0;
		*text = gnutls_strerror(e);
		return lost(s);
	}
	s->tls_up = true;
	return 1;
}

int net_peer_fingerprint(struct net_stream *s, u8 out[32])
{
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(s->tls, &n);
	size_t size = 32;

	if (!list || !n)
		return ERR_NOENT;
	return gnutls_fingerprint(GNUTLS_DIG_SHA256, &list[0], out, &size) < 0 ? ERR_CORRUPT : 0;
}

void net_path(const struct net_stream *s, struct net_path *p)
{
	struct tcp_info t;
	socklen_t n = sizeof(t);

	memset(p, 0, sizeof(*p));
	memset(&t, 0, sizeof(t));
	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &t, &n) < 0)
		return;
	p->rtt_us = t.tcpi_rtt;
	p->min_rtt_us = t.tcpi_min_rtt;
	p->rate_bps = t.tcpi_delivery_rate;
	p->unacked = t.tcpi_unacked;
	p->app_limited = t.tcpi_delivery_rate_app_limited;
	p->retransmits = t.tcpi_total_retrans;

	union tcp_cc_info cc = {0};
	n = sizeof(cc);
	if (!getsockopt(s->fd, IPPROTO_TCP, TCP_CC_INFO, &cc, &n) && n == sizeof(cc.bbr)) {
		u64 bw = (u64)cc.bbr.bbr_bw_hi << 32 | cc.bbr.bbr_bw_lo;
		if (bw) {
			p->rate_bps = bw;
			p->app_limited = false; /* it knows which samples to trust */
		}
	}
}

void net_pace(const struct net_stream *s, u64 bytes_per_s)
{
	u64 most = bytes_per_s ? bytes_per_s : UINT64_MAX;

	/* A kernel that cannot goes on as before. */
	setsockopt(s->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &most, sizeof(most));
}
