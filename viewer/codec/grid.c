#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/base/err.h"
#include "viewer/codec/grid.h"

#define TABLE_BITS  12u
#define TABLE_N	    (1u << TABLE_BITS)
#define MIN_RUN	    24u /* rows of a column that make a scroll */
#define MIN_VOTES   6u
#define SEGS_A_TILE (TILE_W / SEG_W)

int grid_alloc(struct grid *g, u32 w, u32 h, u64 seed)
{
	*g = (struct grid){.w = w, .h = h, .segs = (w + SEG_W - 1) / SEG_W, .seed = seed};
	g->now = calloc((size_t)g->segs * h, 8);
	g->old = calloc((size_t)g->segs * h, 8);
	g->votes = calloc((size_t)h * 2 + 1, sizeof(u16));
	g->table = calloc(TABLE_N, sizeof(u32));
	if (!g->now || !g->old || !g->votes || !g->table || tileset_alloc(&g->changed, w, h)) {
		grid_free(g);
		return ERR_NOMEM;
	}
	return 0;
}

void grid_free(struct grid *g)
{
	free(g->now);
	free(g->old);
	free(g->votes);
	free(g->table);
	tileset_free(&g->changed);
	*g = (struct grid){0};
}

static inline u64 *column(u64 *a, const struct grid *g, u32 seg)
{
	return a + (size_t)seg * g->h;
}

/* New hashes of one tile; true if any differs from the old ones. */
static bool scan_tile(struct grid *g, const struct image *img, u32 tile)
{
	struct rect r = tile_rect(g->changed.cols, tile, g->w, g->h);
	bool differs = false;

	for (u32 s = 0; s * SEG_W < r.w; s++) {
		u32 x = r.x + s * SEG_W,
		    bytes = (r.w - s * SEG_W < SEG_W ? r.w - s * SEG_W : SEG_W) * 4;
		u64 *now = column(g->now, g, x / SEG_W), *old = column(g->old, g, x / SEG_W);

		for (u32 y = r.y; y < (u32)r.y + r.h; y++) {
			const u32 *px = image_at(img, x, y);

			old[y] = now[y];
			if (bytes == SEG_W * 4)
				now[y] = XXH3_64bits_withSeed(px, SEG_W * 4, g->seed);
			else
				now[y] = XXH3_64bits_withSeed(px, bytes, g->seed);
			differs |= now[y] != old[y];
		}
	}
	return differs;
}

/*
 * The shift that most rows of one column agree on: new row y equals old row y + dy. Rows whose
 * content repeats in the column (blank lines) have no vote. Returns 0 for none.
 */
static s32 column_shift(struct grid *g, u32 seg, u32 y0, u32 y1)
{
	const u64 *now = column(g->now, g, seg), *old = column(g->old, g, seg);
	s32 best = 0;
	u32 top = 0;

	memset(g->table, 0, TABLE_N * sizeof(u32));
	memset(g->votes, 0, ((size_t)g->h * 2 + 1) * sizeof(u16));
	for (u32 y = y0; y < y1; y++) {
		if (y > y0 && old[y] == old[y - 1])
			continue;
		u32 *t = &g->table[old[y] >> (64 - TABLE_BITS)];
		*t = *t ? UINT32_MAX : y + 1; /* a second one in the slot: nobody votes */
	}
	for (u32 y = y0; y < y1; y++) {
		if (now[y] == old[y] || (y > y0 && now[y] == now[y - 1]))
			continue;
		u32 t = g->table[now[y] >> (64 - TABLE_BITS)];
		if (!t || t == UINT32_MAX || old[t - 1] != now[y])
			continue;
		u32 i = t - 1 + g->h - y;
		if (++g->votes[i] > top) {
			top = g->votes[i];
			best = (s32)i - (s32)g->h;
		}
	}
	return top >= MIN_VOTES ? best : 0;
}

/* Longest run of rows in [y0, y1) that a shift explains; *from and the length, 0 for none. */
static u32 longest_run(const struct grid *g, u32 seg, s32 dy, u32 y0, u32 y1, u32 *from)
{
	const u64 *now = g->now + (size_t)seg * g->h, *old = g->old + (size_t)seg * g->h;
	u32 best = 0, run = 0;

	for (u32 y = y0; y < y1; y++) {
		s32 sy = (s32)y + dy;

		if (sy >= (s32)y0 && sy < (s32)y1 && now[y] == old[sy]) {
			if (++run > best) {
				best = run;
				*from = y + 1 - run;
			}
		} else {
			run = 0;
		}
	}
	return best;
}

struct span {
	s32 dy;
	u32 y0, y1;
};

/* Row range of the changed tiles in the tile column of a segment; false if none. */
static bool changed_rows(const struct grid *g, u32 seg, u32 *y0, u32 *y1)
{
	u32 tx = seg / SEGS_A_TILE, first = UINT32_MAX, last = 0;

	for (u32 ty = 0; ty < g->changed.rows; ty++)
		if (tileset_has(&g->changed, ty * g->changed.cols + tx)) {
			if (first == UINT32_MAX)
				first = ty;
			last = ty;
		}
	if (first == UINT32_MAX)
		return false;
	*y0 = first * TILE_H;
	*y1 = (last + 1) * TILE_H < g->h ? (last + 1) * TILE_H : g->h;
	return *y1 - *y0 > MIN_RUN;
}

/* Old hashes outside the damage are the new ones: make them so before comparing across tiles. */
static void sync_column(struct grid *g, u32 seg, u32 y0, u32 y1, const struct tileset *damage)
{
	u32 tx = seg / SEGS_A_TILE;
	u64 *now = column(g->now, g, seg), *old = column(g->old, g, seg);

	for (u32 y = y0; y < y1; y += TILE_H)
		if (!tileset_has(damage, y / TILE_H * g->changed.cols + tx))
			memcpy(old + y, now + y, (size_t)(y1 - y < TILE_H ? y1 - y : TILE_H) * 8);
}

static void emit(struct grid *g, u32 seg0, u32 seg1, struct span s)
{
	if (g->ncopies == GRID_MAX_COPIES)
		return;
	u32 x = seg0 * SEG_W, w = (seg1 * SEG_W < g->w ? seg1 * SEG_W : g->w) - x;

	g->copies[g->ncopies++] = (struct native_copy){
	    .sx = (u16)x,
	    .sy = (u16)((s32)s.y0 + s.dy),
	    .to = {(u16)x, (u16)s.y0, (u16)w, (u16)(s.y1 - s.y0)},
	};
}

/* A tile is explained if every row of every segment is unchanged or moved by the copies. */
static void drop_explained(struct grid *g, const struct span *spans)
{
	for (u32 i = tileset_next(&g->changed, 0); i < g->changed.cols * g->changed.rows;
	     i = tileset_next(&g->changed, i + 1)) {
		struct rect r = tile_rect(g->changed.cols, i, g->w, g->h);
		bool explained = true;

		for (u32 s = r.x / SEG_W; explained && s * SEG_W < (u32)r.x + r.w; s++) {
			const u64 *now = column(g->now, g, s), *old = column(g->old, g, s);
			for (u32 y = r.y; explained && y < (u32)r.y + r.h; y++) {
				bool moved = spans[s].dy && y >= spans[s].y0 && y < spans[s].y1;
				u32 from = moved ? (u32)((s32)y + spans[s].dy) : y;

				explained = now[y] == old[from];
			}
		}
		if (explained)
			tileset_del(&g->changed, i);
	}
	/* What a copy spoilt: rows that had not changed but were overwritten. */
	for (u32 s = 0; s < g->segs; s++) {
		if (!spans[s].dy)
			continue;
		const u64 *now = column(g->now, g, s), *old = column(g->old, g, s);
		for (u32 y = spans[s].y0; y < spans[s].y1; y++)
			if (now[y] != old[(s32)y + spans[s].dy])
				tileset_add(&g->changed,
					    y / TILE_H * g->changed.cols + s / SEGS_A_TILE);
	}
}

static void find_scrolls(struct grid *g, const struct tileset *damage)
{
	struct span *spans = calloc(g->segs, sizeof(*spans));
	bool any = false;

	if (!spans)
		return; /* no copies: the tiles go as they are */
	for (u32 s = 0; s < g->segs; s++) {
		u32 y0, y1, from = 0;

		if (!changed_rows(g, s, &y0, &y1))
			continue;
		sync_column(g, s, y0, y1, damage);
		s32 dy = column_shift(g, s, y0, y1);
		/* A column with few marks of its own follows its neighbour. */
		if (!dy && s && spans[s - 1].dy)
			dy = spans[s - 1].dy;
		if (!dy)
			continue;
		u32 run = longest_run(g, s, dy, y0, y1, &from);
		if (run < MIN_RUN)
			continue;
		spans[s] = (struct span){dy, from, from + run};
		any = true;
	}
	/* Neighbours with one shift become one rectangle: the rows they share. */
	for (u32 s = 0; any && s < g->segs;) {
		struct span c = spans[s];
		u32 e = s + 1;

		if (!c.dy) {
			s++;
			continue;
		}
		while (e < g->segs && spans[e].dy == c.dy) {
			u32 y0 = spans[e].y0 > c.y0 ? spans[e].y0 : c.y0;
			u32 y1 = spans[e].y1 < c.y1 ? spans[e].y1 : c.y1;

			/* Splitting costs 12 bytes; losing rows costs pixels. */
			if (y1 <= y0 || (c.y1 - c.y0) - (y1 - y0) > 8 ||
			    (spans[e].y1 - spans[e].y0) - (y1 - y0) > 8)
				break;
			c.y0 = y0;
			c.y1 = y1;
			e++;
		}
		if (g->ncopies == GRID_MAX_COPIES)
			c.dy = 0;
		else
			emit(g, s, e, c);
		for (u32 i = s; i < e; i++)
			spans[i] = c;
		s = e;
	}
	if (any)
		drop_explained(g, spans);
	free(spans);
}

void grid_scan(struct grid *g, const struct image *img, const struct tileset *damage)
{
	g->ncopies = 0;
	tileset_clear(&g->changed);
	tileset_for(damage, i) if (scan_tile(g, img, i)) tileset_add(&g->changed, i);
	if (tileset_count(&g->changed) >= 8)
		find_scrolls(g, damage);
}
