/*
 * The desktop's sound for whoever wants to hear it: captured while somebody does, coded once for
 * all, not sent while it is silent.
 */
#pragma once

#include "viewer/agent/audio/audio.h"
#include "viewer/agent/config.h"

struct agent;

struct sound {
	const struct audio_ops *ops;
	struct audio *source; /* NULL: no sound here */
	struct sound_enc *enc;
	bool running, wanted;
	bool said; /* that it cannot be captured now */
	u64 retry_us;
	u32 position; /* of the next sample in the stream */
	u32 quiet;    /* silent frames in a row */
};

/* Without a source it says why and is 0: a desktop without sound is one, too. Negative: bad name. */
__must_check int sound_open(struct sound *s, const struct config *c, char *error, size_t n);
void sound_close(struct sound *s);
/* A viewer began or ceased to listen. */
void sound_listeners(struct agent *a);
/* Descriptor to wait for, -1: none; when to call sound_turn() though it says nothing. */
int sound_fd(const struct sound *s);
u64 sound_due(const struct sound *s);
/* Sends what has been heard. */
void sound_turn(struct agent *a);
