/*
 * One SDL window and what of the picture it shows, drawn through SDL's window surface: only what
 * changed is copied and sent to the display server.
 */
#pragma once

#include <SDL.h>

#include "viewer/client/client.h"

struct view {
	SDL_Window *win;
	struct rect part; /* of the picture that it shows */
	SDL_Rect span;	  /* what `part` is fitted into, window coordinates; w 0: the window */
	SDL_Rect place;	  /* where `part` lies; may stick out of the window */
	SDL_Rect wish;	  /* the place on the desk that it was given last */
	bool fullscreen;
	bool whole; /* everything must be drawn anew */
	SDL_Surface *drawn;
	int drawn_w, drawn_h; /* of `drawn` */
	SDL_Rect letters[2];  /* what words cover */
};

/* What all views show. */
struct scene {
	const struct client *c;
	SDL_Surface *canvas;	       /* c's picture; NULL: none yet */
	const struct tileset *painted; /* a finished picture's; NULL: none since the last time */
	bool smooth;		       /* scale smoothly, not by whole numbers only */
	bool marks;		       /* tint what is not exact */
	const char *words[2];	       /* in the upper left corner and in the middle; NULL: none */
};

/* The largest place in `span` with the shape of w x h; whole multiples unless smooth. */
SDL_Rect view_fit(u32 w, u32 h, SDL_Rect span, bool smooth);
/* Shows what of the picture was painted since the last time, or all of it where it must. */
void view_draw(struct view *v, const struct scene *s);
/* Window coordinates to the picture's; false: outside of what this view shows (then the nearest). */
bool view_to_picture(const struct view *v, int x, int y, u16 *px, u16 *py);
