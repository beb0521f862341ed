/* The desktop's sound: from packets to the jitter buffer. Playing it is speaker.c's. */
#include <stdio.h>

#include "viewer/client/client.h"

#define GUESS_MOST SOUND_LONGEST /* a longer hole is silence */

void client_sound_init(struct client *c)
{
	pthread_mutex_init(&c->sound.lock, NULL);
	jitter_init(&c->sound.jitter);
}

void client_sound_free(struct client *c)
{
	client_sound_drop(c);
	pthread_mutex_destroy(&c->sound.lock);
}

void client_sound_drop(struct client *c)
{
	sound_dec_close(c->sound.dec);
	c->sound.dec = NULL;
	c->sound.offered = c->sound.begun = false;
	pthread_mutex_lock(&c->sound.lock);
	jitter_end(&c->sound.jitter);
	pthread_mutex_unlock(&c->sound.lock);
}

void client_mute(struct client *c, bool mute)
{
	u8 on = !mute;

	c->sound.muted = mute;
	if (c->state != CLIENT_IN || !c->native || !c->sound.offered)
		return;
	native_put_bytes(&c->net.out, CH_AUDIO, AUD_ON, &on, 1);
	if (net_flush(&c->net))
		c->net.closed = true;
	if (!mute)
		return;
	pthread_mutex_lock(&c->sound.lock);
	jitter_reset(&c->sound.jitter);
	pthread_mutex_unlock(&c->sound.lock);
}

static int begin(struct client_sound *s, const u8 *p, u32 n)
{
	u32 rate;
	u8 channels;
	int e = native_get_sound_format(p, n, &rate, &channels);

	if (e)
		return e;
	sound_dec_close(s->dec);
	s->dec = sound_dec_open();
	s->begun = false;
	return s->dec ? 0 : ERR_NOMEM;
}

static void keep(struct client_sound *s, const s16 *pcm, int samples)
{
	if (samples <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	jitter_put(&s->jitter, pcm, (u32)samples);
	pthread_mutex_unlock(&s->lock);
}

static int data(struct client_sound *s, const u8 *p, u32 n)
{
	static s16 pcm[SOUND_LONGEST * SOUND_CHANNELS];
	struct native_sound k;
	int e = native_get_sound(p, n, &k);

	if (e)
		return e;
	if (!s->dec)
		return ERR_CORRUPT; /* before its format */
	if (!k.n) {
		pthread_mutex_lock(&s->lock);
		jitter_end(&s->jitter);
		pthread_mutex_unlock(&s->lock);
		s->begun = false;
		return 0;
	}
	/* What the agent left out, as its link was too slow, in the middle of sound. */
	u32 hole = s->begun ? k.position - s->expect : 0;
	if (hole && hole <= GUESS_MOST && hole % 120 == 0)
		keep(s, pcm, sound_dec_guess(s->dec, hole, pcm));
	int samples = sound_dec_get(s->dec, k.packet, k.n, pcm);
	if (samples < 0)
		return samples;
	keep(s, pcm, samples);
	s->packets++;
	s->begun = true;
	s->expect = k.position + (u32)samples;
	pthread_mutex_lock(&s->lock);
	s->end_us = k.capture_us + (u64)samples * 1000000 / SOUND_RATE;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int client_sound(struct client *c, u16 kind, const u8 *p, u32 n)
{
	if (!c->sound.offered)
		return ERR_CORRUPT; /* nobody asked */
	switch (kind) {
	case AUD_FORMAT:
		return begin(&c->sound, p, n);
	case AUD_DATA:
		return data(&c->sound, p, n);
	default:
		return 0; /* from a later version */
	}
}

void client_sound_figures(struct client *c, char *text, size_t n)
{
	struct client_sound *s = &c->sound;
	const struct jitter *j = &s->jitter;

	pthread_mutex_lock(&s->lock);
	/* What is played now was captured so much before the end of what has come. */
	u64 captured = s->end_us ? s->end_us - (u64)j->fill * 1000000 / SOUND_RATE : 0;
	snprintf(text, n,
		 "{\"offered\":%s,\"packets\":%u,\"buffer_ms\":%u,\"dry\":%u,\"skipped_ms\":%u,"
		 "\"repeated_ms\":%u,"
		 "\"captured_us\":%llu,\"played_us\":%llu}",
		 s->offered ? "true" : "false", s->packets, j->fill / (SOUND_RATE / 1000), j->dry,
		 j->skipped / (SOUND_RATE / 1000), j->repeated / (SOUND_RATE / 1000),
		 (unsigned long long)captured, (unsigned long long)client_now());
	pthread_mutex_unlock(&s->lock);
}
