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

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"
#include "viewer/agent/capture/drm_cursor.h"

#define POLL_US	     8000u  /* while something moves */
#define POLL_IDLE_US 16000u /* else */
#define BUSY_US	     1000000u
#define COMPARE_US   33000u  /* one framebuffer that is drawn into: compared so often */
#define VERIFY_US    500000u /* one of several that are flipped: only to be sure */
#define FLIPS_US     2000000u

struct head {
	u32 fb; /* compared last */
	u64 compared_us, flipped_us;
	bool pending, flip; /* to be compared by the next grab; because it was flipped */
};

struct capture {
	struct drm_screen screen;
	struct kms kms;
	struct native_heads heads;
	struct head head[NATIVE_MAX_HEADS]; /* as kms.head */
	struct rect at[NATIVE_MAX_HEADS];   /* their places in the picture; w 0: dark */
	struct drm_cursor cursor;
	struct image img;
	u64 now, due_us, changed_us;
	bool fresh; /* nothing has been grabbed yet at this size */
};

/* Heads of one framebuffer keep their places in it; others stand side by side. */
static void lay_out(struct capture *c, struct native_heads *h)
{
	bool shared = kms_shares_framebuffer(&c->kms);
	u32 x = 0, w = 0, height = 0;

	*h = (struct native_heads){0};
	for (u8 i = 0; i < c->kms.n; i++) {
		struct rect r = c->kms.head[i].r;

		c->at[i] = (struct rect){0};
		if (!c->kms.head[i].fb || (!shared && x + r.w > RFB_MAX_SIDE))
			continue;
		if (!shared) {
			r.x = (u16)x;
			r.y = 0;
			x += r.w;
		}
		c->at[i] = r;
		h->list[h->n++] = r;
		w = (u32)r.x + r.w > w ? (u32)r.x + r.w : w;
		height = (u32)r.y + r.h > height ? (u32)r.y + r.h : height;
	}
	h->width = (u16)w;
	h->height = (u16)height;
}

/* The layout has changed: another picture. 0 also where all is dark: the last one stays. */
static int take_layout(struct capture *c, bool *changed)
{
	struct rect old[NATIVE_MAX_HEADS];
	struct native_heads h;

	memcpy(old, c->at, sizeof(old));
	lay_out(c, &h);
	*changed = h.n && !native_same_heads(&h, &c->heads);
	if (!*changed) {
		if (!h.n)
			memcpy(c->at, old, sizeof(old));
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
	drm_screen_close(&c->screen);
	drm_cursor_free(&c->cursor);
	image_free(&c->img);
	free(c);
}

static struct capture *drm_open(const struct capture_conf *conf, char *error, size_t n)
{
	struct capture *c = calloc(1, sizeof(*c));
	bool changed;

	if (!c)
		return NULL;
	if (drm_screen_open(&c->screen, conf->source, conf->gl, error, n))
		goto fail;
	if (kms_open(&c->kms, c->screen.card.fd) || kms_poll(&c->kms)) {
		snprintf(error, n, "%s cannot be asked what it shows", c->screen.path);
		goto fail;
	}
	if (take_layout(c, &changed) || !changed) {
		snprintf(error, n, "nothing is shown on %s yet: start the desktop first",
			 c->screen.path);
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

		if (!c->at[i].w || !c->kms.head[i].fb)
			continue;
		h->flip = c->kms.head[i].fb != h->fb;
		if (h->flip && h->fb)
			h->flipped_us = c->now;
		h->pending = h->flip || should_compare(c, h);
		news->damage |= h->pending;
	}
	drm_cursor_poll(&c->cursor, &c->screen, &c->kms, c->at, c->now, news);
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
	struct rect from = c->kms.head[i].r, at = c->at[i];
	struct drm_buffer *b;
	bool changed = false;
	int e = drm_screen_find(&c->screen, c->kms.head[i].fb, &b);

	if (e)
		return e;
	if (!rect_inside(from, b->w, b->h))
		return ERR_RANGE;
	e = drm_buffer_begin(b, &c->screen.card, from);
	if (e)
		return e;
	for (u32 y = 0; y < from.h; y++) {
		const u32 *src = drm_buffer_row(b, from.y + y) + from.x;
		u32 *dst = image_at(&c->img, at.x, at.y + y);
		u32 row = (at.y + y) / TILE_H * damage->cols;

		for (u32 x = 0; x < from.w;) {
			u32 col = (at.x + x) / TILE_W, end = (col + 1) * TILE_W - at.x;

			end = end < from.w ? end : from.w;
			if (take_row(dst + x, src + x, end - x, b->swapped)) {
				tileset_add(damage, row + col);
				changed = true;
			}
			x = end;
		}
	}
	drm_buffer_end(b, &c->screen.card, h->flip, changed);
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
		int e = take_head(c, i, damage);
		/* A framebuffer may be gone by now: the next poll finds its successor. The rest
		 * does not mend. */
		if (e == ERR_UNSUPPORTED || e == ERR_PERM || e == ERR_NOENT)
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
	return &c->cursor.shape;
}

static int drm_resize(struct capture *c, const struct native_heads *want)
{
	return ERR_UNSUPPORTED; /* modes are the desktop's */
}

static void drm_pointed(struct capture *c, u16 x, u16 y)
{
	drm_cursor_pointed(&c->cursor, x, y, now_us());
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
