/* Where the desktop's sound comes from, behind one table of operations. */
#pragma once

#include "viewer/codec/sound.h"

struct audio;

struct audio_ops {
	const char *name; /* in the configuration */
	/* Gets ready; nothing is captured yet. NULL: there is no sound here, and why. */
	struct audio *(*open)(char *error, size_t n);
	void (*close)(struct audio *a);
	/* Begins to capture. Negative, with the reason: worth another try later. */
	int (*start)(struct audio *a, char *error, size_t n);
	void (*stop)(struct audio *a);
	/* Descriptor that is readable when frames may wait. */
	int (*fd)(const struct audio *a);
	/*
	 * The next frame: SOUND_FRAME samples, left and right in turn, and when its first one was
	 * heard (monotonic us). 1: there it is, 0: none yet, negative: the source is gone, start anew.
	 */
	int (*read)(struct audio *a, s16 *pcm, u64 *when_us);
};

extern const struct audio_ops audio_pipewire, audio_tone;
