/* The viewer's end: the framebuffer file of the X display where its window is shown. */
#pragma once

#include "tests/stream/bench/desk.h"

struct box {
	int x0, y0, x1, y1;
};

int screen_open(const char *file);
/* The number that all five marks show, or -1. */
int screen_number(void);
/* Does it show the newest frame? */
bool screen_current(void);
bool screen_patch(void);
bool screen_is_exact(void);
/* Milliseconds after the newest frame was drawn until every pixel is its own; -1: not within the
 * limit, or nothing has moved on the screen for a second. */
double screen_wait_exact(double limit_ms);

/*
 * Notes when each frame is seen, in a thread of its own, until screen_unwatch(). From some of the
 * frames the pixels of `sampled` are kept (x1 0: from none).
 */
void screen_watch(struct box sampled);
void screen_unwatch(void);
/* 0: never seen. */
uint64_t screen_seen(uint32_t serial);
/* Of the samples kept, marks left out; 99: all of them exact, -1: there are none. */
double screen_psnr(void);
