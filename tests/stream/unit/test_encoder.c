/* 4:2:0 by libavcodec: its colours, its rate, its keys; and what takes over where it cannot be had. */
#include "tests/stream/unit/pictures.h"

#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/coder.h"
#include "viewer/agent/encoder.h"
#include "viewer/codec/video_dec.h"

#define W 320u
#define H 192u

static struct image a, b;
static struct wbuf coded;
static char logged[2048];

/* The agent's log is this test's. */
void agent_log(const char *format, ...) __printf(1, 2);
void agent_log(const char *format, ...)
{
	size_t n = strlen(logged);
	va_list ap;

	va_start(ap, format);
	vsnprintf(logged + n, sizeof(logged) - n, format, ap);
	va_end(ap);
}

static int setup(void **state)
{
	*logged = 0;
	coded = (struct wbuf){0};
	assert_int_equal(image_alloc(&a, W, H), 0);
	assert_int_equal(image_alloc(&b, W, H), 0);
	return 0;
}

static int teardown(void **state)
{
	image_free(&a);
	image_free(&b);
	wbuf_free(&coded);
	return 0;
}

static void gather(void *ctx, const u8 *p, size_t n)
{
	put_bytes(&coded, p, n);
}

/* Soft shades that wander: what 4:2:0 can carry. */
static void paint(u32 t)
{
	for (u32 y = 0; y < H; y++)
		for (u32 x = 0; x < W; x++)
			*image_at(&a, x, y) =
			    (x * 255 / W) << 16 | ((y + t) % 256) << 8 | (255 - x * 255 / W);
}

static double psnr(void)
{
	double sum = 0;

	for (u32 y = 0; y < H; y++)
		for (u32 x = 0; x < W; x++)
			for (int s = 0; s < 24; s += 8) {
				double d = (int)(*image_at(&a, x, y) >> s & 255) -
					   (int)(*image_at(&b, x, y) >> s & 255);
				sum += d * d;
			}
	return 10 * log10(255. * 255 * W * H * 3 / (sum + 1));
}

static void test_colours(void **state)
{
	static const struct rect whole = {0, 0, W, H};

	for (u8 colour = 0; colour < YUV_COLOURS; colour++) {
		struct video_conf c = {
		    .w = W, .h = H, .fps = 30, .threads = 1, .colour = colour, .emit = gather};
		struct video_enc *e = video_soft.open(&c);
		struct video_dec *d = video_dec_open(VIDEO_H264_420, 1);
		bool key;

		assert_true(e && d);
		for (u32 t = 0; t < 12; t++) {
			paint(t);
			coded.n = 0;
			video_soft.load(e, a.px, a.stride);
			assert_int_equal(video_soft.encode(e, t == 8, &key), 0);
			if (key != (t == 0 || t == 8))
				fail_msg("colour %u, picture %u: key %d", colour, t, key);
			size_t n = coded.n;
			put_zero(&coded, VIDEO_PADDING);
			assert_int_equal(video_dec_show(d, coded.p, n, whole, &b), 1);
			if (psnr() < 34)
				fail_msg("colour %u, picture %u: %.1f dB", colour, t, psnr());
			if (t == 5)
				assert_int_equal(video_soft.rate(e, 800), 0);
		}
		video_soft.close(e);
		video_dec_close(d);
	}
}

/* Several pictures in one piece, a larger one, a smaller one, and junk. */
static void test_pieces(void **state)
{
	struct video_conf c = {
	    .w = W, .h = H, .fps = 30, .threads = 1, .emit = gather, .colour = YUV_601};
	struct video_enc *e = video_soft.open(&c);
	struct video_dec *d = video_dec_open(VIDEO_H264_420, 1);
	static const struct rect whole = {0, 0, W, H}, part = {4, 2, W - 8, H - 6};
	bool key;

	assert_true(e && d);
	for (u32 t = 0; t < 3; t++) {
		paint(t);
		video_soft.load(e, a.px, a.stride);
		assert_int_equal(video_soft.encode(e, false, &key), 0);
	}
	size_t n = coded.n;
	put_zero(&coded, VIDEO_PADDING);
	assert_int_equal(video_dec_show(d, coded.p, n, whole, &b), 1);
	assert_true(psnr() > 34);
	assert_int_equal(video_dec_show(d, coded.p, n, part, &b), 1);
	assert_int_equal(video_dec_show(d, coded.p, 0, whole, &b), 0);
	struct image large;
	assert_int_equal(image_alloc(&large, W * 2, H), 0);
	assert_true(video_dec_show(d, coded.p, n, (struct rect){0, 0, W * 2, H}, &large) < 0);
	image_free(&large);
	video_dec_close(d);
	d = video_dec_open(VIDEO_H264_420, 1);
	video_dec_limit(d, W * H / 2);
	assert_true(video_dec_show(d, coded.p, n, whole, &b) <= 0); /* before memory is taken */
	for (size_t i = 0; i < n; i++)
		coded.p[i] = (u8)rnd(256);
	assert_true(video_dec_show(d, coded.p, n, whole, &b) <= 0);
	video_dec_close(d);
	video_soft.close(e);
}

static struct video_enc *never(const struct video_conf *c)
{
	snprintf(c->why, c->why_n, "the card is asleep");
	return NULL;
}

static struct video_enc *stubborn(const struct video_conf *c)
{
	return video_soft.open(c);
}

static int no_rate(struct video_enc *e, u32 kbps)
{
	return ERR_UNSUPPORTED;
}

static void wait_for(int fd, struct coder *c)
{
	struct pollfd p = {fd, POLLIN, 0};
	u64 n;

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	assert_true(coder_finished(c));
	assert_int_equal(c->result, 0);
	assert_true(c->out.n > 0);
}

static void test_takes_over(void **state)
{
	struct video_enc_ops card = video_soft;
	static const struct rect whole = {0, 0, W, H};
	int event = eventfd(0, EFD_CLOEXEC);
	struct coder c;

	card.name = "a card";
	card.open = never;
	paint(0);
	/* Nothing else will do: it fails, and says so by its status. */
	assert_int_equal(coder_init(&c, &card, 1, 0, event), 0);
	assert_int_equal(coder_start(&c, &a, whole, false, 0), ERR_UNSUPPORTED);
	coder_close(&c);
	/* With x264 instead. */
	assert_int_equal(coder_init(&c, &card, 1, 0, event), 0);
	c.instead = &video_x264;
	assert_int_equal(coder_start(&c, &a, whole, false, 0), 0);
	wait_for(event, &c);
	assert_true(c.is_key && c.ops == &video_x264);
	assert_string_equal(c.refused, "a card cannot code 320x192: the card is asleep");
	coder_close(&c);
	/* One that does not take another rate is opened anew, with a key. */
	card.open = stubborn;
	card.rate = no_rate;
	assert_int_equal(coder_init(&c, &card, 1, 0, event), 0);
	assert_int_equal(coder_start(&c, &a, whole, false, 0), 0);
	wait_for(event, &c);
	assert_int_equal(coder_start(&c, &a, whole, false, 5000), ERR_UNSUPPORTED);
	assert_int_equal(coder_start(&c, &a, whole, false, 5000), 0);
	wait_for(event, &c);
	assert_true(c.is_key);
	coder_close(&c);
	close(event);
}

static void test_choice(void **state)
{
	char why[256] = "";
	struct config c = {.encoder = "soft"};

	assert_ptr_equal(encoder_choose(&c, why, sizeof(why)), &video_soft);
	assert_non_null(strstr(logged, "coded by libavcodec x264 4:2:0"));
	strcpy(c.encoder, "x264");
	assert_ptr_equal(encoder_choose(&c, why, sizeof(why)), &video_x264);
	/* No card answers to this name, whatever the machine has. */
	*logged = 0;
	strcpy(c.encoder, "vaapi");
	strcpy(c.encoder_device, "/dev/dri/none-such");
	assert_ptr_equal(encoder_choose(&c, why, sizeof(why)), &video_x264);
	assert_non_null(strstr(logged, "vaapi cannot be used: no device /dev/dri/none-such"));
	assert_non_null(strstr(logged, "by x264 4:4:4 instead"));
	*logged = 0;
	strcpy(c.encoder, "auto");
	assert_non_null(encoder_choose(&c, why, sizeof(why)));
	assert_non_null(strstr(logged, "moving pictures are coded by"));
	strcpy(c.encoder, "best");
	assert_null(encoder_choose(&c, why, sizeof(why)));
	assert_non_null(strstr(why, "'best'"));
	/* What has odd sides, or no sides, is refused with a reason. */
	struct video_conf odd = {.w = 33,
				 .h = 16,
				 .fps = 30,
				 .threads = 1,
				 .emit = gather,
				 .why = why,
				 .why_n = sizeof(why)};
	*why = 0;
	assert_null(video_soft.open(&odd));
	assert_true(*why);
	video_device("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_colours, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_takes_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
