/*
 * Both ends of a streamed desktop on one clock: draws a recorded desktop (its changed parts, with a
 * frame number in four corners and the centre) on one X display, and watches the framebuffer file of
 * the X display where the viewer shows it. Keys are injected at the viewer's end and answered by a
 * patch of the desktop that changes its colour.
 *
 *   measure DESK VIEW VIEW_FB RAW WIDTH HEIGHT CONTROL PIDS VIEWPORT(x0,y0,x1,y1) JOB...
 *
 *   motion NAME FIRST LAST   plays frames; shown, latency_p50, latency_p95, bytes, cpu_us (a shown
 *                            frame each), fps, psnr (of the viewport), exact_ms, exact_bytes
 *   loop NAME FIRST LAST N   the same, forwards and back, N frames
 *   keys NAME N              at rest; p50, p95
 *   keys_moving NAME N FIRST LAST
 *   idle NAME SECONDS        cpu (per cent of a core), bytes_per_s
 *   cut NAME SECONDS         picture_ms after the link is back
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/XTest.h>

#include "tests/stream/bench/control.h"

#define CELL	16
#define MARK	(8 * CELL)
#define PATCH	32
#define PATCH_X 256
#define PATCH_Y 64
#define FPS	30
#define FRAMES	4096
#define SAMPLES 5
#define KEYCODE 38 /* the letter a */

static int width, height;
static const uint32_t *raw;
static uint32_t *img; /* the desktop as it should be */
static const uint8_t *fb;
static uint32_t fb_pitch;
static volatile struct control *control;
static int pids[16], npids;
static int vx0, vy0, vx1, vy1;

static Display *desk, *view;
static Window win;
static GC gc;
static XImage *ximg;

static _Atomic uint64_t drawn[FRAMES]; /* by serial number */
static uint64_t seen[FRAMES];
static int of_frame[FRAMES]; /* serial -> frame of the recording */
static _Atomic uint32_t serial;
static _Atomic bool playing, patch_on;
static struct sample {
	int frame;
	uint32_t serial;
	uint32_t *px;
} samples[SAMPLES];
static int nsamples;
static pthread_mutex_t painting = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void sleep_until(uint64_t us)
{
	uint64_t now = now_us();

	if (us > now)
		usleep((useconds_t)(us - now));
}

/* ---- the desktop ---------------------------------------------------------------------------- */

static void mark_places(int at[5][2])
{
	int list[5][2] = {{0, 0},
			  {width - MARK, 0},
			  {0, height - CELL},
			  {width - MARK, height - CELL},
			  {width / 2 / 64 * 64, height / 2 / 16 * 16}};

	memcpy(at, list, sizeof(list));
}

static void draw_marks(uint32_t *to, uint32_t number)
{
	int at[5][2];

	mark_places(at);
	for (int m = 0; m < 5; m++)
		for (int y = 0; y < CELL; y++)
			for (int x = 0; x < MARK; x++)
				to[(size_t)(at[m][1] + y) * (size_t)width +
				   (size_t)(at[m][0] + x)] =
				    number >> (x / CELL) & 1 ? 0xffffff : 0;
}

static void draw_patch(uint32_t *to)
{
	for (int y = 0; y < PATCH; y++)
		for (int x = 0; x < PATCH; x++)
			to[(size_t)(PATCH_Y + y) * (size_t)width + (size_t)(PATCH_X + x)] =
			    patch_on ? 0xffffff : 0x102040;
}

static void put(int x, int y, int w, int h)
{
	XShmPutImage(desk, win, gc, ximg, x, y, x, y, (unsigned)w, (unsigned)h, False);
}

/* Draws the parts of frame f that differ from what is there, and the marks. */
static void draw_frame(int f)
{
	const uint32_t *from = raw + (size_t)f * (size_t)width * (size_t)height;
	uint32_t n = serial + 1;
	int at[5][2], y0 = -1, bx0 = width, bx1 = 0;

	pthread_mutex_lock(&painting);
	for (int band = 0; band <= height; band += CELL) {
		int end = band + CELL < height ? band + CELL : height, x0 = width, x1 = 0;

		for (int y = band; y < end; y++) {
			const uint32_t *a = from + (size_t)y * (size_t)width;
			uint32_t *b = img + (size_t)y * (size_t)width;
			int l = 0, r = width - 1;

			while (l < width && !((a[l] ^ b[l]) & 0xffffff))
				l++;
			while (r > l && !((a[r] ^ b[r]) & 0xffffff))
				r--;
			if (l == width)
				continue;
			x0 = l < x0 ? l : x0;
			x1 = r + 1 > x1 ? r + 1 : x1;
			memcpy(b + l, a + l, (size_t)(r + 1 - l) * 4);
		}
		if (x1 > x0) {
			y0 = y0 < 0 ? band : y0;
			bx0 = x0 < bx0 ? x0 : bx0;
			bx1 = x1 > bx1 ? x1 : bx1;
		}
		if ((x1 <= x0 || band + CELL >= height) && y0 >= 0) {
			draw_marks(img, n & 255);
			draw_patch(img);
			put(bx0, y0, bx1 - bx0, (x1 > x0 ? end : band) - y0);
			y0 = -1;
			bx0 = width;
			bx1 = 0;
		}
	}
	draw_marks(img, n & 255);
	draw_patch(img);
	mark_places(at);
	for (int m = 0; m < 5; m++)
		put(at[m][0], at[m][1], MARK, CELL);
	XSync(desk, False);
	of_frame[n % FRAMES] = f;
	drawn[n % FRAMES] = now_us();
	serial = n;
	pthread_mutex_unlock(&painting);
}

/* Answers keys by the patch, on the desktop's own connection. */
static void answer_keys(void)
{
	while (XPending(desk)) {
		XEvent e;

		XNextEvent(desk, &e);
		if (e.type != KeyPress)
			continue;
		pthread_mutex_lock(&painting);
		patch_on = !patch_on;
		draw_patch(img);
		put(PATCH_X, PATCH_Y, PATCH, PATCH);
		XFlush(desk);
		pthread_mutex_unlock(&painting);
	}
}

/* ---- the viewer's screen -------------------------------------------------------------------- */

static const uint32_t *fb_row(int y)
{
	return (const uint32_t *)(fb + (size_t)y * fb_pitch);
}

static bool bright(int x, int y)
{
	uint32_t p = fb_row(y)[x];

	return (p >> 8 & 255) > 127;
}

/* The number that all five marks show, or -1. */
static int read_marks(void)
{
	int at[5][2], first = -1;

	mark_places(at);
	for (int m = 0; m < 5; m++) {
		int v = 0;

		for (int i = 0; i < 8; i++)
			v |= bright(at[m][0] + i * CELL + CELL / 2, at[m][1] + CELL / 2) << i;
		if (m && v != first)
			return -1;
		first = v;
	}
	return first;
}

static bool is_exact(void)
{
	for (int y = 0; y < height; y++) {
		const uint32_t *a = fb_row(y), *b = img + (size_t)y * (size_t)width;
		uint32_t differs = 0;

		for (int x = 0; x < width; x++)
			differs |= a[x] ^ b[x];
		if (differs & 0xffffff)
			return false;
	}
	return true;
}

static void keep_sample(uint32_t n)
{
	static uint32_t last;

	if (nsamples == SAMPLES || n < last + 12)
		return;
	struct sample *s = &samples[nsamples++];
	last = n;
	s->frame = of_frame[n % FRAMES];
	s->serial = n;
	if (!s->px)
		s->px = malloc((size_t)(vx1 - vx0) * (size_t)(vy1 - vy0) * 4);
	for (int y = vy0; y < vy1; y++)
		memcpy(s->px + (size_t)(y - vy0) * (size_t)(vx1 - vx0), fb_row(y) + vx0,
		       (size_t)(vx1 - vx0) * 4);
	if (read_marks() != (int)(n & 255))
		nsamples--; /* the next frame came in between */
}

static void *watch(void *arg)
{
	int before = -1;

	while (playing) {
		int v = read_marks();

		if (v >= 0 && v != before) {
			uint32_t top = serial + 1; /* drawn, but perhaps not yet told */

			for (uint32_t n = top; n + 200 > top && n; n--)
				if ((int)(n & 255) == v) {
					if (!seen[n % FRAMES]) {
						seen[n % FRAMES] = now_us();
						keep_sample(n);
					}
					break;
				}
			before = v;
		}
		usleep(300);
	}
	return NULL;
}

/* ---- counters ------------------------------------------------------------------------------- */

static uint64_t cpu_us(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < npids; i++) {
		char path[64], text[1024] = "";
		unsigned long user = 0, sys = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pids[i]);
		f = fopen(path, "re");
		if (!f || !fgets(text, sizeof(text), f)) {
			if (f)
				fclose(f);
			continue;
		}
		fclose(f);
		char *p = strrchr(text, ')');
		if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&sys) == 2)
			sum += (uint64_t)(user + sys) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	}
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *v, int n, double q)
{
	if (!n)
		return -1;
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[(int)(q * (n - 1) + 0.5)];
}

static double psnr(void)
{
	double sum = 0;
	size_t count = 0;

	for (int i = 0; i < nsamples; i++) {
		const uint32_t *from =
		    raw + (size_t)samples[i].frame * (size_t)width * (size_t)height;
		int cx = width / 2 / 64 * 64, cy = height / 2 / 16 * 16;

		for (int y = vy0; y < vy1; y++)
			for (int x = vx0; x < vx1; x++) {
				uint32_t a = from[(size_t)y * (size_t)width + (size_t)x];
				uint32_t b = samples[i].px[(size_t)(y - vy0) * (size_t)(vx1 - vx0) +
							   (size_t)(x - vx0)];

				if (x >= cx && x < cx + MARK && y >= cy && y < cy + CELL)
					continue; /* the mark in the middle */
				for (int s = 0; s < 24; s += 8) {
					double d = (double)(a >> s & 255) - (double)(b >> s & 255);
					sum += d * d;
				}
				count += 3;
			}
	}
	return count ? sum > 0 ? 10 * log10(255.0 * 255.0 * (double)count / sum) : 99 : -1;
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static double wait_exact(double limit_ms)
{
	uint64_t start = drawn[serial % FRAMES];

	while ((double)(now_us() - start) / 1e3 < limit_ms) {
		if (is_exact())
			return (double)(now_us() - start) / 1e3;
		usleep(1500);
	}
	return -1;
}

static void settle(void)
{
	double e = wait_exact(3000);

	usleep(e < 0 ? 0 : 300000);
}

static void play(const char *name, int first, int last, int count)
{
	static double latency[FRAMES];
	pthread_t t;
	int shown = 0;

	draw_frame(first);
	settle();
	memset(seen, 0, sizeof(seen));
	nsamples = 0;
	uint32_t from = serial + 1;
	uint64_t cpu0 = cpu_us(), bytes0 = control->bytes[0], start = now_us();
	playing = true;
	pthread_create(&t, NULL, watch, NULL);
	for (int i = 1; i <= count; i++) {
		int span = last - first, k = span ? i % (2 * span) : 0;

		sleep_until(start + (uint64_t)i * 1000000 / FPS);
		draw_frame(first + (k > span ? 2 * span - k : k));
	}
	uint64_t moved = control->bytes[0], cpu1 = cpu_us();
	double exact = wait_exact(4000);
	uint64_t exact_bytes = control->bytes[0] - moved;
	uint64_t wait = control->delay_us * 2 + 400000;
	usleep((useconds_t)wait); /* the last ones are still on their way */
	playing = false;
	pthread_join(t, NULL);
	for (uint32_t n = from; n <= serial; n++)
		if (seen[n % FRAMES] && seen[n % FRAMES] >= drawn[n % FRAMES])
			latency[shown++] = (double)(seen[n % FRAMES] - drawn[n % FRAMES]) / 1e3;
	double div = shown ? shown : 1;
	printf("%s.shown %d\n%s.fps %.2f\n", name, shown, name, shown * (double)FPS / count);
	printf("%s.bytes %.0f\n", name, (double)(moved - bytes0) / div);
	printf("%s.cpu_us %.0f\n", name, (double)(cpu1 - cpu0) / div);
	printf("%s.exact_ms %.1f\n%s.exact_bytes %llu\n", name, exact, name,
	       (unsigned long long)exact_bytes);
	printf("%s.psnr %.2f\n", name, psnr());
	printf("%s.latency_p95 %.2f\n", name, quantile(latency, shown, 0.95));
	printf("%s.latency_p50 %.2f\n", name, quantile(latency, shown, 0.5));
}

static _Atomic bool moving;

struct range {
	int first, last;
};

static void *move(void *arg)
{
	struct range *r = arg;
	uint64_t start = now_us();

	for (int i = 0; moving; i++) {
		int span = r->last - r->first, k = span ? i % (2 * span) : 0;

		sleep_until(start + (uint64_t)i * 1000000 / FPS);
		draw_frame(r->first + (k > span ? 2 * span - k : k));
	}
	return NULL;
}

static void *listen_keys(void *arg)
{
	while (moving || playing) {
		answer_keys();
		usleep(200);
	}
	return NULL;
}

static bool patch_shown(void)
{
	return bright(PATCH_X + PATCH / 2, PATCH_Y + PATCH / 2);
}

static void keys(const char *name, int n, struct range *r)
{
	static double ms[1024];
	pthread_t mover, listener;
	int got = 0;

	draw_frame(r ? r->first : 0);
	settle();
	moving = r != NULL;
	playing = true;
	pthread_create(&listener, NULL, listen_keys, NULL);
	if (r)
		pthread_create(&mover, NULL, move, r);
	usleep(500000);
	srand(7);
	for (int i = 0; i < n && i < 1024; i++) {
		bool was = patch_shown();
		uint64_t start = now_us();

		XTestFakeKeyEvent(view, KEYCODE, True, CurrentTime);
		XFlush(view);
		while (patch_shown() == was && now_us() - start < 2000000)
			usleep(100);
		if (patch_shown() != was)
			ms[got++] = (double)(now_us() - start) / 1e3;
		XTestFakeKeyEvent(view, KEYCODE, False, CurrentTime);
		XFlush(view);
		usleep((useconds_t)(60000 + rand() % 60000));
	}
	moving = playing = false;
	if (r)
		pthread_join(mover, NULL);
	pthread_join(listener, NULL);
	printf("%s.answered %d\n%s.p95 %.2f\n", name, got, name, quantile(ms, got, 0.95));
	printf("%s.p50 %.2f\n", name, quantile(ms, got, 0.5));
}

static void idle(const char *name, int seconds)
{
	settle();
	sleep(1);
	uint64_t cpu0 = cpu_us(), bytes0 = control->bytes[0];
	sleep((unsigned)seconds);
	printf("%s.cpu %.2f\n%s.bytes_per_s %.1f\n", name,
	       (double)(cpu_us() - cpu0) / 1e4 / seconds, name,
	       (double)(control->bytes[0] - bytes0) / seconds);
}

static void cut(const char *name, int seconds)
{
	draw_frame(0);
	settle();
	control->cut = 1;
	sleep((unsigned)seconds);
	draw_frame(10);
	uint64_t back = now_us();
	control->cut = 0;
	while (now_us() - back < 20000000 && read_marks() != (int)(serial & 255))
		usleep(300);
	printf("%s.picture_ms %.1f\n", name,
	       read_marks() == (int)(serial & 255) ? (double)(now_us() - back) / 1e3 : -1);
}

/* ---- setting up ----------------------------------------------------------------------------- */

static void *map_file(const char *path, bool write, size_t *n)
{
	struct stat st;
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	*n = (size_t)st.st_size;
	void *p = mmap(NULL, *n, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int open_desktop(const char *name)
{
	static XShmSegmentInfo shm;
	XSetWindowAttributes a = {.override_redirect = True, .event_mask = KeyPressMask};

	desk = XOpenDisplay(name);
	if (!desk)
		return -1;
	win = XCreateWindow(desk, DefaultRootWindow(desk), 0, 0, (unsigned)width, (unsigned)height,
			    0, CopyFromParent, InputOutput, CopyFromParent,
			    CWOverrideRedirect | CWEventMask, &a);
	gc = XCreateGC(desk, win, 0, NULL);
	ximg = XShmCreateImage(desk, DefaultVisual(desk, 0), 24, ZPixmap, NULL, &shm,
			       (unsigned)width, (unsigned)height);
	if (!ximg)
		return -1;
	shm.shmid =
	    shmget(IPC_PRIVATE, (size_t)ximg->bytes_per_line * (size_t)height, IPC_CREAT | 0600);
	shm.shmaddr = ximg->data = shmat(shm.shmid, NULL, 0);
	XShmAttach(desk, &shm);
	XMapRaised(desk, win);
	XSync(desk, False);
	shmctl(shm.shmid, IPC_RMID, NULL);
	XSetInputFocus(desk, win, RevertToParent, CurrentTime);
	img = (uint32_t *)ximg->data;
	memset(img, 0x55, (size_t)width * (size_t)height * 4);
	draw_frame(0);
	put(0, 0, width, height);
	XSync(desk, False);
	return 0;
}

/* There is no window manager: the viewer's window gets the keys, the pointer lies over it. */
static int open_view(const char *name)
{
	Window root, parent, *list = NULL;
	unsigned n = 0;

	view = XOpenDisplay(name);
	if (!view)
		return -1;
	if (XQueryTree(view, DefaultRootWindow(view), &root, &parent, &list, &n))
		for (unsigned i = n; i-- > 0;) {
			XWindowAttributes a;
			if (XGetWindowAttributes(view, list[i], &a) && a.map_state == IsViewable &&
			    a.width >= width / 2) {
				XSetInputFocus(view, list[i], RevertToParent, CurrentTime);
				break;
			}
		}
	XTestFakeMotionEvent(view, 0, width / 2 + 200, height / 2 + 200, CurrentTime);
	XSync(view, False);
	return 0;
}

static int ignore(Display *d, XErrorEvent *e)
{
	return 0;
}

int main(int argc, char **argv)
{
	size_t n;

	if (argc < 10)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	XInitThreads();
	XSetErrorHandler(ignore);
	width = atoi(argv[5]);
	height = atoi(argv[6]);
	raw = map_file(argv[4], false, &n);
	fb = map_file(argv[3], false, &n);
	control = map_file(argv[7], true, &n);
	if (!raw || !fb || !control) {
		fprintf(stderr, "measure: a file is missing\n");
		return 1;
	}
	fb_pitch = be32(fb + 48);
	fb += be32(fb) + be32(fb + 76) * 12;
	for (char *p = strtok(argv[8], ","); p && npids < 16; p = strtok(NULL, ","))
		pids[npids++] = atoi(p);
	if (sscanf(argv[9], "%d,%d,%d,%d", &vx0, &vy0, &vx1, &vy1) != 4 || open_desktop(argv[1]) ||
	    open_view(argv[2])) {
		fprintf(stderr, "measure: no display\n");
		return 1;
	}
	uint64_t start = now_us();
	while (read_marks() != (int)(serial & 255) && now_us() - start < 20000000)
		usleep(1000);
	if (read_marks() != (int)(serial & 255)) {
		fprintf(stderr, "measure: the viewer never showed the desktop\n");
		return 1;
	}
	for (int i = 10; i < argc;) {
		const char *job = argv[i], *name = argv[i + 1];

		if (!strcmp(job, "motion")) {
			int a = atoi(argv[i + 2]), b = atoi(argv[i + 3]);
			play(name, a, b, b - a);
			i += 4;
		} else if (!strcmp(job, "loop")) {
			play(name, atoi(argv[i + 2]), atoi(argv[i + 3]), atoi(argv[i + 4]));
			i += 5;
		} else if (!strcmp(job, "keys")) {
			keys(name, atoi(argv[i + 2]), NULL);
			i += 3;
		} else if (!strcmp(job, "keys_moving")) {
			struct range r = {atoi(argv[i + 3]), atoi(argv[i + 4])};
			keys(name, atoi(argv[i + 2]), &r);
			i += 5;
		} else if (!strcmp(job, "idle")) {
			idle(name, atoi(argv[i + 2]));
			i += 3;
		} else if (!strcmp(job, "cut")) {
			cut(name, atoi(argv[i + 2]));
			i += 3;
		} else {
			return 2;
		}
	}
	return 0;
}
