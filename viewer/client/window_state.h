/* A window's inside: shared by what opens, what shows and what listens. */
#pragma once

#include "viewer/client/overlay.h"
#include "viewer/client/view.h"
#include "viewer/client/window.h"

struct window {
	struct window_conf conf;
	struct view views[NATIVE_MAX_HEADS];
	u32 n;
	u32 front; /* has the keyboard, or had it last: words go there */
	SDL_Cursor *cursor;
	SDL_Surface *canvas; /* a view of the client's picture, for scaled drawing */
	bool relative, figures, marks;
	bool film, mute;	     /* asked for, not yet told */
	bool away;		     /* a view has lost the keyboard: to no other one? */
	u16 buttons, x, y;	     /* as told last */
	u32 keysym;		     /* of the press that comes next; 0: not told */
	u32 down[SDL_NUM_SCANCODES]; /* keysym it was pressed as, plus 1; 0: it is up */
	struct overlay overlay;
	char said[600], note[600];
	u64 note_until, titled_us;
	u64 size_us;	   /* the desktop is asked for another size then; 0: it is not */
	char corner[2048]; /* what is written now */
};

/* Opens, moves and closes views until they are what the configuration asks for. ERR_NOENT: SDL opens
 * no further one; those before it stay. */
__must_check int layout_arrange(struct window *w, const struct native_heads *h);
/* Grabs the keyboard in every view, or lets it go. */
void layout_grab(struct window *w);
/* Lets go of everything that is held on the desktop. */
void window_release(struct window *w, struct client *c);
/* Where the pointer is on this desk, by the display itself: what SDL knows of it may be old. */
void window_desk_pointer(struct window *w, int *x, int *y);
/* Shows all anew: another scale, or marks. */
void window_redraw(struct window *w, struct client *c);
/* Other monitors, or full screen on and off. */
void window_rearrange(struct window *w, struct client *c);
