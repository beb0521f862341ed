/* The SDL windows: show a client's picture, hand it what the person does. */
#pragma once

#include "viewer/client/client.h"

struct window;

enum window_monitors {
	MONITORS_ONE,  /* one window shows the whole desktop */
	MONITORS_EACH, /* a window for each monitor of the desktop */
	MONITORS_ALL,  /* one picture over all displays of this desk, a window for each of those */
};

struct window_conf {
	bool fullscreen, smooth, grab, clipboard_in, clipboard_out;
	bool figures, marks; /* shown from the start */
	bool resize;	     /* the desktop is to take the window's size (one window) */
	enum window_monitors monitors;
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
/* When window_tick() must run, monotonic us: figures change, notes go. UINT64_MAX: never. */
u64 window_due(const struct window *w);
void window_tick(struct window *w, struct client *c);
/* True once after the key for it: recording should begin, or end. */
bool window_wants_film(struct window *w);
/* The same for the key that mutes the desktop's sound, or lets it be heard again. */
bool window_wants_mute(struct window *w);
/* Words in the middle, for as long as they hold: connecting, lost, refused. NULL: they go
 * with the next picture. */
void window_say(struct window *w, struct client *c, const char *text);
/* Words for a moment. */
void window_note(struct window *w, struct client *c, const char *text);
/* The figures shown need the agent's own. */
bool window_wants_stats(const struct window *w);
