/*
 * XTest: scancodes go in as key codes (evdev's plus 8), so that the desktop's own layout decides;
 * clients without scancodes have their keysyms looked up, or bound to a spare key code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <X11/Xlib.h>
#include <X11/XKBlib.h>
#include <X11/keysym.h>
#include <X11/extensions/XTest.h>

#include "viewer/agent/input/input.h"

#define KEYS 256

struct input {
	Display *dpy;
	bool down[KEYS];
	u32 pressed_as[KEYS]; /* keysym that a key code was pressed for */
	u16 buttons;
	KeyCode spare;
	KeySym spare_has;
};

static void find_spare(struct input *i)
{
	int lo, hi, per = 0;

	XDisplayKeycodes(i->dpy, &lo, &hi);
	KeySym *map = XGetKeyboardMapping(i->dpy, (KeyCode)lo, hi - lo + 1, &per);
	for (int code = hi; map && code >= lo && !i->spare; code--) {
		bool empty = true;

		for (int k = 0; k < per; k++)
			empty &= map[(code - lo) * per + k] == NoSymbol;
		if (empty)
			i->spare = (KeyCode)code;
	}
	if (map)
		XFree(map);
}

static struct input *xtest_open(const char *target, char *error, size_t n)
{
	struct input *i = calloc(1, sizeof(*i));
	int a, b, c, d;

	if (!i)
		return NULL;
	i->dpy = XOpenDisplay(target);
	if (!i->dpy || !XTestQueryExtension(i->dpy, &a, &b, &c, &d)) {
		snprintf(error, n, "no X display with XTEST at %s", target ? target : "$DISPLAY");
		if (i->dpy)
			XCloseDisplay(i->dpy);
		free(i);
		return NULL;
	}
	XTestGrabControl(i->dpy, True); /* another program's grab of the server does not stop us */
	find_spare(i);
	return i;
}

static void press(struct input *i, unsigned code, bool down, u32 keysym)
{
	if (code >= KEYS)
		return;
	i->down[code] = down;
	i->pressed_as[code] = down ? keysym : 0;
	XTestFakeKeyEvent(i->dpy, code, down, CurrentTime);
}

static KeyCode bind_spare(struct input *i, KeySym sym)
{
	KeySym list[2] = {sym, sym};

	if (!i->spare || i->down[i->spare])
		return 0;
	if (i->spare_has != sym) {
		XChangeKeyboardMapping(i->dpy, i->spare, 2, list, 1);
		XSync(i->dpy, False);
		i->spare_has = sym;
	}
	return i->spare;
}

/* The key code for a keysym, and whether Shift must differ from what is held. */
static KeyCode find_key(struct input *i, KeySym sym, bool *need_shift)
{
	KeyCode code = XKeysymToKeycode(i->dpy, sym);

	*need_shift = false;
	if (!code)
		return 0;
	if (XkbKeycodeToKeysym(i->dpy, code, 0, 0) == sym)
		return code;
	if (XkbKeycodeToKeysym(i->dpy, code, 0, 1) == sym) {
		*need_shift = true;
		return code;
	}
	return 0;
}

static void key_by_sym(struct input *i, bool down, u32 keysym)
{
	bool shift = false;

	if (!down) { /* what was pressed is released, whatever the layout says now */
		for (unsigned code = 0; code < KEYS; code++)
			if (i->down[code] && i->pressed_as[code] == keysym)
				press(i, code, false, 0);
		return;
	}
	KeyCode code = find_key(i, keysym, &shift);
	KeyCode left = XKeysymToKeycode(i->dpy, XK_Shift_L),
		right = XKeysymToKeycode(i->dpy, XK_Shift_R);
	bool held = i->down[left] || i->down[right];

	if (!code) {
		code = bind_spare(i, keysym);
		shift = held;
	}
	if (!code)
		return;
	if (shift && !held) {
		XTestFakeKeyEvent(i->dpy, left, True, CurrentTime);
		press(i, code, true, keysym);
		XTestFakeKeyEvent(i->dpy, left, False, CurrentTime);
	} else {
		press(i, code, true, keysym);
	}
}

static void xtest_key(struct input *i, bool down, u32 keysym, u32 scancode)
{
	u16 code = input_evdev_code(scancode);

	if (code && code + 8u < KEYS)
		press(i, code + 8u, down, keysym);
	else if (keysym)
		key_by_sym(i, down, keysym);
	XFlush(i->dpy);
}

/* RFB button bits to X buttons. */
static const u8 x_button[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void set_buttons(struct input *i, u16 buttons)
{
	u16 changed = (u16)(i->buttons ^ buttons);

	for (u32 b = 0; b < ARRAY_SIZE(x_button); b++)
		if (changed >> b & 1)
			XTestFakeButtonEvent(i->dpy, x_button[b], buttons >> b & 1, CurrentTime);
	i->buttons = buttons;
}

static void xtest_pointer(struct input *i, const struct native_pointer *p)
{
	XTestFakeMotionEvent(i->dpy, -1, p->x, p->y, CurrentTime);
	set_buttons(i, p->buttons);
	XFlush(i->dpy);
}

static void xtest_relative(struct input *i, s16 dx, s16 dy, u16 buttons)
{
	if (dx || dy)
		XTestFakeRelativeMotionEvent(i->dpy, dx, dy, CurrentTime);
	set_buttons(i, buttons);
	XFlush(i->dpy);
}

static void xtest_six_axes(struct input *i, const s16 axes[6], u32 buttons)
{
	/* X has no event for such a device without a driver: uinput carries it. */
}

static void xtest_release(struct input *i)
{
	for (unsigned code = 0; code < KEYS; code++)
		if (i->down[code])
			press(i, code, false, 0);
	set_buttons(i, 0);
	XFlush(i->dpy);
}

static void xtest_close(struct input *i)
{
	xtest_release(i);
	if (i->spare && i->spare_has) {
		KeySym none[2] = {NoSymbol, NoSymbol};
		XChangeKeyboardMapping(i->dpy, i->spare, 2, none, 1);
	}
	XCloseDisplay(i->dpy);
	free(i);
}

static void xtest_resize(struct input *i, u16 w, u16 h)
{
}

const struct input_ops input_xtest = {
    .name = "xtest",
    .open = xtest_open,
    .close = xtest_close,
    .key = xtest_key,
    .pointer = xtest_pointer,
    .relative = xtest_relative,
    .six_axes = xtest_six_axes,
    .release = xtest_release,
    .resize = xtest_resize,
};
