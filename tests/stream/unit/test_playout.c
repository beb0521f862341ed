/* Pictures that a network held up and handed over in a bunch: each is to be seen, none to stay late. */
#include "tests/stream/unit/pictures.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "viewer/client/client.h"
#include "viewer/codec/video_enc.h"

#define GAP	33000u /* between two pictures */
#define TRANSIT 60000u
#define CLOCK	77000000u /* by so much the agent's clock is ahead */

/* ---- the clockwork alone -------------------------------------------------------------------- */

#define N 40u

static struct {
	u64 arrives, shown;
} pic[N];

/* Plays N pictures, captured a GAP apart, that arrive as pic says. */
static void play(struct playout *p)
{
	u32 come = 0, next = 0;

	*p = (struct playout){0};
	for (u64 now = 0; next < N; now += 500) {
		while (come < N && pic[come].arrives <= now) {
			playout_arrived(p, come * GAP + CLOCK, pic[come].arrives);
			come++;
		}
		while (next < come && playout_due(p, next * GAP + CLOCK) <= now) {
			playout_taken(p, next * GAP + CLOCK, true, now);
			pic[next++].shown = now;
		}
	}
}

static void test_even(void **state)
{
	struct playout p;

	for (u32 i = 0; i < N; i++) /* as late as half a picture, now and then */
		pic[i].arrives = i * GAP + TRANSIT + rnd(GAP / 2);
	play(&p);
	for (u32 i = 0; i < N; i++)
		assert_true(pic[i].shown - pic[i].arrives < 500); /* never held */
}

static void test_stall(void **state)
{
	struct playout p;

	/* A lost packet of picture 10 holds up four of them. */
	for (u32 i = 0; i < N; i++)
		pic[i].arrives = i * GAP + TRANSIT;
	for (u32 i = 10; i < 14; i++)
		pic[i].arrives = 14 * GAP + TRANSIT - 5000;
	play(&p);
	for (u32 i = 11; i < N; i++) /* each is there for half of its own time */
		assert_in_range(pic[i].shown - pic[i - 1].shown, GAP / 2 - 500, 10 * GAP);
	assert_true(pic[10].shown - pic[10].arrives < 500);
	for (u32 i = 18; i < N; i++) /* and soon all is as before */
		assert_true(pic[i].shown - pic[i].arrives < 500);
	assert_false(p.behind);
}

static void test_drift(void **state)
{
	struct playout p = {0};

	/* Another route takes longer for good: what is late by the old measure is held no more. */
	for (u32 i = 0; i < 600; i++) {
		u64 now = i * GAP + TRANSIT + (i > 100 ? 90000 : 0);

		if (i == 101 || i == 102)
			now = 102 * GAP + TRANSIT + 90000;
		playout_arrived(&p, i * GAP + CLOCK, now);
		u64 due = playout_due(&p, i * GAP + CLOCK);
		playout_taken(&p, i * GAP + CLOCK, true, due > now ? due : now);
	}
	assert_false(p.behind);
}

static void test_lies(void **state)
{
	struct playout p = {0};

	/* Whatever times a server tells, nothing waits for longer than half of a tenth of a second. */
	for (u32 i = 0; i < 10000; i++) {
		u64 now = i * 1000, capture = (u64)rnd(UINT32_MAX) << rnd(32);

		playout_arrived(&p, capture, now);
		assert_true(playout_due(&p, capture) <= now + 50000);
		playout_taken(&p, capture, true, now);
	}
}

/* ---- through the wire ----------------------------------------------------------------------- */

static struct client_conf conf;
static struct client c;
static int far = -1;
static struct wbuf sent;

static int setup(void **state)
{
	struct native_heads h = {128, 32, 1, {{0, 0, 128, 32}}};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	c = (struct client){
	    .conf = &conf, .state = CLIENT_IN, .native = true, .pinged_us = client_now()};
	net_init(&c.net, ends[0]);
	c.net.in.limit = 1u << 20;
	client_sound_init(&c);
	assert_int_equal(client_resize(&c, &h), 0);
	far = ends[1];
	return 0;
}

static int teardown(void **state)
{
	client_close(&c, true);
	wbuf_free(&sent);
	close(far);
	return 0;
}

/* A picture by video that paints nothing but counts; the decoder is not what is tried here. */
static void put_picture(u32 seq, u64 capture)
{
	struct native_commit k = {.seq = seq, .capture_us = capture};

	native_put_commit(&sent, &k);
}

static void deliver(void)
{
	assert_int_equal(send(far, sent.p, sent.n, 0), (ssize_t)sent.n);
	sent.n = 0;
	client_ready(&c, POLLIN);
	assert_int_equal(c.state, CLIENT_IN);
}

static void test_one_at_a_time(void **state)
{
	u64 now = client_now();

	put_picture(1, now);
	put_picture(2, now + 1);
	native_put_u64(&sent, CH_CONTROL, CTL_PONG, now);
	put_picture(3, now + 2);
	deliver();
	/* The first is to be shown, the others wait, and the answer to a ping does not. */
	assert_true(c.committed && c.more);
	assert_int_equal(c.seq, 1);
	assert_true(c.rtt_us > 0);
	for (u32 seq = 2; seq <= 3; seq++) {
		client_shown(&c, 0);
		assert_true(client_due(&c) <= client_now());
		client_tick(&c);
		assert_true(c.committed);
		assert_int_equal(c.seq, seq);
	}
	assert_false(c.more);
}

static void test_held(void **state)
{
	u64 now = client_now();

	/* Late already: a bunch came. */
	put_picture(1, now - 90000);
	deliver();
	client_shown(&c, 0);
	c.playout.behind = true;
	put_picture(2, now - 50000);
	deliver();
	assert_false(c.committed);
	assert_true(c.more);
	u64 due = client_due(&c);
	assert_in_range(due - now, 19000, 40000); /* half of 40 ms after the first */
	client_tick(&c);
	assert_false(c.committed); /* too early */
	usleep((useconds_t)(due - client_now()));
	client_tick(&c);
	assert_true(c.committed);
	assert_int_equal(c.seq, 2);
}

static void keep(void *ctx, const u8 *p, size_t n)
{
	put_bytes(ctx, p, n);
}

/* A coder that failed in the middle of a picture takes back what it sent: the next one is whole. */
static void test_void(void **state)
{
	struct wbuf au = {0};
	struct rect r = {0, 0, 128, 32};
	struct video_conf v = {
	    .w = r.w, .h = r.h, .fps = 30, .threads = 1, .emit = keep, .ctx = &au};
	struct video_enc *e = video_x264.open(&v);
	u8 mask[1] = {0xf0}, stream = 0;
	struct native_commit k = {.seq = 1, .n = 1};
	static struct image img;
	bool key;

	assert_int_equal(image_alloc(&img, r.w, r.h), 0);
	draw(&img, r, PIC_SHADES);
	video_x264.load(e, img.px, img.stride, NULL);
	put_u8(&au, stream);
	assert_int_equal(video_x264.encode(e, true, &key), 0);
	k.video[0] = (struct native_video){0, VIDEO_H264_444, true, r, mask, sizeof(mask)};
	/* Half a picture, an exact change that overtakes it, and the end of it. */
	native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, au.p, (u32)au.n / 2);
	put_picture(1, 1);
	native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, &stream, 1);
	native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, au.p, (u32)au.n);
	k.seq = 2;
	native_put_commit(&sent, &k);
	deliver();
	client_shown(&c, 0);
	client_tick(&c);
	assert_int_equal(c.seq, 2);
	assert_int_equal(c.videos, 1);
	assert_non_null(c.video[0]); /* the decoder did not lose its way */
	assert_int_equal(tileset_count(&c.painted), 4);
	/* The pieces of a picture may come with others' commits in between. */
	au.n = 1;
	video_x264.load(e, img.px, img.stride, NULL);
	assert_int_equal(video_x264.encode(e, false, &key), 0);
	client_shown(&c, 0);
	native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, au.p, (u32)au.n / 2);
	put_picture(3, 1);
	au.p[au.n / 2 - 1] = stream;
	native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, au.p + au.n / 2 - 1,
			 (u32)(au.n - au.n / 2 + 1));
	k.seq = 4;
	k.video[0].key = false;
	native_put_commit(&sent, &k);
	deliver();
	client_shown(&c, 0);
	client_tick(&c);
	assert_int_equal(c.seq, 4);
	assert_int_equal(c.videos, 2);
	assert_non_null(c.video[0]);
	video_x264.close(e);
	image_free(&img);
	wbuf_free(&au);
}

static void test_flood(void **state)
{
	u8 junk[1000] = {0};

	/* A server that keeps to no credit cannot fill our memory behind a picture. */
	put_picture(1, client_now());
	deliver();
	for (u32 i = 0; i < 40000 && c.state == CLIENT_IN; i++) {
		native_put_bytes(&sent, CH_DISPLAY, DSP_SLICE, junk, sizeof(junk));
		assert_int_equal(send(far, sent.p, sent.n, 0), (ssize_t)sent.n);
		sent.n = 0;
		client_ready(&c, POLLIN);
	}
	assert_int_equal(c.state, CLIENT_FAILED);
	assert_true(c.later.n <= 2 * NATIVE_WINDOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_even),
	    cmocka_unit_test(test_stall),
	    cmocka_unit_test(test_drift),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_held, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_void, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
