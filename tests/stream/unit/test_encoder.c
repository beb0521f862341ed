/* 4:2:0 by libavcodec: its colours, its rate, its keys; and what takes over where it cannot be had. */
#include "tests/stream/unit/pictures.h"

#include <math.h>
#include <poll.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/coder.h"
#include "viewer/agent/encoder.h"
#include "viewer/agent/native_video.h"
#include "viewer/codec/slices.h"
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
	const struct rect whole = {0, 0, W, H};

	return 10 * log10(255. * 255 / (mean_square(&a, &b, whole) + 1e-5));
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
			video_soft.load(e, a.px, a.stride, NULL);
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
		video_soft.load(e, a.px, a.stride, NULL);
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
	assert_int_equal(coder_start(&c, &a, whole, NULL, false, 0), ERR_UNSUPPORTED);
	coder_close(&c);
	/* With x264 instead. */
	assert_int_equal(coder_init(&c, &card, 1, 0, event), 0);
	c.instead = &video_x264;
	assert_int_equal(coder_start(&c, &a, whole, NULL, false, 0), 0);
	wait_for(event, &c);
	assert_true(c.is_key && c.ops == &video_x264);
	assert_string_equal(c.refused, "a card cannot code 320x192: the card is asleep");
	coder_close(&c);
	/* One that does not take another rate is opened anew, with a key. */
	card.open = stubborn;
	card.rate = no_rate;
	assert_int_equal(coder_init(&c, &card, 1, 0, event), 0);
	assert_int_equal(coder_start(&c, &a, whole, NULL, false, 0), 0);
	wait_for(event, &c);
	assert_int_equal(coder_start(&c, &a, whole, NULL, false, 5000), ERR_UNSUPPORTED);
	assert_int_equal(coder_start(&c, &a, whole, NULL, false, 5000), 0);
	wait_for(event, &c);
	assert_true(c.is_key);
	coder_close(&c);
	close(event);
}

/* ---- slices --------------------------------------------------------------------------------- */

static void test_order(void **state)
{
	static const u8 text[] = "abcdefgh";
	struct slices s;

	/* Eight slices of ten macroblocks, finished in any order, go on in theirs. */
	for (u32 round = 0; round < 200; round++) {
		bool done[8] = {false};

		coded.n = 0;
		assert_int_equal(slices_init(&s, gather, NULL), 0);
		slices_begin(&s);
		slices_pass(&s, (const u8 *)"!", 1);
		for (u32 left = 8; left;) {
			u32 i = rnd(8), whole = 0;

			if (done[i])
				continue;
			done[i] = true;
			left--;
			slices_put(&s, i * 10, i * 10 + 9, text + i, 1);
			while (whole < 8 && done[whole])
				whole++;
			assert_int_equal(coded.n, 1 + whole); /* and none waits for longer */
			assert_memory_equal(coded.p + 1, text, whole);
			assert_int_equal(slices_whole(&s, 80), left == 0);
		}
		slices_free(&s);
	}
	/* Two for one place, or none for one, is no picture. */
	assert_int_equal(slices_init(&s, gather, NULL), 0);
	slices_begin(&s);
	slices_put(&s, 0, 9, text, 1);
	slices_put(&s, 0, 9, text, 1);
	assert_false(slices_whole(&s, 10));
	slices_begin(&s);
	slices_put(&s, 10, 19, text, 1);
	assert_false(slices_whole(&s, 20));
	slices_begin(&s); /* what was held is forgotten */
	slices_put(&s, 0, 9, text, 1);
	assert_true(slices_whole(&s, 10));
	slices_free(&s);
}

/* Four threads make four slices: a decoder finds them in order. */
static void test_threads(void **state)
{
	struct video_conf c = {.w = W, .h = H, .fps = 30, .threads = 4, .emit = gather};
	struct video_enc *e = video_x264.open(&c);
	struct video_dec *d = video_dec_open(VIDEO_H264_444, 1);
	struct tileset painted;
	u8 mask[64];
	bool key;

	assert_true(e && d);
	memset(mask, 0xff, sizeof(mask));
	assert_int_equal(tileset_alloc(&painted, W, H), 0);
	for (u32 t = 0; t < 40; t++) {
		paint(t);
		coded.n = 0;
		video_x264.load(e, a.px, a.stride, NULL);
		assert_int_equal(video_x264.encode(e, t == 20, &key), 0);
		assert_int_equal(key, t == 0 || t == 20);
		size_t n = coded.n;
		put_zero(&coded, VIDEO_PADDING);
		assert_int_equal(
		    video_dec_paint(d, coded.p, n, (struct rect){0, 0, W, H}, mask, &b, &painted),
		    0);
		assert_true(psnr() > 34);
	}
	tileset_free(&painted);
	video_x264.close(e);
	video_dec_close(d);
}

/* An encoder that makes two slices, waits for leave before the second, and may fail there. */
static struct video_conf slow;
static sem_t leave;
static bool breaks;

static struct video_enc *slow_open(const struct video_conf *c)
{
	slow = *c;
	return (struct video_enc *)&slow;
}

static void slow_load(struct video_enc *e, const u32 *src, u32 stride, const u8 *painted)
{
}

static int slow_encode(struct video_enc *e, bool key, bool *key_out)
{
	slow.emit(slow.ctx, (const u8 *)"first", 5);
	sem_wait(&leave);
	if (breaks)
		return ERR_INVAL;
	slow.emit(slow.ctx, (const u8 *)"second", 6);
	return 0;
}

static void slow_close(struct video_enc *e)
{
}

static const struct video_enc_ops slowly = {.name = "slow",
					    .format = VIDEO_H264_444,
					    .open = slow_open,
					    .load = slow_load,
					    .encode = slow_encode,
					    .close = slow_close};

/* The next message of the stream: a display message of that kind; its payload. */
static const u8 *message(struct net_stream *net, size_t *at, u16 kind, u32 *n)
{
	struct rbuf r = rbuf_of(net->out.p + *at, net->out.n - *at);

	assert_int_equal(get_u8(&r), RFB_NATIVE);
	assert_int_equal(get_u8(&r), CH_DISPLAY);
	assert_int_equal(get_u16(&r), kind);
	*n = get_u32(&r);
	const u8 *p = get_bytes(&r, *n);
	assert_non_null(p);
	*at += r.at;
	return p;
}

static void wait_event(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	u64 n;

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
}

/* A slice is on the wire while the next is being coded; what became of a picture is told in the end. */
static void test_early(void **state)
{
	struct desktop d = {.heads = {W, H, 1, {{0, 0, W, H}}}, .img = a};
	int event = eventfd(0, EFD_CLOEXEC);
	struct net_stream net;
	struct native_out o;
	struct link l = {0};
	u32 n;

	net_init(&net, -1);
	assert_int_equal(sem_init(&leave, 0, 0), 0);
	assert_int_equal(native_out_init(&o, &d, &slowly, 1, 0, event), 0);
	for (u32 turn = 0; turn < 2; turn++) {
		size_t at = 0;
		const u8 *p;

		net.out.n = 0;
		breaks = turn == 1;
		tileset_clear(&o.dirty);
		tileset_fill(&o.moving);
		native_video_start(&o, &d, now_us(), &l);
		assert_int_equal(o.coding, 1);
		assert_true(tileset_empty(&o.inexact));
		wait_event(event);
		native_out_coded(&o, &d, &net, &l);
		p = message(&net, &at, DSP_SLICE, &n);
		assert_int_equal(n, 6);
		assert_memory_equal(p, "\0first", 6);
		assert_int_equal(at, net.out.n); /* no commit yet */
		s64 credit = o.credit;
		sem_post(&leave);
		while (coder_working(&o.coders[0]))
			usleep(1000);
		native_out_coded(&o, &d, &net, &l);
		assert_int_equal(o.coding, 0);
		p = message(&net, &at, DSP_SLICE, &n);
		if (breaks) { /* what came is void; the tiles go exactly */
			assert_int_equal(n, 1);
			assert_int_equal(*p, 0);
			assert_int_equal(tileset_count(&o.dirty), o.dirty.cols * o.dirty.rows);
		} else {
			assert_int_equal(n, 7);
			assert_memory_equal(p, "\0second", 7);
			assert_int_equal(tileset_count(&o.inexact), o.dirty.cols * o.dirty.rows);
			tileset_clear(&o.inexact);
		}
		size_t slice = at;
		p = message(&net, &at, DSP_COMMIT, &n);
		assert_int_equal(p[12], !breaks); /* pictures that it names */
		assert_int_equal(at, net.out.n);
		assert_true(o.credit < credit && slice < at);
		while (read(event, &(u64){0}, 8) == 8 &&
		       poll(&(struct pollfd){event, POLLIN, 0}, 1, 0))
			continue;
	}
	native_out_free(&o);
	sem_destroy(&leave);
	wbuf_free(&net.out);
	close(event);
}

/* While video waits for the viewer, what was drawn with its scene waits; what came by itself does not. */
static void test_together(void **state)
{
	struct desktop d = {.heads = {W, H, 1, {{0, 0, W, H}}}, .img = a, .ready = true};
	u32 tiles = tiles_across(W) * tiles_down(H), drawn = tiles - 1;
	u64 now = now_us();
	struct native_out o;
	struct net_stream net;
	struct link l = {0};

	d.tiles = calloc(tiles, sizeof(*d.tiles));
	assert_non_null(d.tiles);
	assert_int_equal(tileset_alloc(&d.damage, W, H), 0);
	net_init(&net, -1);
	assert_int_equal(native_out_init(&o, &d, &video_x264, 1, 0, -1), 0);
	for (u32 y = 0; y < H; y++)
		for (u32 x = 0; x < W; x++) /* rendered, but for the last tile */
			*image_at(&a, x, y) =
			    x < W - TILE_W || y < H - TILE_H ? rnd(1 << 24) : 0xffffff;
	for (u32 i = 0; i < tiles; i++)
		d.tiles[i].changed_us = now;
	o.sent[0].seq = o.seq = 1; /* not shown yet */
	o.sent[0].us = now;
	o.nsent = 1;
	native_out_pump(&o, &d, &net, &l);
	assert_int_equal(o.coding, 0);
	assert_int_equal(tileset_count(&o.dirty), tiles);
	assert_int_equal(net.out.n, 0);
	d.tiles[drawn].changed_us = now + 20000;
	native_out_pump(&o, &d, &net, &l);
	assert_int_equal(o.coding, 0);
	assert_false(tileset_has(&o.dirty, drawn));
	assert_int_equal(tileset_count(&o.dirty), tiles - 1);
	assert_true(net.out.n > 0);
	native_out_free(&o);
	tileset_free(&d.damage);
	free(d.tiles);
	wbuf_free(&net.out);
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
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_early, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_together, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
