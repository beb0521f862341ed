/*
 * Whatever a graphics card shows, X or Wayland or a console: without the desktop's help, and without
 * rights but those that caprock-seat lends.
 *
 * A card tells nobody that it shows something new, so its framebuffer ids are asked for often (some
 * ten microseconds), and pixels are compared with the last picture only when an id has changed, or
 * now and then where a desktop draws into the one framebuffer it has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"
#include "viewer/agent/capture/drm_buffer.h"
#include "viewer/agent/capture/drm_kms.h"

#define BUFFERS	     24	    /* open at a time: heads, each with up to three, and pointers */
#define POLL_US	     8000u  /* while something moves */
#define POLL_IDLE_US 16000u /* else */
#define BUSY_US	     1000000u
#define COMPARE_US   33000u  /* one framebuffer that is drawn into: compared so often */
#define VERIFY_US    500000u /* one of several that are flipped: only to be sure */
#define FLIPS_US     2000000u
#define SETTLED_US   150000u /* pointer and its plane at rest: their distance is the hot spot */
#define MAX_CURSOR   RFB_MAX_CURSOR

struct head {
	struct rect at; /* its place in the picture */
	u32 fb;		/* compared last */
	u64 compared_us, flipped_us;
	bool pending, flip; /* to be compared by the next grab; because it was flipped */
};

struct capture {
	int seat;
	struct drm_card card;
	struct kms kms;
	struct native_heads heads;
	struct head head[NATIVE_MAX_HEADS]; /* as kms.head; at.w 0: dark */
	struct drm_buffer buffers[BUFFERS];
	struct image img;
	u64 now, due_us, changed_us, clock;
	bool fresh; /* nothing has been grabbed yet at this size */
	char said[256];

	struct capture_cursor cursor;
	u32 cursor_fb;
	u64 cursor_moved_us, cursor_read_us;
	bool hot_known;
	u16 pointed_x, pointed_y; /* where the viewer put the pointer */
	u64 pointed_us;
};

static void complain(struct capture *c, const char *text)
{
	if (!strcmp(c->said, text))
		return;
	snprintf(c->said, sizeof(c->said), "%s", text);
	fprintf(stderr, "caprock-agent: drm: %s\n", text);
}

/* The buffer behind a framebuffer. Ids are used again, so the helper is asked each time. */
static int find_buffer(struct capture *c, u32 fb, struct drm_buffer **out)
{
	struct drm_buffer *b = NULL, *oldest = &c->buffers[0];
	struct seat_answer a;
	char text[256];

	for (u32 i = 0; i < BUFFERS; i++) {
		if (c->buffers[i].fb == fb)
			b = &c->buffers[i];
		if (c->buffers[i].used < oldest->used)
			oldest = &c->buffers[i];
	}
	if (b) {
		drm_buffer_let_go(b, &c->card);
	} else {
		b = oldest;
		drm_buffer_close(b, &c->card);
	}
	int e = seat_ask(c->seat, SEAT_FRAMEBUFFER, fb, &a, NULL);
	if (e == ERR_PERM)
		complain(c, "caprock-seat lacks CAP_SYS_ADMIN");
	if (e)
		return e;
	e = drm_buffer_open(b, &c->card, &a, text, sizeof(text));
	if (e) {
		complain(c, text);
		drm_buffer_close(b, &c->card);
		return e;
	}
	b->fb = fb;
	b->used = ++c->clock;
	*out = b;
	return 0;
}

/* Heads of one framebuffer keep their places in it; others stand side by side. */
static void lay_out(struct capture *c, struct native_heads *h)
{
	bool shared = kms_shares_framebuffer(&c->kms);
	u32 x = 0, w = 0, height = 0;

	*h = (struct native_heads){0};
	for (u8 i = 0; i < c->kms.n; i++) {
		struct rect r = c->kms.head[i].r;

		c->head[i].at = (struct rect){0};
		if (!c->kms.head[i].fb || (!shared && x + r.w > RFB_MAX_SIDE))
			continue;
		if (!shared) {
			r.x = (u16)x;
			r.y = 0;
			x += r.w;
		}
		c->head[i].at = r;
		h->list[h->n++] = r;
		w = (u32)r.x + r.w > w ? (u32)r.x + r.w : w;
		height = (u32)r.y + r.h > height ? (u32)r.y + r.h : height;
	}
	h->width = (u16)w;
	h->height = (u16)height;
}

static bool same_layout(const struct native_heads *a, const struct native_heads *b)
{
	return a->width == b->width && a->height == b->height && a->n == b->n &&
	       !memcmp(a->list, b->list, a->n * sizeof(a->list[0]));
}

/* The layout has changed: another picture. 0 also where all is dark: the last one stays. */
static int take_layout(struct capture *c, bool *changed)
{
	struct head old[NATIVE_MAX_HEADS];
	struct native_heads h;

	memcpy(old, c->head, sizeof(old));
	lay_out(c, &h);
	*changed = h.n && !same_layout(&h, &c->heads);
	if (!*changed) {
		if (!h.n)
			memcpy(c->head, old, sizeof(old));
		return 0;
	}
	image_free(&c->img);
	if (image_alloc(&c->img, h.width, h.height))
		return ERR_NOMEM;
	c->heads = h;
	c->fresh = true;
	for (u8 i = 0; i < c->kms.n; i++) {
		c->head[i].fb = 0;
		c->head[i].compared_us = c->head[i].flipped_us = 0;
	}
	return 0;
}

static void drm_close(struct capture *c)
{
	if (!c)
		return;
	for (u32 i = 0; i < BUFFERS; i++)
		if (c->card.fd >= 0)
			drm_buffer_close(&c->buffers[i], &c->card);
	if (c->card.fd >= 0)
		close(c->card.fd);
	if (c->seat >= 0)
		close(c->seat);
	image_free(&c->img);
	free(c->cursor.argb);
	free(c);
}

static struct capture *drm_open(const struct capture_conf *conf, char *error, size_t n)
{
	const char *path = conf->source ? conf->source : SEAT_SOCKET;
	struct capture *c = calloc(1, sizeof(*c));
	struct seat_answer a;
	bool changed;
	int e;

	if (!c)
		return NULL;
	c->card.fd = c->seat = -1;
	for (u32 i = 0; i < BUFFERS; i++)
		c->buffers[i].dmabuf = -1;
	e = seat_connect(path, &c->seat);
	if (e) {
		snprintf(
		    error, n,
		    e == ERR_PERM
			? "caprock-seat at %s serves another user (its option --user)"
			: "no caprock-seat at %s: start it as root (caprock-seat@USER.service)",
		    path);
		goto fail;
	}
	if (seat_ask(c->seat, SEAT_CARD, 0, &a, &c->card.fd)) {
		snprintf(error, n, "caprock-seat at %s finds no graphics card with outputs", path);
		goto fail;
	}
	if (drm_card_init(&c->card, c->card.fd) || kms_open(&c->kms, c->card.fd) ||
	    kms_poll(&c->kms)) {
		snprintf(error, n, "%s cannot be asked what it shows", a.path);
		goto fail;
	}
	if (take_layout(c, &changed) || !changed) {
		snprintf(error, n, "nothing is shown on %s yet: start the desktop first", a.path);
		goto fail;
	}
	return c;
fail:
	drm_close(c);
	return NULL;
}

static int drm_fd(struct capture *c)
{
	return -1;
}

static u64 drm_due(struct capture *c)
{
	return c->due_us;
}

/* A pointer's pixels, each time its framebuffer changes and now and then in between. */
static bool read_cursor(struct capture *c, const struct kms_cursor *k)
{
	struct drm_buffer *b;
	struct rect r = {0};

	if (find_buffer(c, k->fb, &b))
		return false;
	u32 w = k->w && k->w < b->w ? k->w : b->w, h = k->h && k->h < b->h ? k->h : b->h;
	if (w > MAX_CURSOR || h > MAX_CURSOR)
		return false;
	r.w = (u16)w;
	r.h = (u16)h;
	u32 *argb = malloc((size_t)w * h * 4);
	if (!argb || drm_buffer_begin(b, &c->card, r)) {
		free(argb);
		return false;
	}
	for (u32 y = 0; y < h; y++)
		memcpy(argb + (size_t)y * w, drm_buffer_row(b, y), (size_t)w * 4);
	drm_buffer_end(b, &c->card, false, true);
	bool differs = !c->cursor.argb || c->cursor.w != w || c->cursor.h != h ||
		       memcmp(c->cursor.argb, argb, (size_t)w * h * 4);
	if (!differs) {
		free(argb);
		return false;
	}
	free(c->cursor.argb);
	c->cursor.argb = argb;
	c->cursor.w = (u16)w;
	c->cursor.h = (u16)h;
	c->hot_known = false;
	return true;
}

static void poll_cursor(struct capture *c, struct capture_news *news)
{
	struct kms_cursor k;

	if (kms_poll_cursor(&c->kms, &k))
		return;
	if (!k.fb) {
		if (c->cursor.argb && c->cursor.visible) {
			free(c->cursor.argb);
			c->cursor = (struct capture_cursor){0};
			news->cursor = true;
		}
		c->cursor_fb = 0;
		return;
	}
	s32 x = c->head[k.head].at.x + k.x, y = c->head[k.head].at.y + k.y;
	if (x != c->cursor.x || y != c->cursor.y) {
		c->cursor.x = x;
		c->cursor.y = y;
		c->cursor_moved_us = c->now;
		news->moved = true;
	}
	if (k.fb != c->cursor_fb || c->now - c->cursor_read_us > VERIFY_US) {
		c->cursor_fb = k.fb;
		c->cursor_read_us = c->now;
		news->cursor |= read_cursor(c, &k);
	}
	c->cursor.visible = c->cursor.argb != NULL;
	if (k.hot_x >= 0 && k.hot_y >= 0) {
		news->cursor |= c->cursor.hot_x != k.hot_x || c->cursor.hot_y != k.hot_y;
		c->cursor.hot_x = (u16)k.hot_x;
		c->cursor.hot_y = (u16)k.hot_y;
		return;
	}
	/* Older kernels do not tell the hot spot; the pointer's own place gives it away. */
	s32 hx = c->pointed_x - x, hy = c->pointed_y - y;
	if (!c->hot_known && c->pointed_us && c->now - c->pointed_us > SETTLED_US &&
	    c->now - c->cursor_moved_us > SETTLED_US && hx >= 0 && hy >= 0 && hx < c->cursor.w &&
	    hy < c->cursor.h) {
		c->hot_known = true;
		news->cursor |= c->cursor.hot_x != hx || c->cursor.hot_y != hy;
		c->cursor.hot_x = (u16)hx;
		c->cursor.hot_y = (u16)hy;
	}
}

static bool should_compare(const struct capture *c, const struct head *h)
{
	bool flips = h->flipped_us && c->now - h->flipped_us < FLIPS_US;
	u64 every = flips ? VERIFY_US : COMPARE_US;

	/* Long at rest: a console nobody looks at need not be read thirty times a second. */
	if (!flips && c->now - c->changed_us > 5 * BUSY_US)
		every = 2 * COMPARE_US;
	return c->now - h->compared_us >= every;
}

static int drm_dispatch(struct capture *c, struct capture_news *news)
{
	*news = (struct capture_news){0};
	c->now = now_us();
	if (c->now < c->due_us)
		return 0;
	int e = kms_poll(&c->kms);
	if (e)
		return e;
	e = take_layout(c, &news->resized);
	if (e)
		return e;
	for (u8 i = 0; i < c->kms.n; i++) {
		struct head *h = &c->head[i];

		if (!h->at.w || !c->kms.head[i].fb)
			continue;
		h->flip = c->kms.head[i].fb != h->fb;
		if (h->flip && h->fb)
			h->flipped_us = c->now;
		h->pending = h->flip || should_compare(c, h);
		news->damage |= h->pending;
	}
	poll_cursor(c, news);
	c->due_us = c->now + (c->now - c->changed_us < BUSY_US ? POLL_US : POLL_IDLE_US);
	return 0;
}

static void drm_heads(struct capture *c, struct native_heads *h)
{
	*h = c->heads;
}

/* Takes over a row of pixels; true if any differs from what stood there. */
static bool take_row(u32 *dst, const u32 *src, u32 n, bool swapped)
{
	u32 differs = 0;

	for (u32 i = 0; i < n; i++) {
		u32 v = src[i] & 0xffffff;

		if (swapped)
			v = (v & 0xff00) | v >> 16 | (v & 0xff) << 16;
		differs |= v ^ dst[i];
		dst[i] = v;
	}
	return differs != 0;
}

static int take_head(struct capture *c, u8 i, struct tileset *damage)
{
	struct head *h = &c->head[i];
	struct rect from = c->kms.head[i].r;
	struct drm_buffer *b;
	bool changed = false;
	int e = find_buffer(c, c->kms.head[i].fb, &b);

	if (e)
		return e;
	if (!rect_inside(from, b->w, b->h))
		return ERR_RANGE;
	e = drm_buffer_begin(b, &c->card, from);
	if (e)
		return e;
	for (u32 y = 0; y < from.h; y++) {
		const u32 *src = drm_buffer_row(b, from.y + y) + from.x;
		u32 *dst = image_at(&c->img, h->at.x, h->at.y + y);
		u32 row = (h->at.y + y) / TILE_H * damage->cols;

		for (u32 x = 0; x < from.w;) {
			u32 col = (h->at.x + x) / TILE_W, end = (col + 1) * TILE_W - h->at.x;

			end = end < from.w ? end : from.w;
			if (take_row(dst + x, src + x, end - x, b->swapped)) {
				tileset_add(damage, row + col);
				changed = true;
			}
			x = end;
		}
	}
	drm_buffer_end(b, &c->card, h->flip, changed);
	h->fb = c->kms.head[i].fb;
	h->compared_us = c->now;
	if (changed)
		c->changed_us = c->now;
	return 0;
}

static int drm_grab(struct capture *c, struct tileset *damage, struct capture_buffer *b)
{
	tileset_clear(damage);
	for (u8 i = 0; i < c->kms.n; i++) {
		if (!c->head[i].pending)
			continue;
		c->head[i].pending = false;
		/* A framebuffer may be gone by now: the next poll finds its successor. */
		int e = take_head(c, i, damage);
		if (e == ERR_UNSUPPORTED || e == ERR_PERM)
			return e;
	}
	if (c->fresh)
		tileset_fill(damage);
	c->fresh = false;
	*b = capture_of_image(&c->img, c->now);
	return 0;
}

static const struct capture_cursor *drm_cursor(struct capture *c)
{
	return &c->cursor;
}

static int drm_resize(struct capture *c, const struct native_heads *want)
{
	return ERR_UNSUPPORTED; /* modes are the desktop's */
}

static void drm_pointed(struct capture *c, u16 x, u16 y)
{
	c->pointed_x = x;
	c->pointed_y = y;
	c->pointed_us = now_us();
}

const struct capture_ops capture_drm = {
    .name = "drm",
    .open = drm_open,
    .close = drm_close,
    .fd = drm_fd,
    .due_us = drm_due,
    .dispatch = drm_dispatch,
    .heads = drm_heads,
    .grab = drm_grab,
    .cursor = drm_cursor,
    .resize = drm_resize,
    .pointed = drm_pointed,
};
