/* What an agent makes of TCP's figures: of wide, narrow and changing paths, without a network. */
#include "tests/stream/unit/pictures.h"

#include <math.h>

#include "viewer/agent/link.h"

#define STEP_US	  5000u
#define FRAME_US  33333u
#define WIDE_KBPS 900000u

/*
 * A path and its queue, which takes what two round trips carry; more waits in the kernel, and no
 * picture is begun then. It is fed with video as the link allows, and TCP tells of it.
 */
static struct {
	u32 kbps, rtt_us; /* what it is */
	u32 video_kbps;	  /* what the video would be without a limit */
	u32 retransmits;
	double queue;	  /* bytes on their way and waiting */
	double sent_kbps; /* lately */
	bool still;	  /* nothing moves, nothing is sent */
} path;
static u64 now, paced;
static struct link l;
static struct net_stream net; /* its buffer stays empty: what waits, waits in the kernel */

static double fits(void)
{
	return 2.0 * path.kbps * path.rtt_us / 8000 + 20000;
}

void net_path(const struct net_stream *s, struct net_path *p)
{
	double rate =
	    path.sent_kbps * 5 / 4; /* BBR's estimate of a sender that seldom fills the path */

	*p = (struct net_path){
	    .rtt_us = path.rtt_us + (u32)(fmin(path.queue, fits()) * 8000 / path.kbps),
	    .min_rtt_us = path.rtt_us,
	    .rate_bps = (u64)(rate < path.kbps ? rate : path.kbps) * 1000 / 8,
	    .app_limited = path.queue == 0,
	    .retransmits = path.retransmits,
	};
}

size_t net_kernel_unsent(const struct net_stream *s)
{
	return path.queue > fits() ? (size_t)(path.queue - fits()) : 0;
}

void net_pace(const struct net_stream *s, u64 bytes_per_s)
{
	paced = bytes_per_s;
}

static int setup(void **state)
{
	memset(&path, 0, sizeof(path));
	l = (struct link){0};
	now = 1000000;
	paced = 0;
	return 0;
}

/* So many seconds of motion, thirty pictures each; the sum of what was sent, kilobits. */
static double run(double seconds)
{
	u64 frames = now / FRAME_US;
	double sum = 0;

	for (u64 end = now + (u64)(seconds * 1e6); now < end; now += STEP_US) {
		size_t waits = net_kernel_unsent(&net);
		bool due = now / FRAME_US > frames && !path.still && !waits;

		if (due) {
			u32 kbps = l.kbps && l.kbps < path.video_kbps ? l.kbps : path.video_kbps;
			double bytes = kbps * (FRAME_US / 8000.0);

			link_change(&l, waits > 0);
			frames = now / FRAME_US;
			sum += bytes * 8 / 1000;
			path.queue += bytes;
			path.sent_kbps += (kbps - path.sent_kbps) / 8;
		} else if (path.still) {
			path.sent_kbps -= path.sent_kbps / 64;
		}
		path.queue -= path.kbps * (STEP_US / 8000.0);
		if (path.queue < 0)
			path.queue = 0;
		l.blocked_us = !waits ? 0 : l.blocked_us ? l.blocked_us : now;
		link_sample(&l, &net, now);
	}
	return sum;
}

static void test_wide(void **state)
{
	path.kbps = WIDE_KBPS;
	path.rtt_us = 200;
	path.video_kbps = 60000;
	run(20);
	assert_int_equal(l.kbps, 0);
	assert_false(l.limited);
	assert_int_equal(link_room(&l, 1000000), 0);
}

static void narrow(void)
{
	path.kbps = 20000;
	path.rtt_us = 100000;
	path.video_kbps = 60000;
	run(6);
}

static void test_narrow(void **state)
{
	double kbits;

	narrow();
	assert_true(l.limited);
	assert_in_range(l.kbps, 20000 / 2, 20000 * 4 / 5); /* room for exact tiles and for losses */
	assert_in_range(link_room(&l, 1000000), 20000000 / 8 / 2, 20000000 / 8);
	kbits = run(10);
	assert_true(kbits > 10 * 20000 * 0.5 && kbits < 10 * 20000 * 0.95);
	assert_true(path.queue * 8000 / path.kbps < 100000); /* and no queue grows */
}

static void test_wider_again(void **state)
{
	narrow();
	path.kbps = WIDE_KBPS;
	path.video_kbps = 60000;
	run(90);
	assert_false(l.limited);
	assert_true(!l.kbps || l.kbps > path.video_kbps);
}

static void test_rest_is_no_news(void **state)
{
	u32 before;

	narrow();
	before = l.kbps;
	path.still = true; /* hardly anything is sent, and TCP's estimate falls with it */
	run(2);
	assert_true(l.kbps >= before * 9 / 10);
	assert_true(link_room(&l, 1000000) > 20000000 / 8 * 3 / 4);
	path.still = false;
	assert_true(run(1) > 20000 * 0.4);
}

static void test_floor(void **state)
{
	path.kbps = 64; /* not even a picture a second */
	path.rtt_us = 600000;
	path.video_kbps = 60000;
	run(120);
	assert_true(l.limited);
	assert_int_equal(l.kbps, 500);
}

static void test_late(void **state)
{
	path.kbps = WIDE_KBPS;
	path.rtt_us = 200;
	path.sent_kbps = 8000;
	/* A viewer that cannot follow: nothing waits here, but no change finds the picture before done. */
	for (u32 i = 0; i < 10 && !l.kbps; i++) {
		link_change(&l, true);
		now += 100000;
		link_sample(&l, &net, now);
	}
	assert_true(l.kbps > 0);
}

static void test_burst(void **state)
{
	narrow();
	path.retransmits += 100; /* it overflowed: its rate is known */
	run(0.1);
	link_bulk(&l, &net, true);
	assert_true(l.full);
	assert_in_range(paced * 8 / 1000, 20000, 2 * 20000); /* no more than half of it gathers */
	link_bulk(&l, &net, false);
	assert_int_equal(paced, 0);

	setup(state);
	path.kbps = 20000;
	path.rtt_us = 300; /* no burst of BBR's fills a queue here */
	path.video_kbps = 60000;
	run(6);
	link_bulk(&l, &net, true);
	assert_int_equal(paced, 0);
}

/* A fifth of all lost is a path that is full, whatever its queue tells. */
static void test_losses(void **state)
{
	path.kbps = 20000;
	path.rtt_us = 100000;
	path.video_kbps = 8000;
	run(1);
	assert_false(l.full);
	for (u32 i = 0; i < 20; i++) {
		path.retransmits += 40;
		run(0.05);
	}
	assert_true(l.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_wide, setup),
	    cmocka_unit_test_setup(test_narrow, setup),
	    cmocka_unit_test_setup(test_wider_again, setup),
	    cmocka_unit_test_setup(test_rest_is_no_news, setup),
	    cmocka_unit_test_setup(test_floor, setup),
	    cmocka_unit_test_setup(test_late, setup),
	    cmocka_unit_test_setup(test_burst, setup),
	    cmocka_unit_test_setup(test_losses, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
