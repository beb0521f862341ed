#include <string.h>
#include <SDL.h>

#include "viewer/client/speaker.h"

#define CHUNK	512u	 /* samples that the device asks for at a time: 10.7 ms */
#define REST_US 2000000u /* of nothing to play, after which the device sleeps */
#define TURN_US 10000u	 /* how often a file is fed */

/* The last sample handed out was heard at the agent when its clock showed end_us less what waits. */
static void pull(struct client_sound *s, s16 *pcm, u32 n)
{
	pthread_mutex_lock(&s->lock);
	jitter_get(&s->jitter, pcm, n);
	pthread_mutex_unlock(&s->lock);
}

static void on_device(void *arg, Uint8 *bytes, int n)
{
	struct speaker *s = arg;

	pull(&s->client->sound, (s16 *)bytes, (u32)n / (sizeof(s16) * SOUND_CHANNELS));
}

static void put_le(u8 *p, u32 v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (u8)(v >> (8 * i));
}

static int put_head(struct speaker *s)
{
	u32 bytes = (u32)(s->samples * sizeof(s16) * SOUND_CHANNELS);
	u8 h[44] = "RIFF....WAVEfmt ";

	put_le(h + 4, 36 + bytes, 4);
	put_le(h + 16, 16, 4);
	put_le(h + 20, 1, 2); /* PCM */
	put_le(h + 22, SOUND_CHANNELS, 2);
	put_le(h + 24, SOUND_RATE, 4);
	put_le(h + 28, SOUND_RATE * SOUND_CHANNELS * sizeof(s16), 4);
	put_le(h + 32, SOUND_CHANNELS * sizeof(s16), 2);
	put_le(h + 34, 16, 2);
	memcpy(h + 36, "data", 4);
	put_le(h + 40, bytes, 4);
	return fseek(s->file, 0, SEEK_SET) || fwrite(h, sizeof(h), 1, s->file) != 1 ? ERR_IO : 0;
}

int speaker_open(struct speaker *s, struct client *c, const char *path)
{
	*s = (struct speaker){.client = c, .path = path, .start_us = client_now()};
	if (!path)
		return 0;
	s->file = fopen(path, "we");
	if (s->file && !put_head(s))
		return 0;
	fprintf(stderr, "cannot write %s: %m\n", path);
	return ERR_IO;
}

void speaker_close(struct speaker *s)
{
	if (s->device)
		SDL_CloseAudioDevice(s->device);
	if (s->file) {
		bool bad = put_head(s) != 0;

		if (fclose(s->file) || bad)
			fprintf(stderr, "%s is not complete: %m\n", s->path);
	}
	*s = (struct speaker){0};
}

static void feed_file(struct speaker *s)
{
	u64 due = (client_now() - s->start_us) * SOUND_RATE / 1000000;
	s16 pcm[CHUNK * SOUND_CHANNELS];

	while (s->samples + CHUNK <= due) {
		pull(&s->client->sound, pcm, CHUNK);
		if (fwrite(pcm, sizeof(pcm), 1, s->file) != 1) {
			fprintf(stderr, "cannot write %s: %m\n", s->path);
			fclose(s->file);
			s->file = NULL;
			return;
		}
		s->samples += CHUNK;
	}
}

static void open_device(struct speaker *s)
{
	SDL_AudioSpec want = {.freq = (int)SOUND_RATE,
			      .format = AUDIO_S16SYS,
			      .channels = SOUND_CHANNELS,
			      .samples = CHUNK,
			      .callback = on_device,
			      .userdata = s};

	SDL_SetHint(SDL_HINT_AUDIO_DEVICE_STREAM_NAME, "Caprock desktop");
	if (!SDL_InitSubSystem(SDL_INIT_AUDIO))
		s->device = SDL_OpenAudioDevice(NULL, 0, &want, NULL, 0);
	if (s->device)
		return;
	fprintf(stderr, "no sound: %s\n", SDL_GetError());
	s->failed = true;
	client_mute(s->client, true);
}

void speaker_tick(struct speaker *s)
{
	struct client_sound *k = &s->client->sound;
	u64 now = client_now();
	bool any;

	if (!s->client || s->failed)
		return;
	if (s->path) {
		if (s->file)
			feed_file(s);
		return;
	}
	pthread_mutex_lock(&k->lock);
	any = k->jitter.fill > 0;
	pthread_mutex_unlock(&k->lock);
	s->idle_us = any ? 0 : s->idle_us ? s->idle_us : now;
	if (any && !s->device)
		open_device(s);
	bool play = any || (s->playing && now - s->idle_us < REST_US);
	if (s->device && play != s->playing) {
		SDL_PauseAudioDevice(s->device, !play);
		s->playing = play;
	}
}

u64 speaker_due(const struct speaker *s)
{
	if (s->file)
		return s->start_us + s->samples * 1000000 / SOUND_RATE + TURN_US;
	return s->playing && s->idle_us ? s->idle_us + REST_US : UINT64_MAX;
}
