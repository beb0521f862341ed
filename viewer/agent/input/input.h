/* Where keys and pointers go, behind one table of operations. */
#pragma once

#include "viewer/proto/native.h"

struct input;

struct input_ops {
	const char *name;
	struct input *(*open)(const char *target, char *error, size_t n);
	void (*close)(struct input *i);
	/* scancode: XT set 1 with 0xe0 as bit 7 (QEMU's form), 0 if unknown: then keysym decides. */
	void (*key)(struct input *i, bool down, u32 keysym, u32 scancode);
	/* Absolute, in framebuffer pixels. Buttons as RFB has them: bit 0 left, 1 middle, 2 right,
	 * 3/4 wheel up/down, 5/6 wheel left/right, 7 back, 8 forward; POINTER_PEN, POINTER_ERASER. */
	void (*pointer)(struct input *i, const struct native_pointer *p);
	void (*relative)(struct input *i, s16 dx, s16 dy, u16 buttons);
	void (*six_axes)(struct input *i, const s16 axes[6], u32 buttons);
	/* Lets go of everything that this input holds down. */
	void (*release)(struct input *i);
	/* Size of the framebuffer changed. */
	void (*resize)(struct input *i, u16 w, u16 h);
};

extern const struct input_ops input_none, input_uinput, input_xtest;

/* XT set 1 (QEMU form) to Linux key codes; 0 if there is none. */
u16 input_evdev_code(u32 scancode);
