/*
 * A desktop in the small, for the guest of the drm test: lights every output of the card with dumb
 * buffers and does what its standard input says, a line each, with a line of answer:
 *
 *   paint N     draws picture N on the hidden buffers and flips to them
 *   draw N      draws a band of picture N into the buffers that are shown
 *   cursor N X Y   shows pointer shape N with its hot spot (3, 5) at X, Y
 *   listen      opens the input devices; their events are printed from then on
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define HEADS	4
#define CURSOR	64u
#define DEVICES 16
#define WIDEST	1280

struct buffer {
	uint32_t handle, fb, pitch, w, h;
	uint8_t *map;
};

struct head {
	uint32_t crtc, connector;
	drmModeModeInfo mode;
	struct buffer buf[2];
	int shown;
};

static int card = -1, nheads;
static struct head heads[HEADS];
static struct pollfd fds[1 + DEVICES];
static char names[1 + DEVICES][64];
static nfds_t nfds = 1;

static int make(struct buffer *b, uint32_t w, uint32_t h)
{
	struct drm_mode_create_dumb c = {.width = w, .height = h, .bpp = 32};
	struct drm_mode_map_dumb m = {0};

	if (drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &c))
		return -1;
	*b = (struct buffer){.handle = c.handle, .pitch = c.pitch, .w = w, .h = h};
	m.handle = c.handle;
	if (drmModeAddFB(card, w, h, 24, 32, c.pitch, c.handle, &b->fb) ||
	    drmIoctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return -1;
	b->map = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)m.offset);
	return b->map == MAP_FAILED ? -1 : 0;
}

/* Shades and edges, so that both kinds of tiles occur; every picture and head its own. */
static void draw(struct buffer *b, unsigned n, unsigned y0, unsigned y1)
{
	for (unsigned y = y0; y < y1 && y < b->h; y++) {
		uint32_t *px = (uint32_t *)(b->map + (size_t)y * b->pitch);

		for (unsigned x = 0; x < b->w; x++) {
			unsigned v = (x * 3 + y * 5 + n * 57) & 511;

			v = v < 256 ? v : 511 - v;
			px[x] = v << 16 | ((v + y + n) & 255) << 8 | ((x + n * 13) & 255);
			if (y % 16 < 10 && (x * 2654435761u + y / 16 * 977 + n) >> 27 & 1 &&
			    x < b->w / 3)
				px[x] = 0x202020 + n;
		}
	}
}

static int light(drmModeRes *res)
{
	for (int i = 0; i < res->count_connectors && nheads < HEADS; i++) {
		drmModeConnector *c = drmModeGetConnector(card, res->connectors[i]);
		struct head *h = &heads[nheads];

		if (c && c->connection == DRM_MODE_CONNECTED && c->count_modes &&
		    nheads < res->count_crtcs) {
			h->crtc = res->crtcs[nheads];
			h->connector = c->connector_id;
			h->mode = c->modes[0]; /* the emulator offers far too large ones for some */
			for (int k = 0; k < c->count_modes && h->mode.hdisplay > WIDEST; k++)
				h->mode = c->modes[k];
			for (int k = 0; k < 2; k++)
				if (make(&h->buf[k], h->mode.hdisplay, h->mode.vdisplay))
					return -1;
			draw(&h->buf[0], (unsigned)nheads, 0, h->mode.vdisplay);
			if (drmModeSetCrtc(card, h->crtc, h->buf[0].fb, 0, 0, &h->connector, 1,
					   &h->mode))
				return -1;
			nheads++;
		}
		drmModeFreeConnector(c);
	}
	return nheads ? 0 : -1;
}

static void flush(struct head *h, unsigned y0, unsigned y1)
{
	drmModeClip clip = {0, (uint16_t)y0, (uint16_t)h->mode.hdisplay, (uint16_t)y1};

	drmModeDirtyFB(card, h->buf[h->shown].fb, &clip, 1);
}

static void paint(unsigned n)
{
	for (int i = 0; i < nheads; i++) {
		struct head *h = &heads[i];
		struct buffer *b = &h->buf[!h->shown];

		draw(b, n + (unsigned)i, 0, b->h);
		if (drmModeSetCrtc(card, h->crtc, b->fb, 0, 0, &h->connector, 1, &h->mode))
			printf("painter: flip: %m\n");
		h->shown = !h->shown;
		flush(h, 0, b->h);
	}
	printf("painted %u\n", n);
}

static void draw_shown(unsigned n)
{
	for (int i = 0; i < nheads; i++) {
		draw(&heads[i].buf[heads[i].shown], n + (unsigned)i, 40, 90);
		flush(&heads[i], 40, 90);
	}
	printf("drawn %u\n", n);
}

static void cursor(unsigned n, int x, int y)
{
	static struct buffer b;

	if (!b.map && make(&b, CURSOR, CURSOR)) {
		printf("painter: no buffer for a pointer: %m\n");
		return;
	}
	for (unsigned cy = 0; cy < CURSOR; cy++)
		for (unsigned cx = 0; cx < CURSOR; cx++)
			((uint32_t *)(b.map + cy * b.pitch))[cx] =
			    cx < 24 && cy < 24 ? 0xff000000u | cx * n << 16 | cy << 8 | n : 0;
	if (drmModeSetCursor2(card, heads[0].crtc, b.handle, CURSOR, CURSOR, 3, 5) ||
	    drmModeMoveCursor(card, heads[0].crtc, x - 3, y - 5))
		printf("cursor none\n");
	else
		printf("cursor %u\n", n);
}

static void listen_input(void)
{
	DIR *d = opendir("/dev/input");
	struct dirent *e;
	char path[300];

	while (d && (e = readdir(d)) && nfds < 1 + DEVICES) {
		if (strncmp(e->d_name, "event", 5))
			continue;
		snprintf(path, sizeof(path), "/dev/input/%s", e->d_name);
		fds[nfds] = (struct pollfd){open(path, O_RDONLY | O_NONBLOCK), POLLIN, 0};
		if (fds[nfds].fd < 0 || ioctl(fds[nfds].fd, EVIOCGNAME(64), names[nfds]) < 0)
			continue;
		nfds++;
	}
	if (d)
		closedir(d);
	printf("listening to %d devices\n", (int)nfds - 1);
}

static void events(nfds_t i)
{
	struct input_event e;

	while (read(fds[i].fd, &e, sizeof(e)) == sizeof(e))
		if (e.type != EV_SYN && e.type != EV_MSC)
			printf("event %s: %u %u %d\n", names[i], e.type, e.code, e.value);
}

int main(int argc, char **argv)
{
	char line[256];
	unsigned n;
	int x, y;

	setvbuf(stdout, NULL, _IOLBF, 0);
	card = open(argc > 1 ? argv[1] : "/dev/dri/card0", O_RDWR | O_CLOEXEC);
	drmModeRes *res = card >= 0 ? drmModeGetResources(card) : NULL;
	if (!res || light(res)) {
		printf("painter: cannot light the card: %m\n");
		return 1;
	}
	for (int i = 0; i < nheads; i++)
		printf("head %d %ux%u\n", i, heads[i].mode.hdisplay, heads[i].mode.vdisplay);
	printf("painter ready\n");
	fds[0] = (struct pollfd){0, POLLIN, 0};
	for (;;) {
		if (poll(fds, nfds, -1) < 0 && errno != EINTR)
			return 1;
		for (nfds_t i = 1; i < nfds; i++)
			if (fds[i].revents)
				events(i);
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (sscanf(line, "paint %u", &n) == 1)
			paint(n);
		else if (sscanf(line, "draw %u", &n) == 1)
			draw_shown(n);
		else if (sscanf(line, "cursor %u %d %d", &n, &x, &y) == 3)
			cursor(n, x, y);
		else if (!strncmp(line, "listen", 6))
			listen_input();
		else
			printf("painter: not understood\n");
	}
}
