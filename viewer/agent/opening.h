/* Logging in: from a connection's first byte to its first ordinary message. */
#pragma once

#include "viewer/agent/agent.h"

/* Takes what was received; moves the session on, up to SESSION_RUN or SESSION_CLOSING. */
void opening_step(struct session *s);
void opening_tls(struct session *s);
/* A browser's request, in clear or in TLS (wss). */
void opening_http(struct session *s);
