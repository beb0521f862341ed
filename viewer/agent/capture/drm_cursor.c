#include <stdlib.h>
#include <string.h>

#include "viewer/agent/capture/drm_cursor.h"

#define VERIFY_US  500000u /* the same framebuffer may have been drawn into */
#define SETTLED_US 150000u /* pointer and its plane at rest: their distance is the hot spot */

/* A pointer's pixels, each time its framebuffer changes and now and then in between. */
static bool read_cursor(struct drm_cursor *c, struct drm_screen *s, const struct kms_cursor *k)
{
	struct drm_buffer *b;
	struct rect r = {0};

	if (drm_screen_find(s, k->fb, &b))
		return false;
	u32 w = k->w && k->w < b->w ? k->w : b->w, h = k->h && k->h < b->h ? k->h : b->h;
	if (w > RFB_MAX_CURSOR || h > RFB_MAX_CURSOR)
		return false;
	r.w = (u16)w;
	r.h = (u16)h;
	u32 *argb = malloc((size_t)w * h * 4);
	if (!argb || drm_buffer_begin(b, &s->card, r)) {
		free(argb);
		return false;
	}
	for (u32 y = 0; y < h; y++)
		memcpy(argb + (size_t)y * w, drm_buffer_row(b, y), (size_t)w * 4);
	for (size_t i = 0; b->swapped && i < (size_t)w * h; i++)
		argb[i] = (argb[i] & 0xff00ff00u) | (argb[i] >> 16 & 255) | (argb[i] & 255) << 16;
	drm_buffer_end(b, &s->card, false, true);
	bool differs = !c->shape.argb || c->shape.w != w || c->shape.h != h ||
		       memcmp(c->shape.argb, argb, (size_t)w * h * 4);
	if (!differs) {
		free(argb);
		return false;
	}
	free(c->shape.argb);
	c->shape.argb = argb;
	c->shape.w = (u16)w;
	c->shape.h = (u16)h;
	c->hot_known = false;
	return true;
}

void drm_cursor_poll(struct drm_cursor *c, struct drm_screen *s, const struct kms *kms,
		     const struct rect *at, u64 now, struct capture_news *news)
{
	struct kms_cursor k;

	if (kms_poll_cursor(kms, &k))
		return;
	if (!k.fb) {
		if (c->shape.argb && c->shape.visible) {
			free(c->shape.argb);
			c->shape = (struct capture_cursor){0};
			news->cursor = true;
		}
		c->fb = 0;
		return;
	}
	s32 x = at[k.head].x + k.x, y = at[k.head].y + k.y;
	if (x != c->shape.x || y != c->shape.y) {
		c->shape.x = x;
		c->shape.y = y;
		c->moved_us = now;
		news->moved = true;
	}
	if (k.fb != c->fb || now - c->read_us > VERIFY_US) {
		c->fb = k.fb;
		c->read_us = now;
		news->cursor |= read_cursor(c, s, &k);
	}
	c->shape.visible = c->shape.argb != NULL;
	if (k.hot_x >= 0 && k.hot_y >= 0) {
		news->cursor |= c->shape.hot_x != k.hot_x || c->shape.hot_y != k.hot_y;
		c->shape.hot_x = (u16)k.hot_x;
		c->shape.hot_y = (u16)k.hot_y;
		return;
	}
	/* Older kernels do not tell the hot spot; the pointer's own place gives it away. */
	s32 hx = c->pointed_x - x, hy = c->pointed_y - y;
	if (!c->hot_known && c->pointed_us && now - c->pointed_us > SETTLED_US &&
	    now - c->moved_us > SETTLED_US && hx >= 0 && hy >= 0 && hx < c->shape.w &&
	    hy < c->shape.h) {
		c->hot_known = true;
		news->cursor |= c->shape.hot_x != hx || c->shape.hot_y != hy;
		c->shape.hot_x = (u16)hx;
		c->shape.hot_y = (u16)hy;
	}
}

void drm_cursor_pointed(struct drm_cursor *c, u16 x, u16 y, u64 now)
{
	c->pointed_x = x;
	c->pointed_y = y;
	c->pointed_us = now;
}

void drm_cursor_free(struct drm_cursor *c)
{
	free(c->shape.argb);
	*c = (struct drm_cursor){0};
}
