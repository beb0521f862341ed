/* Pictures in motion are as near to the desktop as JPEGs of quality 92, for no more effort than that takes. */
#include "tests/stream/unit/pictures.h"

#include <math.h>

#include "viewer/codec/effort.h"
#include "viewer/codec/jpeg.h"
#include "viewer/codec/video_dec.h"
#include "viewer/codec/video_enc.h"

#define W 320u
#define H 192u

static struct image a, b;
static struct wbuf coded, jpeg;
static const struct rect whole = {0, 0, W, H};

static int setup(void **state)
{
	random_state = 88172645463325252ull;
	coded = jpeg = (struct wbuf){0};
	assert_int_equal(image_alloc(&a, W, H), 0);
	assert_int_equal(image_alloc(&b, W, H), 0);
	return 0;
}

static int teardown(void **state)
{
	image_free(&a);
	image_free(&b);
	wbuf_free(&coded);
	wbuf_free(&jpeg);
	return 0;
}

static void gather(void *ctx, const u8 *p, size_t n)
{
	put_bytes(&coded, p, n);
}

static u32 bits(u32 x)
{
	x = (x ^ x >> 15) * 0x2c1b3c6du;
	return (x ^ x >> 12) * 0x297a2d39u >> 24;
}

/* What moves across the screen: shades, bands like a seismic section's, the same under noise. */
static u32 scene(u32 kind, u32 x, u32 y, u32 t)
{
	s32 wave = (s32)(127 * sin(x * 0.11 + 2 * sin(y * 0.05)));
	s32 noise = kind == 2 ? (s32)(bits((t * 911 + x) * 2053 + y) & 63) - 32 : 0;
	s32 v = 128 + wave * 3 / 4 + noise;

	if (kind == 0)
		return ((x / 2 + y) & 255) << 16 | ((y / 2) & 255) << 8 | ((x / 4) & 255);
	v = v < 0 ? 0 : v > 255 ? 255 : v;
	return (u32)v << 16 | (u32)(255 - v) << 8 | (u32)(v / 2 + 60);
}

static void paint(u32 kind, u32 t)
{
	for (u32 y = 0; y < H; y++)
		for (u32 x = 0; x < W; x++)
			*image_at(&a, x, y) = scene(kind, x + 3 * t, y + t, t);
}

static double jpeg_error(void)
{
	jpeg.n = 0;
	assert_int_equal(jpeg_put(&a, whole, 92, false, &jpeg), 0);
	assert_int_equal(jpeg_get(jpeg.p, jpeg.n, &b, whole), 0);
	return mean_square(&a, &b, whole);
}

/* The mean errors of some pictures, by the video and by JPEG; bytes by each. */
struct sums {
	double video, jpeg;
	size_t video_bytes, jpeg_bytes;
};

static void play(struct video_enc *e, struct video_dec *d, u32 kind, u32 from, u32 to,
		 struct sums *s)
{
	for (u32 t = from; t < to; t++) {
		bool key;

		paint(kind, t);
		s->jpeg += jpeg_error() / (to - from);
		s->jpeg_bytes += jpeg.n;
		coded.n = 0;
		video_x264.load(e, a.px, a.stride, NULL);
		assert_int_equal(video_x264.encode(e, t == 0, &key), 0);
		size_t n = coded.n;
		s->video_bytes += n;
		put_zero(&coded, VIDEO_PADDING);
		assert_int_equal(video_dec_show(d, coded.p, n, whole, &b), 1);
		s->video += mean_square(&a, &b, whole) / (to - from);
	}
}

static double db(const struct sums *s)
{
	return 10 * log10(s->jpeg / s->video);
}

static struct video_enc *open_x264(u32 kbps, u32 effort)
{
	struct video_conf c = {.w = W,
			       .h = H,
			       .fps = 30,
			       .kbps = kbps,
			       .threads = 2,
			       .effort = effort,
			       .emit = gather};
	struct video_enc *e = video_x264.open(&c);

	assert_non_null(e);
	return e;
}

/* Not worse than the JPEG, nor much better; from the first picture on not far from it. */
static void test_as_near(void **state)
{
	for (u32 kind = 0; kind < 3; kind++)
		for (u32 effort = 0; effort < 4; effort++) {
			struct video_enc *e = open_x264(0, effort);
			struct video_dec *d = video_dec_open(VIDEO_H264_444, 1);
			struct sums first = {0}, rest = {0};

			play(e, d, kind, 0, 1, &first);
			play(e, d, kind, 1, 40, &rest);
			print_message(
			    "scene %u, effort %u: %+.2f dB, first picture %+.2f dB, %.2f of its bytes\n",
			    kind, effort, db(&rest), db(&first),
			    (double)rest.video_bytes / (double)rest.jpeg_bytes);
			if (db(&rest) < 0 || db(&rest) > 1.5)
				fail_msg("scene %u, effort %u: %+.2f dB beside JPEG", kind, effort,
					 db(&rest));
			if (fabs(db(&first)) > 3)
				fail_msg("scene %u, effort %u: first picture %+.2f dB", kind,
					 effort, db(&first));
			video_x264.close(e);
			video_dec_close(d);
		}
}

/* What is in the rectangle but not shown, as it goes exactly, makes the rest neither finer nor coarser. */
static void test_painted(void **state)
{
	const struct rect shown = {0, 0, W / 5 * 2, H}; /* two tiles of five */
	u8 painted[(W / TILE_W * (H / TILE_H) + 7) / 8] = {0};
	struct video_enc *e = open_x264(0, 1);
	struct video_dec *d = video_dec_open(VIDEO_H264_444, 1);
	double video = 0, others = 0;

	for (u32 i = 0; i < W / TILE_W * (H / TILE_H); i++)
		if (i % (W / TILE_W) < 2)
			painted[i / 8] |= (u8)(0x80 >> i % 8);
	for (u32 t = 0; t < 40; t++) {
		bool key;

		paint(1, t);
		for (u32 y = 0; y < H; y++)
			for (u32 x = shown.w; x < W; x++)
				*image_at(&a, x, y) = bits((t * 911 + x) * 2053 + y) * 0x10101;
		jpeg_error();
		others += mean_square(&a, &b, shown);
		coded.n = 0;
		video_x264.load(e, a.px, a.stride, painted);
		assert_int_equal(video_x264.encode(e, t == 0, &key), 0);
		size_t n = coded.n;
		put_zero(&coded, VIDEO_PADDING);
		assert_int_equal(video_dec_show(d, coded.p, n, whole, &b), 1);
		if (t)
			video += mean_square(&a, &b, shown);
		else
			others = 0;
	}
	double better = 10 * log10(others / video);
	print_message("what is shown of it: %+.2f dB\n", better);
	if (better < 0 || better > 1.5)
		fail_msg("%+.2f dB beside JPEG where it is shown", better);
	video_x264.close(e);
	video_dec_close(d);
}

/* A link that carries less rules; what it spoiled does not make the pictures after it too fine. */
static void test_limit(void **state)
{
	struct video_enc *e = open_x264(2000, 3);
	struct video_dec *d = video_dec_open(VIDEO_H264_444, 1);
	struct sums narrow = {0}, after = {0}, rest = {0};

	play(e, d, 2, 0, 40, &narrow);
	if (narrow.video_bytes > 40u * 2000 / 8 * 1000 / 30 * 5 / 4)
		fail_msg("%zu bytes where %u fit", narrow.video_bytes, 40u * 2000 / 8 * 1000 / 30);
	assert_true(db(&narrow) < -3);
	assert_int_equal(video_x264.rate(e, 0), 0);
	play(e, d, 2, 40, 43, &after);
	play(e, d, 2, 43, 70, &rest);
	print_message("narrow %+.2f dB; wide again %+.2f dB, then %+.2f dB\n", db(&narrow),
		      db(&after), db(&rest));
	assert_true(db(&after) < 3);
	if (db(&rest) < 0 || db(&rest) > 1.5)
		fail_msg("%+.2f dB beside JPEG after a narrow link", db(&rest));
	video_x264.close(e);
	video_dec_close(d);
}

/* What an effort would make of the pictures: size and time for each. */
static u32 settle(struct effort *e, const double size[EFFORTS], const double time[EFFORTS],
		  u32 pictures)
{
	while (pictures--) {
		u32 before = e->now;
		bool changed = effort_judge(e, size[e->now], time[e->now]);

		assert_int_equal(changed, e->now != before);
		assert_true(e->now <= e->most);
	}
	return e->now;
}

static void test_effort(void **state)
{
	static const double quick[EFFORTS] = {.1, .12, .2, .3, .4},
			    slow[EFFORTS] = {.5, .9, 1, 2, 3},
			    tight[EFFORTS] = {.2, .3, .6, .7, .9};
	static const double small[EFFORTS] = {.45, .40, .38, .36, .34},
			    large[EFFORTS] = {.70, .60, .55, .50, .48},
			    tiny[EFFORTS] = {.2, .18, .16, .15, .14},
			    useless[EFFORTS] = {.9, .89, .88, .6, .595},
			    leap[EFFORTS] = {1.2, 1.1, .8, .3, .29};
	struct effort e;

	e = (struct effort){.now = 1, .most = 4};
	assert_int_equal(settle(&e, small, quick, 100), 1); /* enough as it is */
	assert_int_equal(settle(&e, large, quick, 100), 3); /* until it is */
	assert_int_equal(settle(&e, small, quick, 100), 3);
	assert_int_equal(settle(&e, tiny, quick, 1000), 0); /* and back */
	e = (struct effort){.now = 1, .most = 4};
	assert_int_equal(settle(&e, useless, quick, 100), 3); /* the last step does not pay */
	e = (struct effort){.now = 0, .most = 4};
	assert_int_equal(settle(&e, leap, quick, 30),
			 3); /* and no step down that is known to fail */
	assert_int_equal(settle(&e, leap, quick, 200), 3);
	assert_int_equal(settle(&e, tiny, quick, 1000), 0); /* but what is known grows old */
	e = (struct effort){.now = 1, .most = 2};
	assert_int_equal(settle(&e, large, quick, 100), 2);
	e = (struct effort){.now = 1, .most = 4};
	assert_int_equal(settle(&e, large, slow, 100), 0); /* too late, whatever the size */
	e = (struct effort){.now = 1, .most = 4};
	assert_int_equal(settle(&e, large, tight, 100), 2); /* no time for more */
	e = (struct effort){.now = 0, .most = 0};
	assert_int_equal(settle(&e, large, quick, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_as_near, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_painted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	    cmocka_unit_test(test_effort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
