/*
 * An X display: XShm for pixels, XDamage for what changed, XFixes for the pointer's shape.
 *
 * The shared memory segment is the whole screen. A grab asks the server for whole rows of the
 * damaged ranges, which land at their place in the segment: one request a range, no second copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/Xdamage.h>
#include <X11/extensions/Xfixes.h>
#include <X11/extensions/Xrandr.h>

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"

#define MAX_MISSES 100u

struct capture {
	Display *dpy;
	Window root;
	Damage damage;
	int damage_event, fixes_event, randr_event;
	XImage *ximg;
	XShmSegmentInfo shm;
	bool attached;
	bool all;   /* everything may differ: first picture or another size */
	u32 misses; /* grabs in a row that the server refused */
	struct tileset dirty;
	struct native_heads heads;
	struct capture_cursor cursor;
};

/* A source that dies takes its errors to the log, not the process down. */
static int on_error(Display *d, XErrorEvent *e)
{
	return 0;
}

static void drop_segment(struct capture *c)
{
	if (c->attached)
		XShmDetach(c->dpy, &c->shm);
	if (c->ximg) {
		c->ximg->data = NULL;
		XDestroyImage(c->ximg);
	}
	if (c->shm.shmaddr && c->shm.shmaddr != (void *)-1)
		shmdt(c->shm.shmaddr);
	c->ximg = NULL;
	c->attached = false;
	c->shm = (XShmSegmentInfo){0};
	tileset_free(&c->dirty);
}

static void read_heads(struct capture *c, u32 w, u32 h)
{
	int n = 0;
	XRRMonitorInfo *m = XRRGetMonitors(c->dpy, c->root, True, &n);

	c->heads = (struct native_heads){.width = (u16)w, .height = (u16)h};
	for (int i = 0; m && i < n && c->heads.n < NATIVE_MAX_HEADS; i++) {
		struct rect r = {(u16)m[i].x, (u16)m[i].y, (u16)m[i].width, (u16)m[i].height};
		if (r.w && r.h && rect_inside(r, w, h))
			c->heads.list[c->heads.n++] = r;
	}
	if (!c->heads.n)
		c->heads.list[c->heads.n++] = (struct rect){0, 0, (u16)w, (u16)h};
	if (m)
		XRRFreeMonitors(m);
}

static int make_segment(struct capture *c)
{
	XWindowAttributes a;

	if (!XGetWindowAttributes(c->dpy, c->root, &a) || a.width < 1 || a.height < 1 ||
	    a.width > (int)RFB_MAX_SIDE || a.height > (int)RFB_MAX_SIDE)
		return ERR_RANGE;
	if ((a.depth != 24 && a.depth != 32) || a.visual->red_mask != 0xff0000)
		return ERR_UNSUPPORTED;
	c->ximg = XShmCreateImage(c->dpy, a.visual, (unsigned)a.depth, ZPixmap, NULL, &c->shm,
				  (unsigned)a.width, (unsigned)a.height);
	if (!c->ximg || c->ximg->bits_per_pixel != 32)
		return ERR_UNSUPPORTED;
	c->shm.shmid = shmget(IPC_PRIVATE, (size_t)c->ximg->bytes_per_line * (size_t)a.height,
			      IPC_CREAT | 0600);
	if (c->shm.shmid < 0)
		return ERR_NOMEM;
	c->shm.shmaddr = c->ximg->data = shmat(c->shm.shmid, NULL, 0);
	c->shm.readOnly = False;
	c->attached = c->shm.shmaddr != (void *)-1 && XShmAttach(c->dpy, &c->shm);
	XSync(c->dpy, False);
	shmctl(c->shm.shmid, IPC_RMID, NULL); /* goes with the last detach */
	if (!c->attached || tileset_alloc(&c->dirty, (u32)a.width, (u32)a.height))
		return ERR_NOMEM;
	read_heads(c, (u32)a.width, (u32)a.height);
	c->all = true;
	return 0;
}

static void read_cursor(struct capture *c)
{
	XFixesCursorImage *i = XFixesGetCursorImage(c->dpy);

	free(c->cursor.argb);
	c->cursor = (struct capture_cursor){0};
	if (!i)
		return;
	if (i->width && i->height && i->width <= RFB_MAX_CURSOR && i->height <= RFB_MAX_CURSOR)
		c->cursor.argb = malloc((size_t)i->width * i->height * 4);
	if (c->cursor.argb) {
		c->cursor.w = i->width;
		c->cursor.h = i->height;
		c->cursor.hot_x = i->xhot;
		c->cursor.hot_y = i->yhot;
		c->cursor.x = i->x;
		c->cursor.y = i->y;
		c->cursor.visible = true;
		for (size_t k = 0; k < (size_t)i->width * i->height; k++)
			c->cursor.argb[k] = (u32)i->pixels[k];
	}
	XFree(i);
}

static void x11_close(struct capture *c)
{
	if (!c)
		return;
	if (c->dpy) {
		drop_segment(c);
		XCloseDisplay(c->dpy);
	}
	free(c->cursor.argb);
	free(c);
}

static struct capture *x11_open(const struct capture_conf *conf, char *error, size_t n)
{
	struct capture *c = calloc(1, sizeof(*c));
	int base, err, major = 4, minor = 0;

	if (!c)
		return NULL;
	XSetErrorHandler(on_error);
	c->dpy = XOpenDisplay(conf->source);
	if (!c->dpy) {
		snprintf(error, n, "no X display at %s", conf->source ? conf->source : "$DISPLAY");
		goto fail;
	}
	c->root = DefaultRootWindow(c->dpy);
	if (!XShmQueryExtension(c->dpy) || !XDamageQueryExtension(c->dpy, &c->damage_event, &err) ||
	    !XFixesQueryExtension(c->dpy, &c->fixes_event, &err) ||
	    !XFixesQueryVersion(c->dpy, &major, &minor) ||
	    !XRRQueryExtension(c->dpy, &c->randr_event, &base)) {
		snprintf(error, n, "the X display lacks MIT-SHM, DAMAGE, XFIXES or RANDR");
		goto fail;
	}
	if (make_segment(c)) {
		snprintf(error, n, "the X display is not a 24-bit local one, or memory is short");
		goto fail;
	}
	c->damage = XDamageCreate(c->dpy, c->root, XDamageReportDeltaRectangles);
	XFixesSelectCursorInput(c->dpy, c->root, XFixesDisplayCursorNotifyMask);
	XRRSelectInput(c->dpy, c->root, RRScreenChangeNotifyMask);
	XSelectInput(c->dpy, c->root, StructureNotifyMask);
	read_cursor(c);
	XFlush(c->dpy);
	return c;
fail:
	x11_close(c);
	return NULL;
}

static int x11_fd(struct capture *c)
{
	return ConnectionNumber(c->dpy);
}

/* Xlib may have read events while it waited for a reply: they show on no descriptor. */
static u64 x11_due(struct capture *c)
{
	return c->all || XEventsQueued(c->dpy, QueuedAlready) ? 0 : UINT64_MAX;
}

static int x11_dispatch(struct capture *c, struct capture_news *news)
{
	*news = (struct capture_news){.damage = c->all, .cursor = c->all};
	while (XPending(c->dpy)) {
		XEvent e;

		XNextEvent(c->dpy, &e);
		if (e.type == c->damage_event + XDamageNotify) {
			XDamageNotifyEvent *d = (XDamageNotifyEvent *)&e;
			s32 x0 = d->area.x < 0 ? 0 : d->area.x, y0 = d->area.y < 0 ? 0 : d->area.y;
			s32 x1 = d->area.x + d->area.width, y1 = d->area.y + d->area.height;

			x1 = x1 > c->ximg->width ? c->ximg->width : x1;
			y1 = y1 > c->ximg->height ? c->ximg->height : y1;
			if (x1 > x0 && y1 > y0)
				tileset_add_rect(&c->dirty,
						 (struct rect){(u16)x0, (u16)y0, (u16)(x1 - x0),
							       (u16)(y1 - y0)});
			news->damage = true;
		} else if (e.type == c->fixes_event + XFixesCursorNotify) {
			read_cursor(c);
			news->cursor = true;
		} else if (e.type == c->randr_event + RRScreenChangeNotify ||
			   e.type == ConfigureNotify) {
			XRRUpdateConfiguration(&e);
			news->resized = true;
		}
	}
	if (news->resized) {
		drop_segment(c);
		int e = make_segment(c);
		if (e)
			return e;
		news->damage = true;
	}
	return 0;
}

static void x11_heads(struct capture *c, struct native_heads *h)
{
	*h = c->heads;
}

/* Whole rows of the ranges that hold damage, few requests rather than few bytes. */
static int fetch(struct capture *c)
{
	u32 row = 0, rows = c->dirty.rows;

	while (row < rows) {
		u32 end;

		while (row < rows &&
		       tileset_next(&c->dirty, row * c->dirty.cols) >= (row + 1) * c->dirty.cols)
			row++;
		if (row == rows)
			break;
		for (end = row + 1; end < rows; end++)
			if (tileset_next(&c->dirty, end * c->dirty.cols) >=
			    (end + 4) * c->dirty.cols)
				break; /* a gap of four tile rows is worth another request */
		u32 y0 = row * TILE_H, y1 = end * TILE_H;
		if (y1 > (u32)c->ximg->height)
			y1 = (u32)c->ximg->height;
		int h = c->ximg->height;
		c->ximg->data = c->shm.shmaddr + (size_t)y0 * (size_t)c->ximg->bytes_per_line;
		c->ximg->height = (int)(y1 - y0);
		Status ok = XShmGetImage(c->dpy, c->root, c->ximg, 0, (int)y0, AllPlanes);
		c->ximg->data = c->shm.shmaddr;
		c->ximg->height = h;
		if (!ok)
			return ERR_IO;
		row = end;
	}
	return 0;
}

static int x11_grab(struct capture *c, struct tileset *damage, struct capture_buffer *b)
{
	if (c->all)
		tileset_fill(&c->dirty);
	/* Before the pixels are read: what is drawn in between is told again. */
	XDamageSubtract(c->dpy, c->damage, None, None);
	if (fetch(c)) {
		/* The screen has become smaller and the event is on its way, or there is none. */
		c->all = true;
		return ++c->misses < MAX_MISSES ? ERR_BUSY : ERR_IO;
	}
	c->misses = 0;
	c->all = false;
	memcpy(damage->bits, c->dirty.bits, (size_t)c->dirty.words * 8);
	tileset_clear(&c->dirty);
	struct image img = {(u32 *)c->shm.shmaddr, (u32)c->ximg->width, (u32)c->ximg->height,
			    (u32)c->ximg->bytes_per_line / 4};
	*b = capture_of_image(&img, now_us());
	return 0;
}

static const struct capture_cursor *x11_cursor(struct capture *c)
{
	return &c->cursor;
}

/* The screen that holds what the output shows; it must never be the smaller one. */
static void size_screen(struct capture *c, u32 w, u32 h)
{
	XRRSetScreenSize(c->dpy, c->root, (int)w, (int)h, (int)(w * 254 / 960),
			 (int)(h * 254 / 960));
}

/* Picks the mode of the asked size on the first output, if it has one. */
static int x11_resize(struct capture *c, const struct native_heads *want)
{
	u32 had_w = c->heads.width, had_h = c->heads.height;
	int e = ERR_UNSUPPORTED;
	XRRScreenResources *res = XRRGetScreenResources(c->dpy, c->root);

	for (int i = 0; res && want->n == 1 && i < res->nmode; i++) {
		XRRModeInfo *m = &res->modes[i];
		if (m->width != want->width || m->height != want->height || !res->ncrtc)
			continue;
		XRRCrtcInfo *crtc = XRRGetCrtcInfo(c->dpy, res, res->crtcs[0]);
		if (m->width > had_w || m->height > had_h)
			size_screen(c, m->width > had_w ? m->width : had_w,
				    m->height > had_h ? m->height : had_h);
		if (crtc && crtc->noutput &&
		    XRRSetCrtcConfig(c->dpy, res, res->crtcs[0], CurrentTime, 0, 0, m->id,
				     RR_Rotate_0, crtc->outputs, 1) == RRSetConfigSuccess)
			e = 0;
		size_screen(c, e ? had_w : m->width, e ? had_h : m->height);
		if (crtc)
			XRRFreeCrtcInfo(crtc);
		break;
	}
	if (res)
		XRRFreeScreenResources(res);
	return e;
}

const struct capture_ops capture_x11 = {
    .name = "x11",
    .open = x11_open,
    .close = x11_close,
    .fd = x11_fd,
    .due_us = x11_due,
    .dispatch = x11_dispatch,
    .heads = x11_heads,
    .grab = x11_grab,
    .cursor = x11_cursor,
    .resize = x11_resize,
};
