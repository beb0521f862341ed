/*
 * A pen on this desk. SDL shows it as a mouse; its pressure and tilt are read from X's input
 * extension beside it, and go with the pointer's next message.
 */
#pragma once

#include "viewer/proto/native.h"

#define PEN_DEVICES 16u

enum pen_axis { PEN_PRESSURE, PEN_TILT_X, PEN_TILT_Y, PEN_AXES };

struct pen_device {
	int id;	     /* X's */
	bool eraser; /* the other end */
	struct {
		int valuator; /* its number; -1: none */
		double min, max;
	} axis[PEN_AXES];
};

struct pen_state {
	bool near; /* the pointer is a pen's now */
	bool eraser;
	u16 pressure;	    /* 0..65535 */
	s16 tilt_x, tilt_y; /* 0.01 degree */
};

struct pen {
	void *x; /* its own connection to the display; NULL: there is no pen */
	int opcode;
	struct pen_device dev[PEN_DEVICES];
	u32 ndev;
	struct pen_state state;
	u64 due_us;
};

/* Looks for pens on an X display; without one, or on another display server, there is none. */
void pen_open(struct pen *p);
void pen_close(struct pen *p);
/* Takes in what has happened. True: p->state is another. */
bool pen_tick(struct pen *p, u64 now);
u64 pen_due(const struct pen *p);

/* What an event of X's says: the device it came from, the valuators it carries (bits), their values. */
bool pen_take(struct pen *p, int source, const u8 *mask, u32 mask_bytes, const double *values);
