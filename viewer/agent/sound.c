#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"

#define QUIET	     2	      /* samples up to this are silence: some mixers dither */
#define QUIET_FRAMES 20u      /* of which so many are sent before the stream rests */
#define RETRY_US     5000000u /* between attempts to reach a source that is not there */
#define WAITING	     50u      /* frames: half a second of sound waits for a slow link, no more */

static const struct audio_ops *const sources[] = {&audio_pipewire, &audio_tone};

int sound_open(struct sound *s, const struct config *c, char *error, size_t n)
{
	char why[256] = "out of memory";

	if (!strcmp(c->audio, "off"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(sources[i]->name, c->audio))
			s->ops = sources[i];
	if (!s->ops) {
		snprintf(error, n, "audio: '%s' is none of pipewire, tone, off", c->audio);
		return ERR_NOENT;
	}
	s->enc = sound_enc_open(c->audio_kbps);
	s->source = s->enc ? s->ops->open(why, sizeof(why)) : NULL;
	if (!s->source)
		agent_log("no sound: %s", why);
	return 0;
}

void sound_close(struct sound *s)
{
	if (s->source)
		s->ops->close(s->source);
	sound_enc_close(s->enc);
	*s = (struct sound){0};
}

static void begin(struct sound *s)
{
	char why[256] = "";

	if (!s->ops->start(s->source, why, sizeof(why))) {
		s->running = true;
		s->quiet = QUIET_FRAMES; /* a desktop that plays nothing sends nothing */
		return;
	}
	if (!s->said)
		agent_log("no sound now: %s; tried again while somebody listens", why);
	s->said = true;
	s->retry_us = now_us() + RETRY_US;
}

static void end(struct sound *s)
{
	s->ops->stop(s->source);
	s->running = false;
}

void sound_listeners(struct agent *a)
{
	struct sound *s = &a->sound;
	bool wanted = false;

	for (u32 i = 0; i < a->nsessions; i++)
		wanted |= a->sessions[i]->state == SESSION_RUN && a->sessions[i]->hears;
	if (!s->source || wanted == s->wanted)
		return;
	s->wanted = wanted;
	if (wanted)
		begin(s);
	else if (s->running)
		end(s);
}

int sound_fd(const struct sound *s)
{
	return s->running ? s->ops->fd(s->source) : -1;
}

u64 sound_due(const struct sound *s)
{
	return s->wanted && !s->running ? s->retry_us : UINT64_MAX;
}

static bool silent(const s16 *pcm)
{
	for (u32 i = 0; i < SOUND_FRAME * SOUND_CHANNELS; i++)
		if (pcm[i] > QUIET || pcm[i] < -QUIET)
			return false;
	return true;
}

/* Nothing is queued for a link that is too slow: what it cannot carry now is never heard. */
static void put(struct session *s, const struct native_sound *packet)
{
	if (!net_unsent(&s->net))
		s->sound_waiting = 0;
	if (s->state != SESSION_RUN || !s->hears || s->net.closed || ++s->sound_waiting > WAITING)
		return;
	native_put_sound(&s->net.out, packet);
	if (net_flush(&s->net))
		s->net.closed = true;
}

static void frame(struct agent *a, const s16 *pcm, u64 when_us)
{
	struct sound *s = &a->sound;
	struct native_sound packet = {.position = s->position, .capture_us = when_us};
	u8 bytes[NATIVE_MAX_OPUS];

	s->position += SOUND_FRAME;
	s->quiet = silent(pcm) ? s->quiet + 1 : 0;
	if (s->quiet > QUIET_FRAMES + 1)
		s->quiet = QUIET_FRAMES + 1;
	if (s->quiet == QUIET_FRAMES + 1)
		return;
	if (s->quiet < QUIET_FRAMES) { /* else the empty packet: silence from here on */
		int n = sound_enc_put(s->enc, pcm, bytes, sizeof(bytes));
		if (n < 0)
			return; /* a hole of one frame: the viewer fills it */
		packet.packet = bytes;
		packet.n = (u32)n;
	}
	for (u32 i = 0; i < a->nsessions; i++)
		put(a->sessions[i], &packet);
}

void sound_turn(struct agent *a)
{
	struct sound *s = &a->sound;
	s16 pcm[SOUND_FRAME * SOUND_CHANNELS];
	u64 when;
	int e;

	if (!s->running) {
		if (s->wanted && now_us() >= s->retry_us)
			begin(s);
		return;
	}
	while ((e = s->ops->read(s->source, pcm, &when)) > 0) {
		s->said = false;
		frame(a, pcm, when);
	}
	if (e == 0)
		return;
	end(s);
	s->retry_us = now_us() + RETRY_US;
	if (!s->said)
		agent_log("no sound now: the source has gone; tried again while somebody listens");
	s->said = true;
}
