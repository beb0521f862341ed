#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/rfb_out.h"

#define BACKLOG	   (64u << 10)
#define MAX_STRIPE 2048u   /* rectangles an update; the rest waits for the next */
#define REST_US	   200000u /* stillness after which JPEG's and video's tiles are sent exactly */
#define REST_TILES 96u	   /* of those in an update while others still move */

int rfb_out_resize(struct rfb_out *o, const struct desktop *d)
{
	tileset_free(&o->dirty);
	tileset_free(&o->lossy);
	tileset_free(&o->scratch);
	tileset_free(&o->batch);
	rfb_video_free(&o->video); /* a picture of the old size is of no use */
	if (tileset_alloc(&o->dirty, d->heads.width, d->heads.height) ||
	    tileset_alloc(&o->lossy, d->heads.width, d->heads.height) ||
	    tileset_alloc(&o->scratch, d->heads.width, d->heads.height) ||
	    tileset_alloc(&o->batch, d->heads.width, d->heads.height))
		return ERR_NOMEM;
	tileset_fill(&o->dirty);
	o->size_changed = true;
	return 0;
}

int rfb_out_init(struct rfb_out *o, const struct desktop *d)
{
	*o = (struct rfb_out){.format = rfb_bgrx, .encoding = ENC_RAW, .jpeg = -1, .compress = 2};
	if (rfb_out_resize(o, d) || zrle_enc_init(&o->zrle) || tight_enc_init(&o->tight))
		return ERR_NOMEM;
	o->size_changed = false;
	return 0;
}

void rfb_out_free(struct rfb_out *o)
{
	tileset_free(&o->dirty);
	tileset_free(&o->lossy);
	tileset_free(&o->scratch);
	tileset_free(&o->batch);
	rfb_video_free(&o->video);
	zrle_enc_free(&o->zrle);
	tight_enc_free(&o->tight);
	*o = (struct rfb_out){0};
}

void rfb_out_encodings(struct rfb_out *o, const s32 *list, u16 n, struct wbuf *out,
		       const struct desktop *d, const struct video_enc_ops *ops, int event)
{
	bool chosen = false, had_continuous = o->continuous, had_fence = o->fence;
	bool had_qemu = o->qemu_keys, had_leds = o->leds, had_ext = o->ext_size;

	o->encoding = ENC_RAW;
	o->jpeg = -1;
	o->compress = 2;
	o->copyrect = o->last_rect = o->cursor = o->cursor_alpha = o->desktop_size = o->ext_size =
	    false;
	o->h264 = false;
	o->name = o->continuous = o->fence = o->qemu_keys = o->leds = o->ext_clipboard = false;
	for (u16 i = 0; i < n; i++) {
		s32 e = list[i];

		if (e >= ENC_JPEG_QUALITY_0 && e <= ENC_JPEG_QUALITY_9)
			o->jpeg = e - ENC_JPEG_QUALITY_0;
		else if (e >= ENC_COMPRESS_0 && e <= ENC_COMPRESS_9)
			o->compress = e - ENC_COMPRESS_0;
		else if (!chosen && (e == ENC_RAW || e == ENC_ZRLE || e == ENC_TIGHT)) {
			o->encoding = e; /* the first one listed is the viewer's choice */
			chosen = true;
		}
		o->h264 |= e == ENC_OPEN_H264;
		o->copyrect |= e == ENC_COPYRECT;
		o->last_rect |= e == ENC_LAST_RECT;
		o->cursor |= e == ENC_CURSOR;
		o->cursor_alpha |= e == ENC_CURSOR_ALPHA;
		o->desktop_size |= e == ENC_DESKTOP_SIZE;
		o->ext_size |= e == ENC_EXT_DESKTOP_SIZE;
		o->name |= e == ENC_DESKTOP_NAME;
		o->continuous |= e == ENC_CONTINUOUS;
		o->fence |= e == ENC_FENCE;
		o->qemu_keys |= e == ENC_QEMU_KEYS;
		o->leds |= e == ENC_LED_STATE;
		o->ext_clipboard |= e == ENC_EXT_CLIPBOARD;
	}
	if (o->h264 && !o->video.open)
		o->h264 = !rfb_video_init(&o->video, d, ops, event);
	o->send_cursor = o->cursor || o->cursor_alpha;
	if (o->continuous && !had_continuous)
		put_u8(out, RFB_END_CONTINUOUS); /* "I know that extension" */
	if (o->fence && !had_fence)
		rfb_put_fence(out, FENCE_REQUEST, NULL, 0);
	o->send_qemu |= o->qemu_keys && !had_qemu;
	o->send_leds |= o->leds && !had_leds;
	if (o->ext_size && !had_ext) {
		o->send_screens = true;
		o->screens_reason = SCREENS_BY_SERVER;
		o->screens_status = SCREENS_OK;
	}
	o->send_name |= o->name;
}

void rfb_out_request(struct rfb_out *o, bool incremental, struct rect r)
{
	o->asked = true;
	if (incremental)
		return;
	tileset_add_rect(&o->dirty, r);
	o->video.reset = true;
}

static bool owed(const struct rfb_out *o)
{
	return o->asked || o->streaming;
}

void rfb_out_change(struct rfb_out *o, const struct desktop *d, struct net_stream *net)
{
	struct native_copy ok[GRID_MAX_COPIES];
	u16 n = 0;
	bool may = owed(o) && o->copyrect && !o->size_changed && link_backlog(net) < BACKLOG;

	for (u32 i = 0; i < d->grid.ncopies; i++) {
		const struct native_copy *c = &d->grid.copies[i];

		tileset_clear(&o->scratch);
		tileset_add_rect(&o->scratch, (struct rect){c->sx, c->sy, c->to.w, c->to.h});
		bool now = may && !tileset_meets(&o->scratch, &o->dirty) &&
			   !tileset_meets(&o->scratch, &o->lossy);
		/* A picture in the making paints over it, and may be of its source. */
		tileset_add_rect(&o->scratch, c->to);
		if (now && !(o->video.coding && tileset_meets(&o->scratch, &o->video.inside)))
			ok[n++] = *c;
		else
			tileset_add_rect(&o->dirty, c->to);
	}
	tileset_or(&o->dirty, &d->grid.changed);
	if (!n)
		return;
	rfb_put_update(&net->out, n);
	for (u16 i = 0; i < n; i++) {
		rfb_put_rect(&net->out, ok[i].to, ENC_COPYRECT);
		put_u16(&net->out, ok[i].sx);
		put_u16(&net->out, ok[i].sy);
	}
	o->asked = false;
	o->updates++;
}

/* Pseudo-rectangles that are due; returns how many were written. */
static u16 put_news(struct rfb_out *o, const struct desktop *d, const char *name, struct wbuf *w)
{
	u16 n = 0;

	if (o->size_changed && !o->ext_size && o->desktop_size) {
		rfb_put_rect(w, (struct rect){0, 0, d->heads.width, d->heads.height},
			     ENC_DESKTOP_SIZE);
		n++;
	}
	if (o->ext_size && (o->send_screens || o->size_changed)) {
		struct screen s[NATIVE_MAX_HEADS];

		for (u8 i = 0; i < d->heads.n; i++)
			s[i] = (struct screen){i, d->heads.list[i], 0};
		rfb_put_screens(
		    w, o->size_changed && !o->send_screens ? SCREENS_BY_SERVER : o->screens_reason,
		    o->screens_status, d->heads.width, d->heads.height, s, d->heads.n);
		n++;
	}
	o->size_changed = o->send_screens = false;
	if (o->send_name) {
		rfb_put_name(w, name);
		o->send_name = false;
		n++;
	}
	if (o->send_qemu) {
		rfb_put_rect(w, (struct rect){0}, ENC_QEMU_KEYS);
		o->send_qemu = false;
		n++;
	}
	if (o->send_leds) {
		rfb_put_rect(w, (struct rect){0}, ENC_LED_STATE);
		put_u8(w, o->led_state);
		o->send_leds = false;
		n++;
	}
	if (o->send_cursor) {
		const struct capture_cursor *c = d->ops->cursor(d->capture);
		u16 cw = c->argb ? c->w : 0, ch = c->argb ? c->h : 0;

		if (o->cursor_alpha)
			rfb_put_cursor_alpha(w, cw, ch, c->hot_x, c->hot_y, c->argb);
		else
			rfb_put_cursor(w, &o->format, cw, ch, c->hot_x, c->hot_y, c->argb);
		o->send_cursor = false;
		n++;
	}
	return n;
}

/* The next rectangle of dirty tiles: a run in a row, grown down while the rows below match. */
static bool next_rect(const struct tileset *t, u32 from, u32 *x0, u32 *y0, u32 *x1, u32 *y1)
{
	u32 i = tileset_next(t, from);

	if (i >= t->cols * t->rows)
		return false;
	*x0 = i % t->cols;
	*y0 = i / t->cols;
	*x1 = *x0 + 1;
	while (*x1 < t->cols && tileset_has(t, *y0 * t->cols + *x1))
		(*x1)++;
	for (*y1 = *y0 + 1; *y1 < t->rows; (*y1)++)
		for (u32 x = *x0; x < *x1; x++)
			if (!tileset_has(t, *y1 * t->cols + x))
				return true;
	return true;
}

static void put_pixels(struct rfb_out *o, const struct desktop *d, struct rect r, bool lossless,
		       struct wbuf *w)
{
	rfb_put_rect(w, r, o->encoding);
	switch (o->encoding) {
	case ENC_TIGHT:
		tight_put(&o->tight, &o->format, &d->img, r, o->compress, lossless ? -1 : o->jpeg,
			  w);
		break;
	case ENC_ZRLE:
		zrle_put(&o->zrle, &o->format, &d->img, r, w);
		break;
	default: {
		u32 bytes = o->format.bpp / 8;
		for (u32 y = 0; y < r.h; y++) {
			u8 *p = wbuf_room(w, (size_t)r.w * bytes);
			if (p)
				pixels_to_format(&o->format, image_at(&d->img, r.x, (u32)r.y + y),
						 r.w, p);
		}
		break;
	}
	}
}

/* Tight takes rectangles of at most 2048 across and asks little memory of viewers. */
static u16 put_split(struct rfb_out *o, const struct desktop *d, struct rect r, bool lossless,
		     struct wbuf *w)
{
	u16 n = 0;

	for (u32 y = 0; y < r.h; y += 256)
		for (u32 x = 0; x < r.w; x += 1024) {
			struct rect p = {(u16)(r.x + x), (u16)(r.y + y),
					 (u16)(r.w - x < 1024 ? r.w - x : 1024),
					 (u16)(r.h - y < 256 ? r.h - y : 256)};
			put_pixels(o, d, p, lossless, w);
			n++;
		}
	return n;
}

/* Tiles that came by JPEG or video and have rested: at most n of them into o->batch. */
static bool rested(struct rfb_out *o, const struct desktop *d, u32 n)
{
	u64 now = now_us();
	bool any = false;

	tileset_clear(&o->batch);
	tileset_for(&o->lossy, i)
	{
		if (now < d->tiles[i].changed_us + REST_US || tileset_has(&o->dirty, i))
			continue;
		if (!n--)
			break;
		tileset_add(&o->batch, i);
		any = true;
	}
	return any;
}

/* The tiles of o->batch, which empties; one slice an update, so that none starves behind a slow link. */
static u32 put_batch(struct rfb_out *o, const struct desktop *d, bool lossless, size_t from, u32 n,
		     struct wbuf *w)
{
	bool jpeg = o->encoding == ENC_TIGHT && o->jpeg >= 0 && !lossless;
	u32 x0, y0, x1, y1;

	while (n < MAX_STRIPE && w->n - from <= (4u << 20) &&
	       next_rect(&o->batch, 0, &x0, &y0, &x1, &y1)) {
		u32 px1 = x1 * TILE_W < d->img.w ? x1 * TILE_W : d->img.w;
		u32 py1 = y1 * TILE_H < d->img.h ? y1 * TILE_H : d->img.h;
		struct rect r = {(u16)(x0 * TILE_W), (u16)(y0 * TILE_H), (u16)(px1 - x0 * TILE_W),
				 (u16)(py1 - y0 * TILE_H)};

		n += put_split(o, d, r, lossless, w);
		for (u32 y = y0; y < y1; y++)
			for (u32 x = x0; x < x1; x++) {
				u32 i = y * o->dirty.cols + x;

				tileset_del(&o->batch, i);
				tileset_del(&o->dirty, i);
				if (jpeg)
					tileset_add(&o->lossy, i);
				else
					tileset_del(&o->lossy, i);
			}
	}
	return n;
}

/* One update: news, the picture just coded if there is one, what is dirty, what has rested. */
static void put_update(struct rfb_out *o, const struct desktop *d, const char *name, bool picture,
		       struct wbuf *w)
{
	size_t from = w->n, count_at;
	bool resized = o->size_changed;
	u32 n;

	rfb_put_update(w, 0);
	count_at = w->n - 2;
	n = put_news(o, d, name, w);
	/* After a change of size a viewer asks anew: pixels in the same update confuse some. */
	if (!resized) {
		bool calm = tileset_empty(&o->dirty) && !picture;

		if (picture) {
			rfb_video_put(&o->video, w);
			n++;
			/* What it painted and is not its own follows exactly; its own waits for rest. */
			tileset_or(&o->lossy, &o->video.inside);
			memcpy(o->batch.bits, o->video.inside.bits, (size_t)o->batch.words * 8);
			tileset_and_not(&o->batch, &o->video.moving);
			n = put_batch(o, d, true, from, n, w);
		}
		memcpy(o->batch.bits, o->dirty.bits, (size_t)o->batch.words * 8);
		if (picture) /* what has moved on since then is the next picture's */
			tileset_and_not(&o->batch, &o->video.moving);
		n = put_batch(o, d, false, from, n, w);
		if (rested(o, d, calm ? UINT32_MAX : REST_TILES))
			n = put_batch(o, d, true, from, n, w);
	}
	set_u16(w, count_at, (u16)n);
	o->asked = false;
	o->updates++;
}

void rfb_out_pump(struct rfb_out *o, struct desktop *d, const char *name, struct net_stream *net,
		  struct link *l)
{
	u64 now = now_us();
	bool news = o->send_screens || o->send_name || o->send_qemu || o->send_leds ||
		    o->send_cursor || o->size_changed;

	if (!d->ready || !owed(o) || o->video.coding)
		return;
	link_sample(l, net, now);
	if (link_backlog(net) > BACKLOG) {
		l->blocked_us = l->blocked_us ? l->blocked_us : now;
		return;
	}
	l->blocked_us = 0;
	if (!news && tileset_empty(&o->dirty) && !rested(o, d, 1))
		return;
	if (o->h264 && !o->size_changed && rfb_video_start(&o->video, d, &o->dirty, l))
		return;
	put_update(o, d, name, false, &net->out);
}

void rfb_out_coded(struct rfb_out *o, struct desktop *d, const char *name, struct net_stream *net)
{
	if (!rfb_video_coded(&o->video))
		return;
	/* A viewer may have changed its mind meanwhile. */
	bool picture = o->h264 && o->video.coder.out.n > 0;
	if (!picture)
		tileset_or(&o->dirty, &o->video.moving);
	put_update(o, d, name, picture, &net->out);
}

u64 rfb_out_due(const struct rfb_out *o, const struct desktop *d)
{
	u64 due = UINT64_MAX;

	if (!owed(o) || o->video.coding)
		return due;
	if (!tileset_empty(&o->dirty))
		return 0;
	tileset_for(&o->lossy, i)
	{
		u64 t = d->tiles[i].changed_us + REST_US;
		due = t < due ? t : due;
	}
	return due;
}
