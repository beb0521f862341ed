#include <pthread.h>
#include <string.h>
#include <time.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>

#include "tests/stream/bench/desk.h"

struct desk desk;

static Display *dpy;
static Window win;
static GC gc;
static XImage *ximg;
static pthread_mutex_t painting = PTHREAD_MUTEX_INITIALIZER;

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void desk_marks(int at[5][2])
{
	int w = desk.width, h = desk.height;
	int list[5][2] = {{0, 0},
			  {w - MARK, 0},
			  {0, h - CELL},
			  {w - MARK, h - CELL},
			  {w / 2 / 64 * 64, h / 2 / 16 * 16}};

	memcpy(at, list, sizeof(list));
}

const uint32_t *desk_frame(int f)
{
	return desk.raw + (size_t)f * (size_t)desk.width * (size_t)desk.height;
}

static void draw_marks(uint32_t number)
{
	int at[5][2];

	desk_marks(at);
	for (int m = 0; m < 5; m++)
		for (int y = 0; y < CELL; y++)
			for (int x = 0; x < MARK; x++)
				desk.img[(size_t)(at[m][1] + y) * (size_t)desk.width +
					 (size_t)(at[m][0] + x)] =
				    number >> (x / CELL) & 1 ? 0xffffff : 0;
}

static void draw_patch(void)
{
	for (int y = 0; y < PATCH; y++)
		for (int x = 0; x < PATCH; x++)
			desk.img[(size_t)(PATCH_Y + y) * (size_t)desk.width +
				 (size_t)(PATCH_X + x)] = desk.patch_on ? 0xffffff : 0x102040;
}

static void put(int x, int y, int w, int h)
{
	XShmPutImage(dpy, win, gc, ximg, x, y, x, y, (unsigned)w, (unsigned)h, False);
}

/* Copies what differs in rows [y, end); columns [*x0, *x1) then hold all of it. */
static void copy_changes(const uint32_t *from, int y, int end, int *x0, int *x1)
{
	int width = desk.width;

	for (; y < end; y++) {
		const uint32_t *a = from + (size_t)y * (size_t)width;
		uint32_t *b = desk.img + (size_t)y * (size_t)width;
		int l = 0, r = width - 1;

		while (l < width && !((a[l] ^ b[l]) & 0xffffff))
			l++;
		while (r > l && !((a[r] ^ b[r]) & 0xffffff))
			r--;
		if (l == width)
			continue;
		*x0 = l < *x0 ? l : *x0;
		*x1 = r + 1 > *x1 ? r + 1 : *x1;
		memcpy(b + l, a + l, (size_t)(r + 1 - l) * 4);
	}
}

void desk_draw(int f)
{
	const uint32_t *from = desk_frame(f);
	uint32_t n = desk.serial + 1;
	int width = desk.width, height = desk.height, at[5][2], y0 = -1, bx0 = width, bx1 = 0;

	pthread_mutex_lock(&painting);
	for (int band = 0; band <= height; band += CELL) {
		int end = band + CELL < height ? band + CELL : height, x0 = width, x1 = 0;

		copy_changes(from, band, end, &x0, &x1);
		if (x1 > x0) {
			y0 = y0 < 0 ? band : y0;
			bx0 = x0 < bx0 ? x0 : bx0;
			bx1 = x1 > bx1 ? x1 : bx1;
		}
		if ((x1 <= x0 || band + CELL >= height) && y0 >= 0) {
			draw_marks(n & 255);
			draw_patch();
			put(bx0, y0, bx1 - bx0, (x1 > x0 ? end : band) - y0);
			y0 = -1;
			bx0 = width;
			bx1 = 0;
		}
	}
	draw_marks(n & 255);
	draw_patch();
	desk_marks(at);
	for (int m = 0; m < 5; m++)
		put(at[m][0], at[m][1], MARK, CELL);
	XSync(dpy, False);
	desk.of_frame[n % FRAMES] = f;
	desk.drawn[n % FRAMES] = now_us();
	desk.serial = n;
	pthread_mutex_unlock(&painting);
}

void desk_answer_keys(void)
{
	while (XPending(dpy)) {
		XEvent e;

		XNextEvent(dpy, &e);
		if (e.type != KeyPress)
			continue;
		pthread_mutex_lock(&painting);
		desk.patch_on = !desk.patch_on;
		draw_patch();
		put(PATCH_X, PATCH_Y, PATCH, PATCH);
		XFlush(dpy);
		pthread_mutex_unlock(&painting);
	}
}

int desk_open(const char *display)
{
	static XShmSegmentInfo shm;
	XSetWindowAttributes a = {.override_redirect = True, .event_mask = KeyPressMask};
	unsigned w = (unsigned)desk.width, h = (unsigned)desk.height;

	dpy = XOpenDisplay(display);
	if (!dpy)
		return -1;
	win = XCreateWindow(dpy, DefaultRootWindow(dpy), 0, 0, w, h, 0, CopyFromParent, InputOutput,
			    CopyFromParent, CWOverrideRedirect | CWEventMask, &a);
	gc = XCreateGC(dpy, win, 0, NULL);
	ximg = XShmCreateImage(dpy, DefaultVisual(dpy, 0), 24, ZPixmap, NULL, &shm, w, h);
	if (!ximg)
		return -1;
	shm.shmid = shmget(IPC_PRIVATE, (size_t)ximg->bytes_per_line * h, IPC_CREAT | 0600);
	shm.shmaddr = ximg->data = shmat(shm.shmid, NULL, 0);
	XShmAttach(dpy, &shm);
	XMapRaised(dpy, win);
	XSync(dpy, False);
	shmctl(shm.shmid, IPC_RMID, NULL);
	XSetInputFocus(dpy, win, RevertToParent, CurrentTime);
	desk.img = (uint32_t *)ximg->data;
	memset(desk.img, 0x55, (size_t)w * h * 4);
	desk_draw(0);
	put(0, 0, desk.width, desk.height);
	XSync(dpy, False);
	return 0;
}
