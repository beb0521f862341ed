/* A sine of 440 Hz on the left and 1000 Hz on the right: what tests listen for. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/audio/audio.h"
#include "viewer/agent/capture/capture.h"

#define AMPLITUDE 8192
#define FRAME_US  (SOUND_FRAME * 1000000ull / SOUND_RATE)

static const double hertz[SOUND_CHANNELS] = {440, 1000};

struct audio {
	int timer;
	u64 start_us, frames; /* made since then */
};

static struct audio *tone_open(char *error, size_t n)
{
	struct audio *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (a->timer >= 0)
		return a;
	snprintf(error, n, "no timer: %m");
	free(a);
	return NULL;
}

static void set_timer(struct audio *a, long us)
{
	struct itimerspec t = {{0, us * 1000}, {0, us * 1000}};

	timerfd_settime(a->timer, 0, &t, NULL);
}

static int tone_start(struct audio *a, char *error, size_t n)
{
	a->start_us = now_us();
	a->frames = 0;
	set_timer(a, FRAME_US);
	return 0;
}

static void tone_stop(struct audio *a)
{
	set_timer(a, 0);
}

static int tone_fd(const struct audio *a)
{
	return a->timer;
}

static int tone_read(struct audio *a, s16 *pcm, u64 *when_us)
{
	u64 ticks;

	/* A frame is there once its last sample's time has come, as from a microphone. */
	if (now_us() < a->start_us + (a->frames + 1) * FRAME_US) {
		if (read(a->timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
			return ERR_IO;
		return 0;
	}
	*when_us = a->start_us + a->frames * FRAME_US;
	for (u32 i = 0; i < SOUND_FRAME; i++)
		for (u32 c = 0; c < SOUND_CHANNELS; c++) {
			/* Both tones have whole periods in a second. */
			u64 at = (a->frames * SOUND_FRAME + i) % SOUND_RATE;
			*pcm++ = (s16)lrint(AMPLITUDE *
					    sin(2 * M_PI * hertz[c] * (double)at / SOUND_RATE));
		}
	a->frames++;
	return 1;
}

static void tone_close(struct audio *a)
{
	close(a->timer);
	free(a);
}

const struct audio_ops audio_tone = {
    .name = "tone",
    .open = tone_open,
    .close = tone_close,
    .start = tone_start,
    .stop = tone_stop,
    .fd = tone_fd,
    .read = tone_read,
};
