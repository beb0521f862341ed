/* What the two halves of the XTest input share: keys by code, and keys by keysym. */
#pragma once

#include <X11/XKBlib.h>
#include <X11/Xlib.h>
#include <X11/extensions/XTest.h>

#include "viewer/agent/input/input.h"

#define XTEST_KEYS   256u
#define XTEST_SPARES 8u

struct input {
	Display *dpy;
	bool down[XTEST_KEYS];
	u32 pressed_as[XTEST_KEYS]; /* keysym that a key code was pressed for */
	u16 buttons;
	/* Key codes that the layout leaves empty, for what no key of it writes. */
	struct {
		KeyCode code;
		KeySym sym;
		u32 used; /* i->uses when it was last wanted */
	} spare[XTEST_SPARES];
	u32 nspares, uses;
	int xkb_event;
	u8 leds; /* RFB's bits */
};

void xtest_press(struct input *i, unsigned code, bool down, u32 keysym);
/*
 * A key of a client that knows keysyms only: what it means arrives, whatever layout the desktop
 * has. Modifiers that the client holds are lifted, or others added, for as long as the press takes;
 * not beside Control, Alt or Super, where the client means a shortcut.
 */
void xtest_key_by_sym(struct input *i, bool down, u32 keysym);
/* News of another layout, of locks. */
void xtest_read_events(struct input *i);
void xtest_find_spares(struct input *i);
void xtest_free_spares(struct input *i);
