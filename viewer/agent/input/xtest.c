/*
 * XTest: scancodes go in as key codes (evdev's plus 8), so that the desktop's own layout decides;
 * clients without scancodes have their keysyms looked up (xtest_sym.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "viewer/agent/input/xtest.h"

/* An agent that was killed could not let go of what it held, and the display goes on holding it. */
static void let_go(struct input *i)
{
	Window root, child;
	int x, y;
	unsigned mask = 0;
	char keys[32];

	XQueryKeymap(i->dpy, keys);
	for (unsigned code = 0; code < XTEST_KEYS; code++)
		if (keys[code / 8] >> code % 8 & 1)
			XTestFakeKeyEvent(i->dpy, code, False, CurrentTime);
	XQueryPointer(i->dpy, DefaultRootWindow(i->dpy), &root, &child, &x, &y, &x, &y, &mask);
	for (unsigned b = Button1; b <= Button5; b++)
		if (mask & Button1Mask << (b - Button1))
			XTestFakeButtonEvent(i->dpy, b, False, CurrentTime);
	XFlush(i->dpy);
}

/* X's lamps are Caps, Num, Scroll from bit 0 on. */
static u8 leds_of(unsigned lamps)
{
	return (u8)((lamps >> 2 & 1) | (lamps & 2) | (lamps & 1) << 2);
}

void xtest_read_events(struct input *i)
{
	while (XPending(i->dpy)) {
		XEvent e;

		XNextEvent(i->dpy, &e);
		if (e.type == MappingNotify)
			XRefreshKeyboardMapping(&e.xmapping);
		else if (e.type == i->xkb_event &&
			 ((XkbAnyEvent *)&e)->xkb_type == XkbIndicatorStateNotify)
			i->leds = leds_of(((XkbIndicatorNotifyEvent *)&e)->state);
	}
}

static int xtest_fd(struct input *i)
{
	return ConnectionNumber(i->dpy);
}

static bool xtest_locks(struct input *i, u8 *locks)
{
	u8 was = *locks;

	xtest_read_events(i);
	*locks = i->leds;
	return i->leds != was;
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
	let_go(i);
	xtest_find_spares(i);
	if (XkbQueryExtension(i->dpy, &a, &i->xkb_event, &b, &c, &d)) {
		unsigned lamps = 0;

		XkbSelectEvents(i->dpy, XkbUseCoreKbd, XkbIndicatorStateNotifyMask,
				XkbIndicatorStateNotifyMask);
		XkbGetIndicatorState(i->dpy, XkbUseCoreKbd, &lamps);
		i->leds = leds_of(lamps);
	}
	return i;
}

void xtest_press(struct input *i, unsigned code, bool down, u32 keysym)
{
	if (code >= XTEST_KEYS)
		return;
	i->down[code] = down;
	i->pressed_as[code] = down ? keysym : 0;
	XTestFakeKeyEvent(i->dpy, code, down, CurrentTime);
}

static void xtest_key(struct input *i, bool down, u32 keysym, u32 scancode)
{
	u16 code = input_evdev_code(scancode);

	if (code && code + 8u < XTEST_KEYS)
		xtest_press(i, code + 8u, down, keysym);
	else if (keysym)
		xtest_key_by_sym(i, down, keysym);
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
	for (unsigned code = 0; code < XTEST_KEYS; code++)
		if (i->down[code])
			xtest_press(i, code, false, 0);
	set_buttons(i, 0);
	XFlush(i->dpy);
}

static void xtest_close(struct input *i)
{
	xtest_release(i);
	xtest_free_spares(i);
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
    .fd = xtest_fd,
    .locks = xtest_locks,
};
