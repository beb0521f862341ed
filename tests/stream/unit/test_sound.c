/* Sound: what Opus makes of a tone, and what the jitter buffer makes of a network's whims. */
#include "tests/stream/unit/pictures.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "viewer/client/jitter.h"
#include "viewer/codec/sound.h"

static struct jitter j;
static u32 given; /* samples put so far: their values tell their order */

static int fresh(void **state)
{
	jitter_init(&j);
	given = 0;
	return 0;
}

static s16 value(u32 i)
{
	return (s16)(1 + i % 30000);
}

static void put(u32 n)
{
	static s16 pcm[JITTER_ROOM * SOUND_CHANNELS];

	for (u32 i = 0; i < n; i++)
		pcm[2 * i] = pcm[2 * i + 1] = value(given + i);
	jitter_put(&j, pcm, n);
	given += n;
}

/* n samples out of it; how many of them are silence. *next: the value that must come next. */
static u32 get(u32 n, u32 *next)
{
	s16 pcm[SOUND_FRAME * SOUND_CHANNELS];
	u32 silent = 0;

	assert_true(n <= SOUND_FRAME);
	jitter_get(&j, pcm, n);
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(pcm[2 * i], pcm[2 * i + 1]);
		if (!pcm[2 * i])
			silent++;
		else if (next)
			assert_int_equal(pcm[2 * i], value((*next)++));
	}
	return silent;
}

static void test_steady(void **state)
{
	u32 next = 0, silent = 0;

	for (int i = 0; i < 1000; i++) {
		put(SOUND_FRAME);
		silent += get(SOUND_FRAME, &next);
	}
	/* Held back for 40 ms, the fourth frame included; then every sample once and in order. */
	assert_int_equal(silent, 3 * SOUND_FRAME);
	assert_true(!j.dry && !j.skipped && next == 997 * SOUND_FRAME);
}

static void test_runs_dry(void **state)
{
	u32 next = 0, target = j.target;

	for (int i = 0; i < 20; i++) {
		put(SOUND_FRAME);
		get(SOUND_FRAME, &next);
	}
	while (!get(SOUND_FRAME, &next))
		;
	assert_true(j.dry == 1 && j.target > target);
	/* What comes again is played in order, after a longer wait. */
	u32 silent = 0;
	for (int i = 0; i < 20; i++) {
		put(SOUND_FRAME);
		silent += get(SOUND_FRAME, &next);
	}
	assert_int_equal(silent, j.target - SOUND_FRAME);
	assert_int_equal(j.dry, 1);
}

static void test_end_is_no_fault(void **state)
{
	u32 next = 0;

	/* Shorter than what is held back, and yet it is heard, whole. */
	put(SOUND_FRAME * 2);
	jitter_end(&j);
	for (int i = 0; i < 20; i++)
		get(SOUND_FRAME, &next);
	assert_true(next == 2 * SOUND_FRAME && !j.dry && !j.playing);
}

static void test_catches_up(void **state)
{
	u32 least = 0;

	/* A burst of 300 ms on top: it is let go within seconds, and nothing goes dry for that. */
	put(SOUND_FRAME * 4);
	get(SOUND_FRAME, NULL);
	put(SOUND_FRAME * 30);
	for (int i = 0; i < 500; i++) {
		put(SOUND_FRAME);
		assert_int_equal(get(SOUND_FRAME, NULL), 0);
		least = j.fill;
	}
	assert_true(j.skipped && !j.dry && least <= j.target + SOUND_FRAME);
	/* More than there is room for pushes the oldest out. */
	put(JITTER_ROOM);
	assert_int_equal(j.fill, JITTER_ROOM);
}

/* A quarter of an hour of a tone by a clock that is `ppm` slower than the loudspeaker's. */
static void drift(s32 ppm)
{
	s64 due = 0, most = 0;
	s16 pcm[SOUND_FRAME * SOUND_CHANNELS], last = 0;
	u32 t = 0, jump = 0;

	for (u32 i = 0; i < 90000; i++) {
		for (due += SOUND_FRAME * (1000000 - (s64)ppm); due >= SOUND_FRAME * 1000000ll;
		     due -= SOUND_FRAME * 1000000ll) {
			for (u32 k = 0; k < SOUND_FRAME; k++, t++)
				pcm[2 * k] = pcm[2 * k + 1] =
				    (s16)(8000 * sin(2 * M_PI * 110 * t / SOUND_RATE));
			jitter_put(&j, pcm, SOUND_FRAME);
		}
		jitter_get(&j, pcm, SOUND_FRAME);
		for (u32 k = 0; k < SOUND_FRAME; k++) {
			u32 step = (u32)abs(pcm[2 * k] - last);
			jump = step > jump ? step : jump;
			last = pcm[2 * k];
		}
		most = j.fill > most ? j.fill : most;
	}
	/* The tone's own steepest step is 115, a fade adds at most twice its height over 5 ms. */
	assert_true(!j.dry && jump < 115 + 2 * 8000 / 240 + 2);
	assert_true(most <= (s64)SOUND_RATE / 10 + SOUND_FRAME);
}

static void test_slow_clock(void **state)
{
	drift(300);
	assert_true(j.repeated && !j.skipped);
}

static void test_fast_clock(void **state)
{
	drift(-300);
	assert_true(j.skipped && !j.repeated);
}

/* Anything may come at any time: nothing is ever made up, and nothing overruns. */
static void test_whims(void **state)
{
	for (int i = 0; i < 20000; i++) {
		u32 what = rnd(100);

		if (what < 45)
			put(1 + rnd(SOUND_LONGEST));
		else if (what < 97)
			get(1 + rnd(SOUND_FRAME), NULL);
		else if (what < 99)
			jitter_end(&j);
		else
			jitter_reset(&j);
		assert_true(j.fill <= JITTER_ROOM && j.read < JITTER_ROOM);
		assert_true(j.behind <= JITTER_ROOM - j.fill);
		assert_true(j.played + j.fill + j.skipped <= given + j.repeated);
	}
}

static void test_opus(void **state)
{
	struct sound_enc *e = sound_enc_open(96);
	struct sound_dec *d = sound_dec_open();
	s16 in[SOUND_FRAME * 2], out[SOUND_LONGEST * 2];
	double error = 0, power = 0;
	static s16 past[SOUND_RATE];
	u8 packet[NATIVE_MAX_OPUS];
	u32 bytes = 0, delay = 120; /* RFC 6716: 2.5 ms of overlap */

	assert_true(e && d);
	for (u32 f = 0; f < 90; f++) {
		for (u32 i = 0; i < SOUND_FRAME; i++) {
			u32 t = f * SOUND_FRAME + i;
			in[2 * i] = past[t] = (s16)(8000 * sin(2 * M_PI * 440 * t / SOUND_RATE));
			in[2 * i + 1] = 0;
		}
		int n = sound_enc_put(e, in, packet, sizeof(packet));
		assert_true(n > 0 && n <= (int)sizeof(packet));
		bytes += (u32)n;
		assert_int_equal(sound_dec_get(d, packet, (u32)n, out), SOUND_FRAME);
		for (u32 i = 0; f > 10 && i < SOUND_FRAME; i++) {
			double want = past[f * SOUND_FRAME + i - delay], diff = out[2 * i] - want;
			error += diff * diff;
			power += want * want;
			assert_true(abs(out[2 * i + 1]) < 400);
		}
	}
	assert_true(10 * log10(power / error) > 20);
	assert_true(bytes < 96000 / 8 * 90 / 100 * 12 / 10);
	assert_int_equal(sound_dec_guess(d, SOUND_FRAME, out), SOUND_FRAME);
	assert_int_equal(sound_dec_get(d, packet, 0, out), ERR_CORRUPT);
	packet[0] = 0xff; /* a count of frames follows, and there is none */
	assert_int_equal(sound_dec_get(d, packet, 1, out), ERR_CORRUPT);
	for (int i = 0; i < 5000; i++) {
		u32 n = 1 + rnd(NATIVE_MAX_OPUS);

		for (u32 k = 0; k < n; k++)
			packet[k] = (u8)rnd(256);
		int got = sound_dec_get(d, packet, n, out);
		assert_true(got == ERR_CORRUPT || (got > 0 && got <= (int)SOUND_LONGEST));
	}
	sound_enc_close(e);
	sound_dec_close(d);
}

static void test_messages(void **state)
{
	struct wbuf w = {0};
	struct native_sound s = {7, 1ull << 40, (const u8 *)"opus", 4}, t;
	u32 rate;
	u8 channels;

	native_put_sound_format(&w, SOUND_RATE, SOUND_CHANNELS);
	assert_int_equal(native_get_sound_format(w.p + 8, w.n - 8, &rate, &channels), 0);
	assert_true(rate == SOUND_RATE && channels == SOUND_CHANNELS);
	for (size_t cut = 0; cut < w.n - 8; cut++)
		assert_int_equal(native_get_sound_format(w.p + 8, cut, &rate, &channels),
				 ERR_CORRUPT);
	w.p[12] = 3; /* channels */
	assert_int_equal(native_get_sound_format(w.p + 8, w.n - 8, &rate, &channels), ERR_RANGE);
	w.n = 0;
	native_put_sound(&w, &s);
	assert_int_equal(native_get_sound(w.p + 8, w.n - 8, &t), 0);
	assert_true(t.position == 7 && t.capture_us == 1ull << 40 && t.n == 4 &&
		    !memcmp(t.packet, "opus", 4));
	for (size_t cut = 0; cut < 12; cut++)
		assert_int_equal(native_get_sound(w.p + 8, cut, &t), ERR_CORRUPT);
	assert_int_equal(native_get_sound(w.p + 8, 12, &t), 0); /* silence from there on */
	assert_int_equal(t.n, 0);
	put_zero(&w, NATIVE_MAX_OPUS);
	assert_int_equal(native_get_sound(w.p + 8, 12 + NATIVE_MAX_OPUS + 1, &t), ERR_RANGE);
	wbuf_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_steady, fresh),
	    cmocka_unit_test_setup(test_runs_dry, fresh),
	    cmocka_unit_test_setup(test_end_is_no_fault, fresh),
	    cmocka_unit_test_setup(test_catches_up, fresh),
	    cmocka_unit_test_setup(test_slow_clock, fresh),
	    cmocka_unit_test_setup(test_fast_clock, fresh),
	    cmocka_unit_test_setup(test_whims, fresh),
	    cmocka_unit_test(test_opus),
	    cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
