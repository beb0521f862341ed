/* WebSocket (RFC 6455), the server's side of it, as browsers' VNC clients use it: binary frames. */
#pragma once

#include "viewer/net/stream.h"

/*
 * Whose pages may connect. A browser sends along which page's script asks (RFC 6455 §10.2); without
 * this, any page that a user looks at could reach a server that trusts its network or its machine.
 */
struct websocket_pages {
	const char *allowed; /* comma list of origins, as in https://desks.example:6080 */
	bool any;	     /* with an empty list: every page (a password is asked for anyway) */
};

/*
 * Reads the HTTP request in s->in and writes the answer. 1: the stream is a WebSocket now,
 * 0: not all there yet, ERR_PERM: a page that is not allowed, other negative: not a WebSocket
 * request (an HTTP error has been written either way).
 */
__must_check int websocket_accept(struct net_stream *s, const struct websocket_pages *pages);
/* Moves whole frames' payload from ws_in to in. 0 or negative: close. */
__must_check int websocket_unframe(struct net_stream *s);
/* Wraps what stands in s->out from `from` on into one frame. */
void websocket_frame(struct net_stream *s, size_t from);
