/*
 * Virtual devices by uinput, for any desktop: a keyboard (keys by scancode, so the desktop's layout
 * decides), an absolute pointer with wheels, a relative pointer for 3D navigation, a six-axes
 * controller, and a pen with pressure and tilt. The descriptors come from caprock-seat.
 */
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/input/input.h"
#include "viewer/agent/input/keysyms.h"
#include "viewer/agent/seat.h"

#define ABS_MAX_POS    65535
#define AXIS_MAX       32767
#define KEYS	       256u
#define PEN_PER_MM     200 /* a tablet of 328 mm a side, as large ones are */
#define PEN_PER_RADIAN 57

enum device { KEYBOARD, POINTER, MOUSE, SIX_AXES, PEN, DEVICES };

static const char *const names[DEVICES] = {"Caprock keyboard", "Caprock pointer", "Caprock mouse",
					   "Caprock six-axes controller", "Caprock pen"};

/* Bits of RFB's mask to buttons; wheels are not buttons here. */
static const struct {
	u16 bit, code;
} buttons[] = {{1, BTN_LEFT}, {2, BTN_MIDDLE}, {4, BTN_RIGHT}, {128, BTN_SIDE}, {256, BTN_EXTRA}};
static const struct {
	u16 bit, code;
	s32 step;
} wheels[] = {{8, REL_WHEEL, 1}, {16, REL_WHEEL, -1}, {32, REL_HWHEEL, -1}, {64, REL_HWHEEL, 1}};
/* What the other buttons are on a pen; the first is its tip. */
static const struct {
	u16 bit, code;
} pen_buttons[] = {{4, BTN_STYLUS}, {2, BTN_STYLUS2}};
static const u16 axes_codes[6] = {ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ};

struct input {
	int fd[DEVICES];
	bool down[KEYS];
	u16 buttons[DEVICES];
	u32 axis_buttons;
	u16 pen_tool; /* BTN_TOOL_* that is near; 0: none */
	u16 w, h;
};

static int set(int fd, unsigned long what, int bit)
{
	return ioctl(fd, what, bit) < 0 ? ERR_IO : 0;
}

/* per: units in a millimetre, or in a radian; 0: it does not matter. */
static int set_axis(int fd, u16 code, s32 lo, s32 hi, s32 per)
{
	struct uinput_abs_setup a = {.code = code,
				     .absinfo = {.minimum = lo, .maximum = hi, .resolution = per}};

	return set(fd, UI_SET_ABSBIT, code) || ioctl(fd, UI_ABS_SETUP, &a) < 0 ? ERR_IO : 0;
}

static int set_buttons(int fd)
{
	int e = set(fd, UI_SET_EVBIT, EV_KEY);

	for (size_t i = 0; !e && i < ARRAY_SIZE(buttons); i++)
		e = set(fd, UI_SET_KEYBIT, buttons[i].code);
	return e;
}

static int set_wheels(int fd)
{
	static const u16 codes[] = {REL_WHEEL, REL_HWHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES};
	int e = set(fd, UI_SET_EVBIT, EV_REL);

	for (size_t i = 0; !e && i < ARRAY_SIZE(codes); i++)
		e = set(fd, UI_SET_RELBIT, codes[i]);
	return e;
}

/* As libinput wants a tablet: a tool, a tip, and places in millimetres. */
static int describe_pen(int fd)
{
	static const u16 keys[] = {BTN_TOOL_PEN, BTN_TOOL_RUBBER, BTN_TOUCH, BTN_STYLUS,
				   BTN_STYLUS2};
	int e = set(fd, UI_SET_EVBIT, EV_KEY) || set(fd, UI_SET_EVBIT, EV_ABS) ||
			set(fd, UI_SET_PROPBIT, INPUT_PROP_POINTER)
		    ? ERR_IO
		    : 0;

	for (size_t i = 0; !e && i < ARRAY_SIZE(keys); i++)
		e = set(fd, UI_SET_KEYBIT, keys[i]);
	if (e || set_axis(fd, ABS_X, 0, ABS_MAX_POS, PEN_PER_MM) ||
	    set_axis(fd, ABS_Y, 0, ABS_MAX_POS, PEN_PER_MM) ||
	    set_axis(fd, ABS_PRESSURE, 0, ABS_MAX_POS, 0) ||
	    set_axis(fd, ABS_TILT_X, -90, 90, PEN_PER_RADIAN) ||
	    set_axis(fd, ABS_TILT_Y, -90, 90, PEN_PER_RADIAN))
		return ERR_IO;
	return 0;
}

static int describe(int fd, enum device d)
{
	int e = 0;

	switch (d) {
	case KEYBOARD:
		e = set(fd, UI_SET_EVBIT, EV_KEY);
		for (u32 sc = 1; !e && sc < 256; sc++)
			if (input_evdev_code(sc))
				e = set(fd, UI_SET_KEYBIT, input_evdev_code(sc));
		return e;
	case POINTER:
		return set_buttons(fd) || set_wheels(fd) || set(fd, UI_SET_EVBIT, EV_ABS) ||
			       set_axis(fd, ABS_X, 0, ABS_MAX_POS, 0) ||
			       set_axis(fd, ABS_Y, 0, ABS_MAX_POS, 0)
			   ? ERR_IO
			   : 0;
	case MOUSE:
		return set_buttons(fd) || set_wheels(fd) || set(fd, UI_SET_RELBIT, REL_X) ||
			       set(fd, UI_SET_RELBIT, REL_Y)
			   ? ERR_IO
			   : 0;
	case PEN:
		return describe_pen(fd);
	default:
		e = set(fd, UI_SET_EVBIT, EV_KEY) || set(fd, UI_SET_EVBIT, EV_ABS);
		for (int i = 0; !e && i < 16; i++)
			e = set(fd, UI_SET_KEYBIT, BTN_TRIGGER_HAPPY1 + i);
		for (int i = 0; !e && i < 6; i++)
			e = set_axis(fd, axes_codes[i], -AXIS_MAX, AXIS_MAX, 0);
		return e;
	}
}

static int make(int fd, enum device d)
{
	struct uinput_setup s = {.id = {BUS_VIRTUAL, 0, (u16)(d + 1), 1}};

	snprintf(s.name, sizeof(s.name), "%s", names[d]);
	if (describe(fd, d) || ioctl(fd, UI_DEV_SETUP, &s) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		return ERR_IO;
	return 0;
}

static void uinput_close(struct input *i);

static struct input *uinput_open(const char *target, char *error, size_t n)
{
	const char *path = target ? target : SEAT_SOCKET;
	struct input *i = calloc(1, sizeof(*i));
	struct seat_answer a;
	int seat = -1;

	if (!i)
		return NULL;
	for (int d = 0; d < DEVICES; d++)
		i->fd[d] = -1;
	if (seat_connect(path, &seat)) {
		snprintf(error, n, "input uinput: no caprock-seat at %s for this user", path);
		goto fail;
	}
	for (int d = 0; d < DEVICES; d++)
		if (seat_ask(seat, SEAT_UINPUT, 0, &a, &i->fd[d]) || make(i->fd[d], d)) {
			snprintf(error, n,
				 "input uinput: %s cannot be made; is the module uinput loaded?",
				 names[d]);
			goto fail;
		}
	close(seat);
	return i;
fail:
	if (seat >= 0)
		close(seat);
	uinput_close(i);
	return NULL;
}

static void event(int fd, u16 type, u16 code, s32 value)
{
	struct input_event e = {.type = type, .code = code, .value = value};

	if (write(fd, &e, sizeof(e)) != sizeof(e))
		return; /* the device is gone with its desktop: nobody is left to tell */
}

static void done(int fd)
{
	event(fd, EV_SYN, SYN_REPORT, 0);
}

static void uinput_key(struct input *i, bool down, u32 keysym, u32 scancode)
{
	u16 code = input_evdev_code(scancode);

	if (!code)
		code = input_evdev_code(input_scancode_of(keysym));
	if (!code || code >= KEYS || i->down[code] == down)
		return;
	i->down[code] = down;
	event(i->fd[KEYBOARD], EV_KEY, code, down);
	done(i->fd[KEYBOARD]);
}

static void press(struct input *i, enum device d, u16 mask)
{
	u16 changed = (u16)(i->buttons[d] ^ mask);

	for (size_t k = 0; k < ARRAY_SIZE(buttons); k++)
		if (changed & buttons[k].bit)
			event(i->fd[d], EV_KEY, buttons[k].code, (mask & buttons[k].bit) != 0);
	for (size_t k = 0; k < ARRAY_SIZE(wheels); k++)
		if (changed & mask & wheels[k].bit) {
			event(i->fd[d], EV_REL, wheels[k].code, wheels[k].step);
			event(i->fd[d], EV_REL,
			      wheels[k].code == REL_WHEEL ? REL_WHEEL_HI_RES : REL_HWHEEL_HI_RES,
			      wheels[k].step * 120);
		}
	i->buttons[d] = mask;
}

static s32 scaled(u16 v, u16 size)
{
	return size > 1 ? (s32)(((u32)v * ABS_MAX_POS + (size - 1u) / 2) / (size - 1u)) : 0;
}

static s32 degrees(s16 tilt)
{
	return tilt > 9000 ? 90 : tilt < -9000 ? -90 : tilt / 100;
}

/* mask 0: it is lifted away. */
static void pen(struct input *i, const struct native_pointer *p, u16 mask)
{
	u16 tool = !(mask & POINTER_PEN)   ? 0
		   : mask & POINTER_ERASER ? BTN_TOOL_RUBBER
					   : BTN_TOOL_PEN;
	u16 changed = (u16)(i->buttons[PEN] ^ mask);
	int fd = i->fd[PEN];

	if (i->pen_tool && i->pen_tool != tool) { /* one end goes before the other comes */
		event(fd, EV_ABS, ABS_PRESSURE, 0);
		event(fd, EV_KEY, BTN_TOUCH, 0);
		for (size_t k = 0; k < ARRAY_SIZE(pen_buttons); k++)
			event(fd, EV_KEY, pen_buttons[k].code, 0);
		event(fd, EV_KEY, i->pen_tool, 0);
		done(fd);
		changed = mask;
	}
	if (tool) {
		if (i->pen_tool != tool)
			event(fd, EV_KEY, tool, 1);
		event(fd, EV_ABS, ABS_X, scaled(p->x, i->w));
		event(fd, EV_ABS, ABS_Y, scaled(p->y, i->h));
		event(fd, EV_ABS, ABS_PRESSURE, p->pressure);
		event(fd, EV_ABS, ABS_TILT_X, degrees(p->tilt_x));
		event(fd, EV_ABS, ABS_TILT_Y, degrees(p->tilt_y));
		if (changed & 1)
			event(fd, EV_KEY, BTN_TOUCH, mask & 1);
		for (size_t k = 0; k < ARRAY_SIZE(pen_buttons); k++)
			if (changed & pen_buttons[k].bit)
				event(fd, EV_KEY, pen_buttons[k].code,
				      (mask & pen_buttons[k].bit) != 0);
		done(fd);
	}
	i->pen_tool = tool;
	i->buttons[PEN] = tool ? mask : 0;
}

static void uinput_pointer(struct input *i, const struct native_pointer *p)
{
	int fd = i->fd[POINTER];

	if (p->buttons & POINTER_PEN || i->pen_tool)
		pen(i, p, p->buttons);
	if (p->buttons & POINTER_PEN)
		return;

	event(fd, EV_ABS, ABS_X, scaled(p->x, i->w));
	event(fd, EV_ABS, ABS_Y, scaled(p->y, i->h));
	press(i, POINTER, p->buttons);
	done(fd);
}

static void uinput_relative(struct input *i, s16 dx, s16 dy, u16 mask)
{
	int fd = i->fd[MOUSE];

	if (dx)
		event(fd, EV_REL, REL_X, dx);
	if (dy)
		event(fd, EV_REL, REL_Y, dy);
	press(i, MOUSE, mask);
	done(fd);
}

static void uinput_six_axes(struct input *i, const s16 axes[6], u32 mask)
{
	int fd = i->fd[SIX_AXES];

	for (int k = 0; k < 6; k++)
		event(fd, EV_ABS, axes_codes[k], axes[k] < -AXIS_MAX ? -AXIS_MAX : axes[k]);
	for (int k = 0; k < 16; k++)
		if ((i->axis_buttons ^ mask) >> k & 1)
			event(fd, EV_KEY, (u16)(BTN_TRIGGER_HAPPY1 + k), mask >> k & 1);
	i->axis_buttons = mask;
	done(fd);
}

static void uinput_release(struct input *i)
{
	static const s16 rest[6];

	for (u16 code = 0; code < KEYS; code++)
		if (i->down[code]) {
			event(i->fd[KEYBOARD], EV_KEY, code, 0);
			i->down[code] = false;
		}
	done(i->fd[KEYBOARD]);
	press(i, POINTER, 0);
	done(i->fd[POINTER]);
	uinput_relative(i, 0, 0, 0);
	uinput_six_axes(i, rest, 0);
	pen(i, NULL, 0);
}

static void uinput_close(struct input *i)
{
	if (i->fd[DEVICES - 1] >= 0)
		uinput_release(i);
	for (int d = 0; d < DEVICES; d++)
		if (i->fd[d] >= 0)
			close(i->fd[d]); /* the device goes with it */
	free(i);
}

static void uinput_resize(struct input *i, u16 w, u16 h)
{
	i->w = w;
	i->h = h;
}

const struct input_ops input_uinput = {
    .name = "uinput",
    .open = uinput_open,
    .close = uinput_close,
    .key = uinput_key,
    .pointer = uinput_pointer,
    .relative = uinput_relative,
    .six_axes = uinput_six_axes,
    .release = uinput_release,
    .resize = uinput_resize,
};
