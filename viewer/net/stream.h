/*
 * A byte stream over a non-blocking socket, clear, in TLS 1.3, or in WebSocket frames over either.
 *
 * Received bytes gather in `in` (the owner eats them), bytes to send in `out`. Nothing blocks and
 * nothing is sent but by net_flush(), which also makes the frames.
 */
#pragma once

#include <gnutls/gnutls.h>

#include "viewer/proto/buf.h"

#define NET_IN_FIRST (64u << 10) /* cap of `in` until the owner raises in.limit */

struct net_stream {
	int fd;
	gnutls_session_t tls; /* NULL: clear */
	bool tls_up;	      /* the handshake is done */
	bool websocket;	      /* see websocket.h */
	bool closed;	      /* the peer is gone, or lied */
	bool goodbye; /* closed as the peer wished: it said so, or ended a clear stream in order */
	struct wbuf in, out;
	size_t out_at;	    /* bytes of out already sent */
	size_t framed;	    /* websocket: bytes of out that lie in frames */
	size_t tls_owed;    /* bytes the TLS layer has taken and not yet sent */
	struct wbuf ws_in;  /* raw bytes of an unfinished frame */
	u64 sent, received; /* payload bytes, TLS and frames not counted */
};

void net_init(struct net_stream *s, int fd);
void net_close(struct net_stream *s);
/* Sets TCP_NODELAY, NOTSENT_LOWAT and, where the kernel lets us, BBR. A no-op on other sockets. */
void net_tune(int fd, const char *congestion);

/* Reads what is there. 1: something came, 0: nothing now, negative: closed (s->closed is set). */
__must_check int net_receive(struct net_stream *s);
/* Sends what can be sent. 0, or negative: closed. */
__must_check int net_flush(struct net_stream *s);

static inline size_t net_unsent(const struct net_stream *s)
{
	return s->out.n - s->out_at;
}

/* Bytes that the kernel holds and has not sent yet; 0 if it does not say. */
size_t net_kernel_unsent(const struct net_stream *s);

/* TLS. Credentials stay the caller's. */
__must_check int net_tls_server(struct net_stream *s, gnutls_certificate_credentials_t cred);
__must_check int net_tls_client(struct net_stream *s, gnutls_certificate_credentials_t cred,
				const char *host);
/* 1: done, 0: wait for the socket, negative: failed (text names why). */
__must_check int net_tls_handshake(struct net_stream *s, const char **text);

/* SHA-256 of the peer's certificate. */
__must_check int net_peer_fingerprint(struct net_stream *s, u8 out[32]);

/* What TCP says of the path. Zero where unknown. */
struct net_path {
	u32 rtt_us, min_rtt_us;
	u64 rate_bps; /* delivery rate, bytes a second: BBR's own estimate where that runs */
	bool app_limited;
	u32 unacked; /* segments that the peer's machine has not confirmed */
	u32 retransmits;
};
void net_path(const struct net_stream *s, struct net_path *p);
/* TCP sends no faster than so many bytes a second, however much waits; 0: as fast as it likes. */
void net_pace(const struct net_stream *s, u64 bytes_per_s);
