/*
 * What lies between the network, which brings sound in bursts, and the loudspeaker, which wants it
 * evenly: holds `target` samples back, more once that was too little, less when it is too much. A
 * source whose clock is slower than the loudspeaker's, or faster, is met by ten milliseconds played
 * twice, or some left out, now and then, faded over.
 *
 * Samples are 48 kHz stereo, counted a channel. Free of threads and clocks: the pace is jitter_get's.
 */
#pragma once

#include "viewer/codec/sound.h"

#define JITTER_ROOM 48000u /* a second; what comes on top pushes the oldest out */

struct jitter {
	s16 ring[JITTER_ROOM * SOUND_CHANNELS];
	u32 read, fill;
	u32 behind; /* samples before `read` that the ring still holds */
	u32 target; /* samples that wait before playing begins */
	bool playing;
	bool ended; /* silence follows what is here: running dry is no fault */
	u32 waited; /* samples of silence played while some were waiting */
	u32 low;    /* least fill since looked_at began */
	u32 looked; /* samples played since then */
	u32 smooth; /* samples played since the last fault */
	/* Figures since the start. */
	u32 dry;      /* times it ran dry in the middle of sound */
	u32 skipped;  /* samples left out to catch up */
	u32 repeated; /* samples played twice, not to run dry */
	u64 played; /* samples handed out that had come, not made-up silence; some of them twice */
};

void jitter_init(struct jitter *j);
/* Forgets what waits; the figures stay. */
void jitter_reset(struct jitter *j);
void jitter_put(struct jitter *j, const s16 *pcm, u32 n);
/* Silence of unknown length follows. */
void jitter_end(struct jitter *j);
/* Always fills n samples, with silence where there is nothing. */
void jitter_get(struct jitter *j, s16 *pcm, u32 n);
