#include <opus/opus.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "viewer/codec/sound.h"

struct sound_enc {
	OpusEncoder *o;
};

struct sound_dec {
	OpusDecoder *o;
};

struct sound_enc *sound_enc_open(u32 kbps)
{
	struct sound_enc *e = calloc(1, sizeof(*e));
	int status = OPUS_OK;

	if (!e)
		return NULL;
	e->o = opus_encoder_create(SOUND_RATE, SOUND_CHANNELS, OPUS_APPLICATION_RESTRICTED_LOWDELAY,
				   &status);
	if (!e->o || opus_encoder_ctl(e->o, OPUS_SET_BITRATE((opus_int32)kbps * 1000)) != OPUS_OK ||
	    opus_encoder_ctl(e->o, OPUS_SET_COMPLEXITY(5)) != OPUS_OK) {
		sound_enc_close(e);
		return NULL;
	}
	return e;
}

void sound_enc_close(struct sound_enc *e)
{
	if (!e)
		return;
	if (e->o)
		opus_encoder_destroy(e->o);
	free(e);
}

int sound_enc_put(struct sound_enc *e, const s16 *pcm, u8 *out, u32 room)
{
	int n = opus_encode(e->o, pcm, SOUND_FRAME, out, (opus_int32)room);

	return n > 0 ? n : ERR_INVAL;
}

struct sound_dec *sound_dec_open(void)
{
	struct sound_dec *d = calloc(1, sizeof(*d));
	int status = OPUS_OK;

	if (!d)
		return NULL;
	d->o = opus_decoder_create(SOUND_RATE, SOUND_CHANNELS, &status);
	if (!d->o) {
		free(d);
		return NULL;
	}
	return d;
}

void sound_dec_close(struct sound_dec *d)
{
	if (!d)
		return;
	opus_decoder_destroy(d->o);
	free(d);
}

int sound_dec_get(struct sound_dec *d, const u8 *packet, u32 n, s16 *pcm)
{
	int samples = n ? opus_packet_get_nb_samples(packet, (opus_int32)n, SOUND_RATE) : 0;

	if (samples <= 0 || samples > (int)SOUND_LONGEST)
		return ERR_CORRUPT;
	samples = opus_decode(d->o, packet, (opus_int32)n, pcm, SOUND_LONGEST, 0);
	return samples > 0 ? samples : ERR_CORRUPT;
}

int sound_dec_guess(struct sound_dec *d, u32 samples, s16 *pcm)
{
	int n = opus_decode(d->o, NULL, 0, pcm, (int)samples, 0);

	return n > 0 ? n : ERR_INVAL;
}
