/* A six-axes controller on this desk (a "space mouse"), by SDL's joystick interface. */
#pragma once

#include <SDL.h>

#include "viewer/client/client.h"

struct axes {
	SDL_Joystick *stick; /* NULL: none is plugged in */
	bool ready;	     /* SDL looks for joysticks */
	struct axes_state {
		s16 axis[NATIVE_AXES];
		u32 buttons;
	} sent;
	u64 look_us, read_us; /* when to look for one, and to read it, next */
};

/* Without joysticks in SDL there is none: nothing is said of it. */
void axes_open(struct axes *a);
void axes_close(struct axes *a);
/* Sends what the hand does while the window has the keyboard; otherwise all axes are at rest. */
void axes_tick(struct axes *a, struct client *c, bool focused);
u64 axes_due(const struct axes *a);
/* Is it one? By who made it, or by its name. */
bool axes_known(u16 vendor, u16 product, const char *name);
