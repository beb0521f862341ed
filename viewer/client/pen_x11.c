/* X Input Extension 2: raw events tell a pen's pressure and tilt, whoever has the window. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <SDL.h>
#include <X11/Xlib.h>
#include <X11/extensions/XInput2.h>

#include "viewer/client/client.h"

#define TURN_US 8000u /* a pen that is near is read so often */

static const char *const labels[PEN_AXES] = {"Abs Pressure", "Abs Tilt X", "Abs Tilt Y"};

static void add(struct pen *p, Display *dpy, const XIDeviceInfo *info)
{
	struct pen_device d = {.id = info->deviceid, .eraser = strcasestr(info->name, "eraser")};

	for (int a = 0; a < PEN_AXES; a++)
		d.axis[a].valuator = -1;
	for (int i = 0; i < info->num_classes; i++) {
		const XIValuatorClassInfo *v = (const XIValuatorClassInfo *)info->classes[i];

		if (v->type != XIValuatorClass)
			continue;
		for (int a = 0; a < PEN_AXES; a++) {
			if (v->label != XInternAtom(dpy, labels[a], False))
				continue;
			d.axis[a].valuator = v->number;
			d.axis[a].min = v->min;
			d.axis[a].max = v->max;
		}
	}
	if (d.axis[PEN_PRESSURE].valuator >= 0 && p->ndev < PEN_DEVICES)
		p->dev[p->ndev++] = d;
}

static void find(struct pen *p, Display *dpy)
{
	int n = 0;
	XIDeviceInfo *list = XIQueryDevice(dpy, XIAllDevices, &n);

	p->ndev = 0;
	for (int i = 0; list && i < n; i++)
		if (list[i].use == XISlavePointer || list[i].use == XIFloatingSlave)
			add(p, dpy, &list[i]);
	if (list)
		XIFreeDeviceInfo(list);
}

void pen_open(struct pen *p)
{
	const char *driver = SDL_GetCurrentVideoDriver();
	u8 bits[XIMaskLen(XI_LASTEVENT)] = {0}, hierarchy[XIMaskLen(XI_LASTEVENT)] = {0};
	XIEventMask masks[2] = {{XIAllMasterDevices, sizeof(bits), bits},
				{XIAllDevices, sizeof(hierarchy), hierarchy}};
	int event, error, major = 2, minor = 2;
	Display *dpy = driver && !strcmp(driver, "x11") ? XOpenDisplay(NULL) : NULL;

	*p = (struct pen){0};
	if (!dpy)
		return;
	if (!XQueryExtension(dpy, "XInputExtension", &p->opcode, &event, &error) ||
	    XIQueryVersion(dpy, &major, &minor) != Success) {
		XCloseDisplay(dpy);
		return;
	}
	XISetMask(bits, XI_RawMotion);
	XISetMask(hierarchy, XI_HierarchyChanged);
	XISelectEvents(dpy, DefaultRootWindow(dpy), masks, 2);
	find(p, dpy);
	XFlush(dpy);
	p->x = dpy;
}

void pen_close(struct pen *p)
{
	if (p->x)
		XCloseDisplay(p->x);
	*p = (struct pen){0};
}

static bool take(struct pen *p, Display *dpy, XGenericEventCookie *k)
{
	if (k->evtype == XI_HierarchyChanged) {
		find(p, dpy);
		return false;
	}
	const XIRawEvent *raw = k->data;
	if (k->evtype != XI_RawMotion || raw->valuators.mask_len < 0)
		return false;
	return pen_take(p, raw->sourceid, raw->valuators.mask, (u32)raw->valuators.mask_len,
			raw->valuators.values);
}

bool pen_tick(struct pen *p, u64 now)
{
	Display *dpy = p->x;
	bool changed = false;

	if (!dpy)
		return false;
	while (XPending(dpy)) {
		XEvent e;

		XNextEvent(dpy, &e);
		if (e.type != GenericEvent || e.xcookie.extension != p->opcode ||
		    !XGetEventData(dpy, &e.xcookie))
			continue;
		changed |= take(p, dpy, &e.xcookie);
		XFreeEventData(dpy, &e.xcookie);
	}
	p->due_us = p->state.near ? now + TURN_US : UINT64_MAX;
	return changed;
}

u64 pen_due(const struct pen *p)
{
	return p->x ? p->due_us : UINT64_MAX;
}
