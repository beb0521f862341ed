/* What a viewer says once it is in. */
#pragma once

#include "viewer/agent/agent.h"

/* Handles every whole message received. Negative: the peer broke the protocol. */
__must_check int session_input(struct session *s);
/* Lets go of the keys and buttons that this viewer holds. */
void session_release(struct session *s);
void session_put_cursor(struct session *s);
/* After a change of the framebuffer. */
__must_check int session_renew_native(struct session *s);
