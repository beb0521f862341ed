/*
 * Both ends of a streamed desktop on one clock: draws a recorded desktop (its changed parts, with a
 * frame number in four corners and the centre) on one X display, and watches the framebuffer file of
 * the X display where the viewer shows it. Keys are injected at the viewer's end and answered by a
 * patch of the desktop that changes its colour.
 *
 *   measure DESK VIEW VIEW_FB RAW WIDTH HEIGHT FPS CONTROL CPU JOB...
 *
 * CPU is cgroup:FOLDER or pids:N,N,... RANGES are FIRST-LAST,FIRST-LAST,... of the recording; each
 * starts from its first frame, at rest. BOX is x0,y0,x1,y1.
 *
 *   motion NAME BOX RANGES   plays frames; shown, latency_p50, latency_p95, bytes, cpu_us (a shown
 *                            frame each), fps, psnr (of the box), exact_ms and exact_bytes (medians)
 *   loop NAME FIRST LAST N S one range forwards and back, N frames and S stops; the same without psnr, and
 *                            zstd1, zstd3: bytes of the tiles that moved, as they are in the end, by
 *                            zstd at that level;
 *                            exact_bytes: on a link with delay, from when the first exact tile
 *                            can have arrived
 *   keys NAME N              at rest; p50, p95
 *   keys_moving NAME N FIRST LAST
 *   idle NAME SECONDS        cpu (per cent of a core), bytes_per_s
 *   cut NAME SECONDS FRAME   picture_ms: until FRAME, drawn while the link is cut, is shown
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <X11/Xlib.h>
#include <X11/extensions/XTest.h>
#include <zstd.h>

#include "tests/stream/bench/control.h"
#include "tests/stream/bench/screen.h"

#define KEYCODE	  38 /* the letter a */
#define MAX_KEYS  1024
#define MAX_STOPS 64
#define REST_US	  60000 /* a tile that rests shorter is not made exact yet */
#define TILE_W	  64
#define TILE_H	  16

static volatile struct control *control;
static const char *cpu;
static int fps;
static Display *view;

static void sleep_until(uint64_t us)
{
	uint64_t now = now_us();

	if (us > now)
		usleep((useconds_t)(us - now));
}

/* ---- counters ------------------------------------------------------------------------------- */

static uint64_t cpu_of_cgroup(const char *folder)
{
	unsigned long long us = 0;
	char path[512];

	snprintf(path, sizeof(path), "%s/cpu.stat", folder);
	FILE *f = fopen(path, "re");
	if (!f || fscanf(f, "usage_usec %llu", &us) != 1) {
		fprintf(stderr, "measure: %s cannot be read\n", path);
		exit(1);
	}
	fclose(f);
	return us;
}

static uint64_t cpu_of_process(int pid)
{
	char path[64], text[1024] = "";
	unsigned long user = 0, sys = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (f && fgets(text, sizeof(text), f)) {
		char *p = strrchr(text, ')');
		if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&sys) != 2)
			user = sys = 0;
	}
	if (f)
		fclose(f);
	return (uint64_t)(user + sys) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Of everything on the serving side, its display server included. */
static uint64_t cpu_us(void)
{
	uint64_t sum = 0;

	if (!strncmp(cpu, "cgroup:", 7))
		return cpu_of_cgroup(cpu + 7);
	for (const char *p = cpu + 5; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		sum += cpu_of_process(atoi(p));
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

/* ---- motion --------------------------------------------------------------------------------- */

struct range {
	int first, last;
};

/* Figures of one or several stretches of motion. */
struct motion {
	double latency[FRAMES], exact[MAX_STOPS], exact_bytes[MAX_STOPS];
	int shown, count, stops;
	uint64_t bytes, cpu_us;
};

static void settle(void)
{
	double e = screen_wait_exact(3000);

	usleep(e < 0 ? 0 : 300000);
}

/* Frame of step i, forwards and back. */
static int frame_at(struct range r, int i)
{
	int span = r.last - r.first, k = span ? i % (2 * span) : 0;

	return r.first + (k > span ? 2 * span - k : k);
}

static void play(struct motion *m, struct range r, int count)
{
	uint32_t from = desk.serial + 1;
	uint64_t cpu0 = cpu_us(), bytes0 = control->bytes[0], start = now_us();

	for (int i = 1; i <= count; i++) {
		sleep_until(start + (uint64_t)i * 1000000 / (uint64_t)fps);
		desk_draw(frame_at(r, i));
	}
	uint64_t moved = control->bytes[0];
	m->cpu_us += cpu_us() - cpu0;
	m->bytes += moved - bytes0;
	if (control->delay_us) {
		/* What arrives up to here still belongs to the motion. */
		sleep_until(desk.drawn[desk.serial % FRAMES] + REST_US + control->delay_us);
		moved = control->bytes[0];
	}
	m->exact[m->stops] = screen_wait_exact(4000);
	m->exact_bytes[m->stops++] = (double)(control->bytes[0] - moved);
	usleep(control->delay_us * 2 + 400000); /* the last ones are still on their way */
	for (uint32_t n = from; n <= desk.serial; n++) {
		uint64_t seen = screen_seen(n), drawn = desk.drawn[n % FRAMES];
		if (seen >= drawn)
			m->latency[m->shown++] = (double)(seen - drawn) / 1e3;
	}
	m->count += count;
}

static void print_motion(const char *name, struct motion *m)
{
	double div = m->shown ? m->shown : 1;
	bool never = false;

	for (int i = 0; i < m->stops; i++)
		never |= m->exact[i] < 0;
	printf("%s.shown %d\n%s.fps %.2f\n", name, m->shown, name,
	       m->shown * (double)fps / m->count);
	printf("%s.bytes %.0f\n", name, (double)m->bytes / div);
	printf("%s.cpu_us %.0f\n", name, (double)m->cpu_us / div);
	printf("%s.exact_ms %.1f\n", name, never ? -1 : quantile(m->exact, m->stops, 0.5));
	printf("%s.exact_bytes %.0f\n", name, quantile(m->exact_bytes, m->stops, 0.5));
	printf("%s.latency_p95 %.2f\n", name, quantile(m->latency, m->shown, 0.95));
	printf("%s.latency_p50 %.2f\n", name, quantile(m->latency, m->shown, 0.5));
}

static void motion(const char *name, struct box box, const char *ranges)
{
	static struct motion m;

	memset(&m, 0, sizeof(m));
	screen_watch(box);
	for (const char *p = ranges; p && m.stops < MAX_STOPS;
	     p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		struct range r;
		if (sscanf(p, "%d-%d", &r.first, &r.last) != 2)
			exit(2);
		desk_draw(r.first);
		settle();
		play(&m, r, r.last - r.first);
	}
	screen_unwatch();
	print_motion(name, &m);
	printf("%s.psnr %.2f\n", name, screen_psnr());
}

static bool tile_differs(const uint32_t *a, const uint32_t *b, int tx, int ty)
{
	for (int y = ty; y < ty + TILE_H && y < desk.height; y++)
		for (int x = tx; x < tx + TILE_W && x < desk.width; x++)
			if ((a[y * desk.width + x] ^ b[y * desk.width + x]) & 0xffffff)
				return true;
	return false;
}

/* What zstd makes of the tiles that moved, as they are now, at three bytes a pixel. */
static void print_zstd(const char *name, struct range r)
{
	size_t n = 0, most = (size_t)desk.width * (size_t)desk.height * 3;
	uint8_t *px = malloc(most), *z = malloc(ZSTD_compressBound(most));

	if (!px || !z)
		exit(1);
	for (int ty = 0; ty < desk.height; ty += TILE_H)
		for (int tx = 0; tx < desk.width; tx += TILE_W) {
			bool touched = false;
			for (int f = r.first + 1; f <= r.last && !touched; f++)
				touched = tile_differs(desk_frame(f), desk_frame(f - 1), tx, ty);
			for (int y = ty; touched && y < ty + TILE_H && y < desk.height; y++)
				for (int x = tx; x < tx + TILE_W && x < desk.width; x++) {
					uint32_t p = desk.img[y * desk.width + x];
					px[n++] = (uint8_t)p;
					px[n++] = (uint8_t)(p >> 8);
					px[n++] = (uint8_t)(p >> 16);
				}
		}
	for (int level = 1; level <= 3; level += 2)
		printf("%s.zstd%d %zu\n", name, level,
		       ZSTD_compress(z, ZSTD_compressBound(most), px, n, level));
	free(px);
	free(z);
}

static void loop(const char *name, struct range r, int count, int stops)
{
	static struct motion m;

	memset(&m, 0, sizeof(m));
	screen_watch((struct box){0});
	desk_draw(r.first);
	settle();
	for (int i = 0; i < stops; i++)
		play(&m, r, count / stops);
	screen_unwatch();
	print_motion(name, &m);
	print_zstd(name, r);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static _Atomic bool moving, listening;

static void *move(void *arg)
{
	struct range *r = arg;
	uint64_t start = now_us();

	for (int i = 0; moving; i++) {
		sleep_until(start + (uint64_t)i * 1000000 / (uint64_t)fps);
		desk_draw(frame_at(*r, i));
	}
	return NULL;
}

static void *listen_keys(void *arg)
{
	while (listening) {
		desk_answer_keys();
		usleep(200);
	}
	return NULL;
}

static void keys(const char *name, int n, struct range *r)
{
	static double ms[MAX_KEYS];
	pthread_t mover, listener;
	int got = 0;

	desk_draw(r ? r->first : 0);
	settle();
	moving = r != NULL;
	listening = true;
	pthread_create(&listener, NULL, listen_keys, NULL);
	if (r)
		pthread_create(&mover, NULL, move, r);
	usleep(500000);
	srand(7);
	for (int i = 0; i < n && i < MAX_KEYS; i++) {
		bool was = screen_patch();
		uint64_t start = now_us();

		XTestFakeKeyEvent(view, KEYCODE, True, CurrentTime);
		XFlush(view);
		while (screen_patch() == was && now_us() - start < 2000000)
			usleep(100);
		if (screen_patch() != was)
			ms[got++] = (double)(now_us() - start) / 1e3;
		XTestFakeKeyEvent(view, KEYCODE, False, CurrentTime);
		XFlush(view);
		usleep((useconds_t)(60000 + rand() % 60000));
	}
	moving = listening = false;
	if (r)
		pthread_join(mover, NULL);
	pthread_join(listener, NULL);
	printf("%s.answered %d\n%s.p95 %.2f\n", name, got, name, quantile(ms, got, 0.95));
	printf("%s.p50 %.2f\n", name, quantile(ms, got, 0.5));
}

/* ---- rest and cut --------------------------------------------------------------------------- */

static void idle(const char *name, int seconds)
{
	settle();
	sleep(1);
	uint64_t cpu0 = cpu_us(), bytes0 = control->bytes[0];
	sleep((unsigned)seconds);
	printf("%s.cpu %.3f\n%s.bytes_per_s %.1f\n", name,
	       (double)(cpu_us() - cpu0) / 1e4 / seconds, name,
	       (double)(control->bytes[0] - bytes0) / seconds);
}

static void cut(const char *name, int seconds, int frame)
{
	desk_draw(0);
	settle();
	control->cut = 1;
	sleep((unsigned)seconds);
	desk_draw(frame);
	usleep((useconds_t)(now_us() % 100000)); /* at no fixed phase of anybody's timer */
	uint64_t back = now_us();
	control->cut = 0;
	while (now_us() - back < 20000000 && !screen_current())
		usleep(300);
	printf("%s.picture_ms %.1f\n", name,
	       screen_current() ? (double)(now_us() - back) / 1e3 : -1);
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
			    a.width >= desk.width / 2) {
				XSetInputFocus(view, list[i], RevertToParent, CurrentTime);
				break;
			}
		}
	XTestFakeMotionEvent(view, 0, desk.width / 2 + 200, desk.height / 2 + 200, CurrentTime);
	XSync(view, False);
	return 0;
}

static int ignore(Display *d, XErrorEvent *e)
{
	return 0;
}

static int wait_for_viewer(void)
{
	uint64_t start = now_us();

	while (!screen_current() && now_us() - start < 20000000)
		usleep(1000);
	if (screen_current())
		return 0;
	fprintf(stderr, "measure: the viewer never showed the desktop\n");
	return -1;
}

static struct range range_of(char **a)
{
	return (struct range){atoi(a[0]), atoi(a[1])};
}

/* Runs one job; the number of its arguments, or -1. */
static int run_job(char **a, int n)
{
	const char *job = a[0], *name = a[1];

	if (!strcmp(job, "motion") && n >= 4) {
		struct box b;
		if (sscanf(a[2], "%d,%d,%d,%d", &b.x0, &b.y0, &b.x1, &b.y1) != 4)
			return -1;
		motion(name, b, a[3]);
		return 4;
	}
	if (!strcmp(job, "loop") && n >= 6 && atoi(a[5]) > 0) {
		loop(name, range_of(a + 2), atoi(a[4]), atoi(a[5]));
		return 6;
	}
	if (!strcmp(job, "keys") && n >= 3) {
		keys(name, atoi(a[2]), NULL);
		return 3;
	}
	if (!strcmp(job, "keys_moving") && n >= 5) {
		struct range r = range_of(a + 3);
		keys(name, atoi(a[2]), &r);
		return 5;
	}
	if (!strcmp(job, "idle") && n >= 3) {
		idle(name, atoi(a[2]));
		return 3;
	}
	if (!strcmp(job, "cut") && n >= 4) {
		cut(name, atoi(a[2]), atoi(a[3]));
		return 4;
	}
	return -1;
}

int main(int argc, char **argv)
{
	size_t n;

	if (argc < 10)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	XInitThreads();
	XSetErrorHandler(ignore);
	desk.width = atoi(argv[5]);
	desk.height = atoi(argv[6]);
	fps = atoi(argv[7]);
	cpu = argv[9];
	control = map_file(argv[8], true, &n);
	desk.raw = map_file(argv[4], false, &n);
	if (!desk.raw || !control || screen_open(argv[3])) {
		fprintf(stderr, "measure: a file is missing\n");
		return 1;
	}
	if (desk_open(argv[1]) || open_view(argv[2])) {
		fprintf(stderr, "measure: no display\n");
		return 1;
	}
	if (wait_for_viewer())
		return 1;
	for (int i = 10; i < argc;) {
		int used = run_job(argv + i, argc - i);
		if (used < 0)
			return 2;
		i += used;
	}
	return 0;
}
