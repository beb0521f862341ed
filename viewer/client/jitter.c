#include <string.h>

#include "viewer/client/jitter.h"

#define MS(ms)	     ((ms) * (SOUND_RATE / 1000))
#define TARGET_FIRST MS(40)
#define TARGET_MOST  MS(200)
#define TARGET_STEP  MS(20)
#define LOOK	     MS(2000)  /* the least fill over so long tells what is not needed */
#define SPARE	     MS(30)    /* more than this above the target is let go */
#define SCARCE	     MS(12)    /* a least fill of about a packet: it will run dry, so */
#define AGAIN	     MS(10)    /* so much is played once more */
#define CALM	     MS(20000) /* without a fault for so long, less is held back again */
#define FADE	     MS(5)

void jitter_init(struct jitter *j)
{
	memset(j, 0, sizeof(*j));
	j->target = TARGET_FIRST;
}

void jitter_reset(struct jitter *j)
{
	j->read = j->fill = j->behind = j->waited = 0;
	j->playing = j->ended = false;
}

static s16 *at(struct jitter *j, u32 i)
{
	return &j->ring[(j->read + i) % JITTER_ROOM * SOUND_CHANNELS];
}

static void drop(struct jitter *j, u32 n)
{
	j->read = (j->read + n) % JITTER_ROOM;
	j->fill -= n;
	j->behind += n;
	if (j->behind > JITTER_ROOM - j->fill)
		j->behind = JITTER_ROOM - j->fill;
}

/* What was to come, from `from` on, fades into what comes instead, from `to` on. */
static void fade(struct jitter *j, u32 from, u32 to)
{
	for (u32 i = 0; i < FADE; i++)
		for (u32 c = 0; c < SOUND_CHANNELS; c++) {
			s32 old = at(j, from + i)[c], next = at(j, to + i)[c];

			at(j, to + i)[c] =
			    (s16)((old * (s32)(FADE - i) + next * (s32)i) / (s32)FADE);
		}
}

/* Leaves n samples out; n + FADE are there. */
static void skip(struct jitter *j, u32 n)
{
	fade(j, 0, n);
	drop(j, n);
	j->skipped += n;
}

/* Plays the last n samples once more; n are behind, FADE are there. */
static void repeat(struct jitter *j, u32 n)
{
	j->read = (j->read + JITTER_ROOM - n) % JITTER_ROOM;
	j->fill += n;
	j->behind -= n;
	fade(j, n, 0);
	j->repeated += n;
}

void jitter_put(struct jitter *j, const s16 *pcm, u32 n)
{
	if (n > JITTER_ROOM)
		return;
	if (j->fill + n > JITTER_ROOM) {
		j->skipped += j->fill + n - JITTER_ROOM;
		drop(j, j->fill + n - JITTER_ROOM);
	}
	j->fill += n;
	if (j->behind > JITTER_ROOM - j->fill)
		j->behind = JITTER_ROOM - j->fill;
	for (u32 i = 0; i < n; i++)
		memcpy(at(j, j->fill - n + i), pcm + (size_t)i * SOUND_CHANNELS,
		       sizeof(s16) * SOUND_CHANNELS);
	j->ended = false;
}

void jitter_end(struct jitter *j)
{
	j->ended = true;
}

static void ran_dry(struct jitter *j)
{
	j->playing = false;
	j->waited = 0;
	if (j->ended)
		return;
	j->dry++;
	j->smooth = 0;
	if (j->target < TARGET_MOST)
		j->target += TARGET_STEP;
}

/*
 * Now and then: is more held back than the network asks for, or hardly anything any more? The clocks
 * of two machines differ, and by and by one or the other comes of that.
 */
static void look(struct jitter *j, u32 n)
{
	j->low = j->fill < j->low ? j->fill : j->low;
	j->looked += n;
	j->smooth = j->smooth < CALM ? j->smooth + n : CALM;
	if (j->looked < LOOK)
		return;
	if (j->low > j->target + SPARE && j->fill > j->low - j->target + FADE)
		skip(j, j->low - j->target);
	else if (j->low < SCARCE && j->behind >= AGAIN && j->fill >= FADE)
		repeat(j, AGAIN);
	if (j->smooth == CALM && j->target > TARGET_FIRST) {
		j->target -= TARGET_STEP;
		j->smooth = 0;
	}
	j->looked = 0;
	j->low = JITTER_ROOM;
}

void jitter_get(struct jitter *j, s16 *pcm, u32 n)
{
	u32 have;

	if (!j->playing && j->fill) {
		/* Sound shorter than the target begins, too, once it has waited for as long. */
		if (j->fill >= j->target || j->waited >= j->target) {
			j->playing = true;
			j->looked = 0;
			j->low = JITTER_ROOM;
		}
		j->waited += n;
	}
	have = !j->playing ? 0 : j->fill < n ? j->fill : n;
	for (u32 i = 0; i < have; i++)
		memcpy(pcm + (size_t)i * SOUND_CHANNELS, at(j, i), sizeof(s16) * SOUND_CHANNELS);
	memset(pcm + (size_t)have * SOUND_CHANNELS, 0,
	       (size_t)(n - have) * sizeof(s16) * SOUND_CHANNELS);
	drop(j, have);
	j->played += have;
	if (!j->playing)
		return;
	if (have < n)
		ran_dry(j);
	else
		look(j, n);
}
