/* Sound on the wire: Opus (RFC 6716), 48 kHz, frames of 10 ms, coded and heard without look-ahead. */
#pragma once

#include "viewer/proto/native.h"

#define SOUND_RATE     48000u
#define SOUND_CHANNELS 2u
#define SOUND_FRAME    480u  /* samples a channel in a packet of ours */
#define SOUND_LONGEST  2880u /* in one that is believed: 60 ms */

struct sound_enc;
struct sound_dec;

/* NULL: out of memory. kbps: 16..510. */
struct sound_enc *sound_enc_open(u32 kbps);
void sound_enc_close(struct sound_enc *e);
/* Codes SOUND_FRAME stereo samples into out[room]; the bytes, or a negative error. */
__must_check int sound_enc_put(struct sound_enc *e, const s16 *pcm, u8 *out, u32 room);

/* What comes out is stereo, also of a stream in mono (RFC 6716 §4.5.1). */
struct sound_dec *sound_dec_open(void);
void sound_dec_close(struct sound_dec *d);
/* A packet into pcm[SOUND_LONGEST * 2]; the samples a channel, or ERR_CORRUPT. */
__must_check int sound_dec_get(struct sound_dec *d, const u8 *packet, u32 n, s16 *pcm);
/* Makes up `samples` (a multiple of 120, at most SOUND_LONGEST) that never came. */
__must_check int sound_dec_guess(struct sound_dec *d, u32 samples, s16 *pcm);
