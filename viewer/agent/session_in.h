/* What a viewer says once it is in. */
#pragma once

#include "viewer/agent/agent.h"

/* Handles every whole message received. Negative: the peer broke the protocol. */
__must_check int session_input(struct session *s);
/* Lets go of the keys, buttons and axes that this viewer holds. */
void session_release(struct session *s);

/* May this viewer change anything at the desktop? */
bool session_may_change(const struct session *s);
/* The parts of session_input(). The same for input, which counts as a sign of life. */
bool session_may_touch(struct session *s);
void session_key(struct session *s, bool down, u32 keysym, u32 scancode);
void session_pointer(struct session *s, const struct native_pointer *p);

/* session_clip.c: text for the desktop, if the policy lets it in; an RFB clipboard message. */
void session_text_in(struct session *s, const char *text, u32 n);
/* Tells what of the extended clipboard is spoken here. */
void session_greet_clipboard(struct session *s);
__must_check int session_cut(struct session *s, const struct rfb_cut *c);

/* session_native.c: a native message. */
__must_check int session_native(struct session *s, const struct rfb_client_msg *m);
void session_put_cursor(struct session *s);
void session_put_locks(struct session *s);
/* After a change of the framebuffer. */
__must_check int session_renew_native(struct session *s);
