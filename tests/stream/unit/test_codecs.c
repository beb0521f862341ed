/* Every codec: what goes in comes out, whole or in pieces, and junk is refused. */
#include "tests/stream/unit/pictures.h"

#include "viewer/codec/exact.h"
#include "viewer/codec/grid.h"
#include "viewer/codec/png.h"
#include "viewer/codec/tight.h"
#include "viewer/codec/video_dec.h"
#include "viewer/codec/video_enc.h"
#include "viewer/codec/zrle.h"
#include "core/base/err.h"

#include <stdlib.h>

#define W 333u /* the last tiles are cut on both sides */
#define H 157u

static struct image a, b;
static const struct rect whole = {0, 0, W, H};

static int setup(void **state)
{
	random_state = 88172645463325252ull;
	assert_int_equal(image_alloc(&a, W, H), 0);
	assert_int_equal(image_alloc(&b, W, H), 0);
	draw_all(&a);
	return 0;
}

static int teardown(void **state)
{
	image_free(&a);
	image_free(&b);
	return 0;
}

static struct rect some_rect(void)
{
	u16 x = (u16)rnd(W), y = (u16)rnd(H);

	return (struct rect){x, y, (u16)(1 + rnd(W - x)), (u16)(1 + rnd(H - y))};
}

static void test_zrle(void **state)
{
	struct zrle_enc e;
	struct zrle_dec d;
	struct wbuf w = {0};

	assert_int_equal(zrle_enc_init(&e), 0);
	assert_int_equal(zrle_dec_init(&d), 0);
	for (int i = 0; i < 60; i++) {
		struct rect r = i ? some_rect() : whole;

		draw(&a, r, rnd(PIC_KINDS));
		w.n = 0;
		zrle_put(&e, &rfb_bgrx, &a, r, &w);
		assert_false(w.failed);
		for (size_t cut = 0; cut < w.n; cut += 1 + w.n / 7) /* not all there yet */
			assert_int_equal(zrle_get(&d, w.p, cut, &b, r), 0);
		assert_int_equal(zrle_get(&d, w.p, w.n, &b, r), (ssize_t)w.n);
		assert_true(same_picture(&a, &b, r));
	}
	zrle_enc_free(&e);
	zrle_dec_free(&d);
	wbuf_free(&w);
}

static void test_tight(void **state)
{
	struct tight_enc e;
	struct tight_dec d;
	struct wbuf w = {0};

	assert_int_equal(tight_enc_init(&e), 0);
	assert_int_equal(tight_dec_init(&d), 0);
	for (int i = 0; i < 80; i++) {
		struct rect r = i ? some_rect() : whole;

		draw(&a, r, rnd(PIC_KINDS));
		w.n = 0;
		tight_put(&e, &rfb_bgrx, &a, r, 1, -1, &w);
		assert_false(w.failed);
		for (size_t cut = 0; cut < w.n; cut += 1 + w.n / 7)
			assert_int_equal(tight_get(&d, w.p, cut, &b, r), 0);
		assert_int_equal(tight_get(&d, w.p, w.n, &b, r), (ssize_t)w.n);
		assert_true(same_picture(&a, &b, r));
	}
	tight_enc_free(&e);
	tight_dec_free(&d);
	wbuf_free(&w);
}

static void test_tight_jpeg(void **state)
{
	struct tight_enc e;
	struct tight_dec d;
	struct wbuf w = {0};
	u64 wrong = 0;

	assert_int_equal(tight_enc_init(&e), 0);
	assert_int_equal(tight_dec_init(&d), 0);
	draw(&a, whole, PIC_SHADES);
	tight_put(&e, &rfb_bgrx, &a, whole, 1, 8, &w);
	assert_int_equal(w.p[0], 0x90);
	assert_int_equal(tight_get(&d, w.p, w.n, &b, whole), (ssize_t)w.n);
	for (u32 y = 0; y < H; y++)
		for (u32 x = 0; x < W; x++)
			for (u32 s = 0; s < 24; s += 8) {
				s32 v = (s32)(*image_at(&a, x, y) >> s & 255) -
					(s32)(*image_at(&b, x, y) >> s & 255);
				wrong += (u64)(v * v);
			}
	assert_true(wrong / (W * H * 3) < 200); /* a likeness, not the picture */
	w.p[w.n / 2] ^= 0x55;			/* cut short or spoilt, it must not hurt */
	assert_true(tight_get(&d, w.p, w.n, &b, whole) != 0);
	assert_int_equal(tight_get(&d, w.p, w.n, &b, (struct rect){0, 0, 8, 8}), ERR_CORRUPT);
	tight_enc_free(&e);
	tight_dec_free(&d);
	wbuf_free(&w);
}

static void test_exact(void **state)
{
	struct exact_enc e;
	struct exact_dec d;
	struct tileset set, painted;
	struct wbuf w = {0};

	assert_int_equal(exact_enc_init(&e), 0);
	assert_int_equal(exact_dec_init(&d), 0);
	assert_int_equal(tileset_alloc(&set, W, H), 0);
	assert_int_equal(tileset_alloc(&painted, W, H), 0);
	for (int i = 0; i < 100; i++) {
		u32 next = 0, total = set.cols * set.rows;

		draw(&a, some_rect(), rnd(PIC_KINDS));
		tileset_clear(&set);
		tileset_clear(&painted);
		for (u32 t = 0; t < total; t++)
			if (!i || rnd(3) == 0)
				tileset_add(&set, t);
		while ((next = tileset_next(&set, next)) < total) {
			w.n = 0;
			assert_int_equal(exact_pack(&e, &a, &set, &next, 1 + rnd(30), rnd(3), &w),
					 0);
			assert_int_equal(exact_unpack(&d, w.p, w.n, &b, &painted), 0);
		}
		assert_memory_equal(set.bits, painted.bits, set.words * 8);
		tileset_for(&set, t)
		    assert_true(same_picture(&a, &b, tile_rect(set.cols, t, W, H)));
	}
	exact_enc_free(&e);
	exact_dec_free(&d);
	tileset_free(&set);
	tileset_free(&painted);
	wbuf_free(&w);
}

static void test_exact_refuses(void **state)
{
	struct exact_enc e;
	struct exact_dec d;
	struct tileset set;
	struct wbuf w = {0};
	u32 next = 0;

	assert_int_equal(exact_enc_init(&e), 0);
	assert_int_equal(exact_dec_init(&d), 0);
	assert_int_equal(tileset_alloc(&set, W, H), 0);
	tileset_add(&set, 3);
	assert_int_equal(exact_pack(&e, &a, &set, &next, 9, EXACT_SHADED, &w), 0);
	assert_int_equal(exact_unpack(&d, w.p, 0, &b, &set), ERR_CORRUPT);
	assert_true(exact_unpack(&d, w.p, w.n - 1, &b, &set) < 0);
	w.p[9] = 2; /* two tiles promised, pixels of one sent */
	assert_int_equal(exact_unpack(&d, w.p, w.n, &b, &set), ERR_CORRUPT);
	w.p[9] = 1;
	w.p[4] = 0x7f; /* a tile far outside */
	assert_int_equal(exact_unpack(&d, w.p, w.n, &b, &set), ERR_RANGE);
	exact_enc_free(&e);
	exact_dec_free(&d);
	tileset_free(&set);
	wbuf_free(&w);
}

/* Copies and changed tiles together must make the old picture the new one. */
static void follow(struct grid *g, struct image *held, const struct image *now)
{
	for (u32 i = 0; i < g->ncopies; i++)
		image_move(held, g->copies[i].sx, g->copies[i].sy, g->copies[i].to);
	tileset_for(&g->changed, t)
	{
		struct rect r = tile_rect(g->changed.cols, t, now->w, now->h);

		for (u32 y = r.y; y < (u32)r.y + r.h; y++)
			memcpy(image_at(held, r.x, y), image_at(now, r.x, y), (size_t)r.w * 4);
	}
}

static void test_grid(void **state)
{
	struct grid g;
	struct tileset damage;
	u32 copies = 0;

	assert_int_equal(grid_alloc(&g, W, H, 1234567), 0);
	assert_int_equal(tileset_alloc(&damage, W, H), 0);
	for (int i = 0; i < 200; i++) {
		tileset_clear(&damage);
		if (!i || i % 3 == 0) {
			struct rect r = i ? some_rect() : whole;
			draw(&a, r, rnd(PIC_KINDS));
			tileset_add_rect(&damage, r);
		} else { /* part of it scrolls, new rows come in */
			struct rect r = some_rect();
			u16 by = (u16)(1 + rnd(20));
			if (r.h <= by + 1)
				continue;
			tileset_add_rect(&damage, r);
			if (i % 2) {
				image_move(&a, r.x, (u32)r.y + by,
					   (struct rect){r.x, r.y, r.w, (u16)(r.h - by)});
			} else {
				image_move(
				    &a, r.x, r.y,
				    (struct rect){r.x, (u16)(r.y + by), r.w, (u16)(r.h - by)});
			}
			draw(&a, (struct rect){r.x, r.y, r.w, by}, PIC_LETTERS);
		}
		grid_scan(&g, &a, &damage);
		copies += g.ncopies;
		follow(&g, &b, &a);
		assert_true(same_picture(&a, &b, whole));
	}
	assert_true(copies > 10);
	grid_free(&g);
	tileset_free(&damage);
}

static void keep(void *ctx, const u8 *p, size_t n)
{
	put_bytes(ctx, p, n);
}

static void test_video(void **state)
{
	struct wbuf au = {0};
	struct rect r = {64, 16, 192, 96};
	struct video_conf conf = {
	    .w = r.w, .h = r.h, .fps = 30, .threads = 1, .emit = keep, .ctx = &au};
	struct video_enc *e = video_x264.open(&conf);
	struct video_dec *d = video_dec_open(video_x264.format, 1);
	struct tileset painted;
	u8 mask[4] = {0xff, 0xff, 0xff, 0xff};
	bool key;

	assert_non_null(e);
	assert_non_null(d);
	assert_int_equal(tileset_alloc(&painted, W, H), 0);
	for (u32 i = 0; i < 6; i++) {
		u64 wrong = 0;

		draw(&a, whole, i < 3 ? PIC_SHADES : PIC_TWO);
		au.n = 0;
		video_x264.load(e, image_at(&a, r.x, r.y), a.stride, NULL);
		assert_int_equal(video_x264.encode(e, i == 0, &key), 0);
		assert_int_equal(key, i == 0);
		size_t n = au.n;
		put_zero(&au, VIDEO_PADDING);
		assert_int_equal(video_dec_paint(d, au.p, n, r, mask, &b, &painted), 0);
		for (u32 y = r.y; y < (u32)r.y + r.h; y++)
			for (u32 x = r.x; x < (u32)r.x + r.w; x++)
				for (u32 s = 0; s < 24; s += 8) {
					s32 v = (s32)(*image_at(&a, x, y) >> s & 255) -
						(s32)(*image_at(&b, x, y) >> s & 255);
					wrong += (u64)(v * v);
				}
		assert_true(wrong / ((u64)r.w * r.h * 3) < 60); /* better than 30 dB */
	}
	assert_int_equal(tileset_count(&painted), 3 * 6);
	assert_int_equal(video_dec_paint(d, au.p, au.n - VIDEO_PADDING, (struct rect){0, 0, 64, 64},
					 mask, &b, &painted),
			 ERR_CORRUPT);
	video_x264.close(e);
	video_dec_close(d);
	tileset_free(&painted);
	wbuf_free(&au);
}

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static void test_png(void **state)
{
	char *mem = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&mem, &size);
	struct wbuf packed = {0};

	assert_int_equal(png_write(f, &a), 0);
	fclose(f);
	const u8 *p = (const u8 *)mem;
	assert_memory_equal(p, "\x89PNG\r\n\x1a\n", 8);
	for (size_t at = 8; at < size; at += 12 + be32(p + at)) {
		u32 n = be32(p + at);

		assert_int_equal(be32(p + at + 8 + n), (u32)crc32(0, p + at + 4, n + 4));
		if (!memcmp(p + at + 4, "IHDR", 4))
			assert_true(be32(p + at + 8) == W && be32(p + at + 12) == H);
		if (!memcmp(p + at + 4, "IDAT", 4))
			put_bytes(&packed, p + at + 8, n);
	}
	uLongf n = (W * 3 + 1) * H;
	u8 *raw = malloc(n), *row = raw;
	assert_int_equal(uncompress(raw, &n, packed.p, packed.n), Z_OK);
	assert_int_equal(n, (W * 3 + 1) * H);
	for (u32 y = 0; y < H; y++, row += W * 3 + 1) {
		assert_int_equal(row[0], 2);
		for (u32 x = 0; x < W * 3; x++)
			row[1 + x] = (u8)(row[1 + x] + (y ? row[(s32)x - (s32)W * 3] : 0));
		for (u32 x = 0; x < W; x++)
			assert_int_equal(*image_at(&a, x, y), (u32)row[1 + x * 3] << 16 |
								  (u32)row[2 + x * 3] << 8 |
								  row[3 + x * 3]);
	}
	free(raw);
	free(mem);
	wbuf_free(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_zrle, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tight, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tight_jpeg, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_exact_refuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_grid, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_video, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_png, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
