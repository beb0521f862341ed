/* The X clipboard, UTF-8 text only, on a connection of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/extensions/Xfixes.h>

#include "viewer/agent/agent.h"

struct clipboard {
	Display *dpy;
	Window win;
	int fixes_event;
	Atom clipboard, utf8, targets, property;
	char *text;
	u32 n;
	bool ours; /* we own the selection */
};

struct clipboard *clipboard_open(const char *display, char *error, size_t n)
{
	struct clipboard *c = calloc(1, sizeof(*c));
	int base;

	if (!c)
		return NULL;
	c->dpy = XOpenDisplay(display);
	if (!c->dpy || !XFixesQueryExtension(c->dpy, &c->fixes_event, &base)) {
		snprintf(error, n, "no X display with XFIXES");
		clipboard_close(c);
		return NULL;
	}
	c->win = XCreateSimpleWindow(c->dpy, DefaultRootWindow(c->dpy), -1, -1, 1, 1, 0, 0, 0);
	c->clipboard = XInternAtom(c->dpy, "CLIPBOARD", False);
	c->utf8 = XInternAtom(c->dpy, "UTF8_STRING", False);
	c->targets = XInternAtom(c->dpy, "TARGETS", False);
	c->property = XInternAtom(c->dpy, "CAPROCK_CLIPBOARD", False);
	XFixesSelectSelectionInput(c->dpy, c->win, c->clipboard, XFixesSetSelectionOwnerNotifyMask);
	XFlush(c->dpy);
	return c;
}

void clipboard_close(struct clipboard *c)
{
	if (!c)
		return;
	if (c->dpy)
		XCloseDisplay(c->dpy);
	free(c->text);
	free(c);
}

int clipboard_fd(struct clipboard *c)
{
	return ConnectionNumber(c->dpy);
}

const char *clipboard_text(struct clipboard *c, u32 *n)
{
	*n = c->n;
	return c->text;
}

static void keep(struct clipboard *c, const void *text, u32 n)
{
	char *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, text, n);
	copy[n] = 0;
	free(c->text);
	c->text = copy;
	c->n = n;
}

void clipboard_set(struct clipboard *c, const char *text, u32 n)
{
	keep(c, text, n);
	c->ours = true;
	XSetSelectionOwner(c->dpy, c->clipboard, c->win, CurrentTime);
	XFlush(c->dpy);
}

static void answer(struct clipboard *c, const XSelectionRequestEvent *r)
{
	XEvent e = {.xselection = {.type = SelectionNotify,
				   .requestor = r->requestor,
				   .selection = r->selection,
				   .target = r->target,
				   .time = r->time}};
	Atom list[2] = {c->targets, c->utf8};

	if (r->target == c->targets) {
		XChangeProperty(c->dpy, r->requestor, r->property, XA_ATOM, 32, PropModeReplace,
				(unsigned char *)list, 2);
		e.xselection.property = r->property;
	} else if (r->target == c->utf8 && c->text) {
		XChangeProperty(c->dpy, r->requestor, r->property, c->utf8, 8, PropModeReplace,
				(unsigned char *)c->text, (int)c->n);
		e.xselection.property = r->property;
	}
	XSendEvent(c->dpy, r->requestor, False, 0, &e);
}

static bool receive(struct clipboard *c, const XSelectionEvent *s)
{
	Atom type;
	int format;
	unsigned long n = 0, left = 0;
	unsigned char *data = NULL;
	bool got = false;

	if (s->property == None)
		return false;
	if (XGetWindowProperty(c->dpy, c->win, c->property, 0, RFB_MAX_CLIPBOARD / 4, True,
			       AnyPropertyType, &type, &format, &n, &left, &data) == Success &&
	    type == c->utf8 && format == 8 && !left) {
		keep(c, data, (u32)n);
		got = true;
	}
	if (data)
		XFree(data);
	return got;
}

bool clipboard_dispatch(struct clipboard *c)
{
	bool changed = false;

	while (XPending(c->dpy)) {
		XEvent e;

		XNextEvent(c->dpy, &e);
		if (e.type == c->fixes_event + XFixesSelectionNotify) {
			XFixesSelectionNotifyEvent *f = (XFixesSelectionNotifyEvent *)&e;
			c->ours = f->owner == c->win;
			if (!c->ours && f->owner != None)
				XConvertSelection(c->dpy, c->clipboard, c->utf8, c->property,
						  c->win, CurrentTime);
		} else if (e.type == SelectionRequest) {
			answer(c, &e.xselectionrequest);
		} else if (e.type == SelectionNotify) {
			changed |= receive(c, &e.xselection);
		}
	}
	XFlush(c->dpy);
	return changed;
}
