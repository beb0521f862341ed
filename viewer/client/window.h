/* The SDL window: shows a client's picture, hands it what the person does. */
#pragma once

#include "viewer/client/client.h"

struct window;

struct window_conf {
	bool fullscreen, smooth, grab, clipboard_in, clipboard_out;
	const char *title;
};

struct window *window_open(const struct window_conf *conf, char *error, size_t n);
void window_close(struct window *w);
/* Descriptor that is readable when events wait, -1: must be looked at by time. */
int window_fd(struct window *w);
/* Were events read along with an answer of the display? The descriptor will not tell of those. */
bool window_waits(struct window *w);
/* Handles events; false: the person wants to leave. */
bool window_events(struct window *w, struct client *c);
/* What the desktop said beside its picture: its clipboard's text, its locks. */
void window_follow(struct window *w, struct client *c);
/* Shows what the client has painted. Returns microseconds it took. */
u32 window_present(struct window *w, struct client *c);
/* True once after the key for it: recording should begin, or end. */
bool window_wants_film(struct window *w);
/* The same for the key that mutes the desktop's sound, or lets it be heard again. */
bool window_wants_mute(struct window *w);
/* A line for the person: connecting, lost, refused. NULL: none. */
void window_say(struct window *w, const char *text);
