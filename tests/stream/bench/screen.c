#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/stream/bench/screen.h"

#define SAMPLES	 5
#define APART	 12   /* frames between two samples */
#define STEADY_S 1.0  /* a screen without change for so long will not become exact */
#define PAINT_US 2000 /* a viewer paints the marks before the rest, or after */

static const uint8_t *fb;
static uint32_t pitch;
static uint64_t seen[FRAMES];
static _Atomic bool watching;
static pthread_t watcher;
static struct box box;
static struct sample {
	int frame;
	uint32_t *px;
} samples[SAMPLES];
static int nsamples;
static uint32_t sampled; /* serial number of the last one */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An XWD file: header size, bytes a line, colours (X11/XWDFile.h). */
int screen_open(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	uint8_t *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -1;
	pitch = be32(p + 48);
	fb = p + be32(p) + be32(p + 76) * 12;
	return 0;
}

static const uint32_t *row(int y)
{
	return (const uint32_t *)(fb + (size_t)y * pitch);
}

static bool bright(int x, int y)
{
	return (row(y)[x] >> 8 & 255) > 127;
}

int screen_number(void)
{
	int at[5][2], first = -1;

	desk_marks(at);
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

bool screen_current(void)
{
	return screen_number() == (int)(desk.serial & 255);
}

bool screen_patch(void)
{
	return bright(PATCH_X + PATCH / 2, PATCH_Y + PATCH / 2);
}

bool screen_is_exact(void)
{
	static int differed; /* where it did last: most often it still does */

	for (int i = 0; i < desk.height; i++) {
		int y = (differed + i) % desk.height;
		const uint32_t *a = row(y), *b = desk.img + (size_t)y * (size_t)desk.width;
		uint32_t d = 0;

		for (int x = 0; x < desk.width; x++)
			d |= a[x] ^ b[x];
		if (d & 0xffffff) {
			differed = y;
			return false;
		}
	}
	return true;
}

static uint64_t sum_of_screen(void)
{
	uint64_t sum = 0;

	for (int y = 0; y < desk.height; y += 4)
		for (int x = 0; x < desk.width; x++)
			sum = sum * 31 + row(y)[x];
	return sum;
}

double screen_wait_exact(double limit_ms)
{
	uint64_t start = desk.drawn[desk.serial % FRAMES], looked = now_us(), changed = looked;
	uint64_t before = sum_of_screen();

	while ((double)(now_us() - start) / 1e3 < limit_ms) {
		if (screen_is_exact())
			return (double)(now_us() - start) / 1e3;
		usleep(1000);
		if (now_us() - looked < 200000)
			continue;
		looked = now_us();
		uint64_t sum = sum_of_screen();
		if (sum != before)
			changed = looked;
		else if ((double)(looked - changed) / 1e6 > STEADY_S)
			break;
		before = sum;
	}
	return -1;
}

/* ---- watching ------------------------------------------------------------------------------- */

static void keep_sample(uint32_t n)
{
	size_t w = (size_t)(box.x1 - box.x0);

	if (!box.x1 || nsamples == SAMPLES || n < sampled + APART)
		return;
	struct sample *s = &samples[nsamples];
	s->frame = desk.of_frame[n % FRAMES];
	usleep(PAINT_US);
	for (int y = box.y0; y < box.y1; y++)
		memcpy(s->px + (size_t)(y - box.y0) * w, row(y) + box.x0, w * 4);
	if (screen_number() != (int)(n & 255))
		return; /* the next frame came in between */
	sampled = n;
	nsamples++;
}

static void *watch(void *arg)
{
	int before = -1;

	while (watching) {
		int v = screen_number();

		if (v >= 0 && v != before) {
			uint32_t top = desk.serial + 1; /* drawn, but perhaps not yet told */

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

void screen_watch(struct box b)
{
	size_t n = (size_t)(b.x1 - b.x0) * (size_t)(b.y1 - b.y0);

	box = b;
	nsamples = 0;
	for (int i = 0; i < SAMPLES && b.x1; i++) {
		free(samples[i].px);
		samples[i].px = malloc(n * 4);
		if (!samples[i].px)
			abort();
		memset(samples[i].px, 0, n * 4);
	}
	memset(seen, 0, sizeof(seen));
	watching = true;
	pthread_create(&watcher, NULL, watch, NULL);
}

void screen_unwatch(void)
{
	watching = false;
	pthread_join(watcher, NULL);
}

uint64_t screen_seen(uint32_t serial)
{
	return seen[serial % FRAMES];
}

static bool in_mark(int at[5][2], int x, int y)
{
	for (int m = 0; m < 5; m++)
		if (x >= at[m][0] && x < at[m][0] + MARK && y >= at[m][1] && y < at[m][1] + CELL)
			return true;
	return x >= PATCH_X && x < PATCH_X + PATCH && y >= PATCH_Y && y < PATCH_Y + PATCH;
}

double screen_psnr(void)
{
	double sum = 0;
	size_t count = 0;
	int at[5][2];

	desk_marks(at);
	for (int i = 0; i < nsamples; i++) {
		const uint32_t *from = desk_frame(samples[i].frame), *px = samples[i].px;

		for (int y = box.y0; y < box.y1; y++)
			for (int x = box.x0; x < box.x1; x++, px++) {
				uint32_t a = from[(size_t)y * (size_t)desk.width + (size_t)x];

				if (in_mark(at, x, y))
					continue;
				for (int s = 0; s < 24; s += 8) {
					double d =
					    (double)(a >> s & 255) - (double)(*px >> s & 255);
					sum += d * d;
				}
				count += 3;
			}
	}
	return count ? sum > 0 ? 10 * log10(255.0 * 255.0 * (double)count / sum) : 99 : -1;
}
