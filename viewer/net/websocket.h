/* WebSocket (RFC 6455), the server's side of it, as browsers' VNC clients use it: binary frames. */
#pragma once

#include "viewer/net/stream.h"

/*
 * Reads the HTTP request in s->in and writes the answer. 1: the stream is a WebSocket now,
 * 0: not all there yet, negative: not a WebSocket request (an HTTP error has been written).
 */
__must_check int websocket_accept(struct net_stream *s);
/* Moves whole frames' payload from ws_in to in. 0 or negative: close. */
__must_check int websocket_unframe(struct net_stream *s);
/* Wraps what stands in s->out from `from` on into one frame. */
void websocket_frame(struct net_stream *s, size_t from);
