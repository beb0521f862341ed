#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/err.h"
#include "viewer/agent/desktop.h"

static void drop_picture(struct desktop *d)
{
	grid_free(&d->grid);
	tileset_free(&d->damage);
	image_free(&d->shadow);
	free(d->tiles);
	d->tiles = NULL;
	d->img = (struct image){0};
	d->ready = false;
}

static int make_picture(struct desktop *d)
{
	u64 seed = 0;

	drop_picture(d);
	d->ops->heads(d->capture, &d->heads);
	if (!d->heads.width || !d->heads.height ||
	    (u64)d->heads.width * d->heads.height > RFB_MAX_PIXELS)
		return ERR_RANGE;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return ERR_IO;
	if (grid_alloc(&d->grid, d->heads.width, d->heads.height, seed) ||
	    tileset_alloc(&d->damage, d->heads.width, d->heads.height))
		return ERR_NOMEM;
	d->tiles = calloc((size_t)d->damage.cols * d->damage.rows, sizeof(*d->tiles));
	return d->tiles ? 0 : ERR_NOMEM;
}

int desktop_open(struct desktop *d, const struct capture_ops *ops, const struct capture_conf *conf)
{
	*d = (struct desktop){.ops = ops};
	d->capture = ops->open(conf, d->error, sizeof(d->error));
	if (!d->capture)
		return ERR_NOENT;
	int e = make_picture(d);
	if (e)
		snprintf(d->error, sizeof(d->error), "%s", err_text(e));
	return e;
}

void desktop_close(struct desktop *d)
{
	drop_picture(d);
	if (d->capture)
		d->ops->close(d->capture);
	d->capture = NULL;
}

static void note_change(struct desktop *d, u32 tile)
{
	struct tile_state *t = &d->tiles[tile];
	u64 gap = d->when_us - t->changed_us;

	t->gap_us = gap < 10000000 ? (u32)gap : 10000000;
	t->heat = gap <= HOT_GAP_US ? (u8)(t->heat + (t->heat < 255)) : 1;
	t->changed_us = d->when_us;
}

/* Brings the damaged tiles of a foreign buffer into memory that stays. */
static int copy_damage(struct desktop *d, const struct image *from)
{
	if (!d->shadow.px && image_alloc(&d->shadow, from->w, from->h))
		return ERR_NOMEM;
	tileset_for(&d->damage, i)
	{
		struct rect r = tile_rect(d->damage.cols, i, from->w, from->h);

		for (u32 y = r.y; y < (u32)r.y + r.h; y++)
			memcpy(image_at(&d->shadow, r.x, y), image_at(from, r.x, y),
			       (size_t)r.w * 4);
	}
	d->img = d->shadow;
	return 0;
}

static int take_picture(struct desktop *d)
{
	struct capture_buffer b;
	struct image img;
	u64 start = now_us();
	int e = d->ops->grab(d->capture, &d->damage, &b);

	if (e)
		return e;
	if (b.w != d->heads.width || b.h != d->heads.height)
		return ERR_BUSY; /* resized in between: the news is on its way */
	e = capture_map(&b, &img);
	if (e)
		return e;
	if (b.kind == CAPTURE_MEMORY) {
		d->img = img;
	} else {
		e = copy_damage(d, &img);
		capture_unmap(&b, &img);
		if (e)
			return e;
	}
	d->when_us = b.when_us;
	grid_scan(&d->grid, &d->img, &d->damage);
	tileset_for(&d->damage, i) d->tiles[i].looked = false;
	tileset_for(&d->grid.changed, i) note_change(d, i);
	d->ready = true;
	d->capture_us = (u32)(now_us() - start);
	return 0;
}

int desktop_update(struct desktop *d, struct desktop_change *change)
{
	struct capture_news news;
	int e = d->ops->dispatch(d->capture, &news);

	*change = (struct desktop_change){0};
	if (e)
		return e;
	if (news.gone)
		return ERR_NOENT;
	change->cursor = news.cursor;
	change->moved = news.moved;
	if (news.resized) {
		e = make_picture(d);
		if (e)
			return e;
		change->resized = true;
	}
	if (news.damage) {
		e = take_picture(d);
		if (e == ERR_BUSY)
			return 0;
		if (e)
			return e;
		change->picture = d->grid.ncopies || !tileset_empty(&d->grid.changed);
	}
	return 0;
}

/* Every other row and all its pixels: text and rendering tell themselves apart in half a tile. */
static const struct tile_state *look(struct desktop *d, u32 tile)
{
	struct rect r = tile_rect(d->damage.cols, tile, d->img.w, d->img.h);
	struct tile_state *t = &d->tiles[tile];

	if (t->looked)
		return t;
	t->soft = t->hard = 0;
	t->looked = true;
	for (u32 y = 0; y < r.h; y += 2) {
		const u32 *px = image_at(&d->img, r.x, (u32)r.y + y);
		u32 differ = 0, hard = 0;

		for (u32 x = 1; x < r.w; x++) {
			s32 dr = (s32)(px[x] >> 16 & 255) - (s32)(px[x - 1] >> 16 & 255);
			s32 dg = (s32)(px[x] >> 8 & 255) - (s32)(px[x - 1] >> 8 & 255);
			s32 db = (s32)(px[x] & 255) - (s32)(px[x - 1] & 255);
			bool big =
			    (u32)(dr + 16) > 32 || (u32)(dg + 16) > 32 || (u32)(db + 16) > 32;

			differ += (dr | dg | db) != 0;
			hard += big;
		}
		t->hard = (u16)(t->hard + hard);
		t->soft = (u16)(t->soft + differ - hard);
	}
	return t;
}

/*
 * Drawn are flat areas, and sharp edges between them: letters leave most neighbours alike. Where two
 * thirds of them differ it is a rendered texture, however sharp: noise of a seismic section.
 */
bool desktop_tile_is_drawn(struct desktop *d, u32 tile)
{
	const struct tile_state *t = look(d, tile);
	u32 differ = (u32)t->soft + t->hard, all = TILE_W * TILE_H / 2;

	if (differ < all / 20)
		return true;
	return differ * 3 < all * 2 && t->soft * 2 < t->hard * 3;
}

u32 desktop_tile_cost(struct desktop *d, u32 tile)
{
	const struct tile_state *t = look(d, tile);

	return 24 + t->soft * 3u + t->hard * 2u;
}
