/* What a client keeps of a desktop: its picture, its pointer's shape, its clipboard. */
#include <stdlib.h>
#include <string.h>

#include "viewer/client/client.h"

int client_resize(struct client *c, const struct native_heads *h)
{
	struct image next;

	c->heads = *h;
	if (c->canvas.px && c->canvas.w == h->width && c->canvas.h == h->height) {
		tileset_clear(
		    &c->exact); /* the picture of before stays up until the new one comes */
		c->resized = true;
		return 0;
	}
	if (image_alloc(&next, h->width, h->height))
		return ERR_NOMEM;
	image_free(&c->canvas);
	c->canvas = next;
	tileset_free(&c->exact);
	tileset_free(&c->painted);
	if (tileset_alloc(&c->exact, h->width, h->height) ||
	    tileset_alloc(&c->painted, h->width, h->height))
		return ERR_NOMEM;
	tileset_fill(&c->painted);
	c->resized = true;
	return 0;
}

void client_keep_cursor(struct client *c, u16 w, u16 h, u16 hx, u16 hy, u32 *argb)
{
	free(c->cursor.argb);
	c->cursor = (struct client_cursor){w, h, hx, hy, argb, true};
}

void client_keep_locks(struct client *c, u8 locks)
{
	c->locks_first |= !c->locks_known;
	c->locks_known = true;
	c->locks = locks;
}

void client_keep_text(struct client *c, const u8 *p, u32 n)
{
	char *t = malloc((size_t)n + 1);

	if (!t)
		return;
	memcpy(t, p, n);
	t[n] = 0;
	free(c->clip_text);
	c->clip_text = t;
	c->clip_n = n;
}

bool client_is_exact(const struct client *c)
{
	u32 n = c->exact.cols * c->exact.rows;

	return c->state == CLIENT_IN && n && tileset_count(&c->exact) == n;
}

u32 client_videos(const struct client *c, u8 format)
{
	u32 n = 0;

	for (u32 i = 0; i < NATIVE_MAX_HEADS; i++)
		n += c->video[i] && c->video_format[i] == format;
	return n;
}

const char *client_decoder(const struct client *c)
{
	for (u32 i = 0; i < NATIVE_MAX_HEADS; i++)
		if (c->video[i])
			return video_dec_name(c->video[i]);
	return "";
}
