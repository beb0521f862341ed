/* The recorded desktop, drawn on an X display: changed parts, frame numbers, a patch that keys turn. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define CELL	16
#define MARK	(8 * CELL)
#define PATCH	32
#define PATCH_X 256
#define PATCH_Y 64
#define FRAMES	4096 /* serial numbers that are remembered */

struct desk {
	int width, height;
	const uint32_t *raw;		/* the recording */
	uint32_t *img;			/* the desktop as it should be */
	_Atomic uint64_t drawn[FRAMES]; /* when, by serial number */
	int of_frame[FRAMES];		/* serial number -> frame of the recording */
	_Atomic uint32_t serial;	/* last one drawn */
	_Atomic bool patch_on;
};

extern struct desk desk;

uint64_t now_us(void);
/* Where the marks with the frame's number lie: four corners and the centre. */
void desk_marks(int at[5][2]);
const uint32_t *desk_frame(int f);
int desk_open(const char *display);
/* Draws the parts of frame f that differ from what is there, and the marks of a new serial number. */
void desk_draw(int f);
/* Answers keys by the patch, on the desktop's own connection. */
void desk_answer_keys(void);
