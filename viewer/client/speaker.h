/* Where a client's sound is heard: SDL's audio device, or a WAV file that is written at its pace. */
#pragma once

#include <stdio.h>

#include "viewer/client/client.h"

struct speaker {
	struct client *client; /* whose sound it plays */
	u32 device;	       /* SDL's; 0: none is open */
	bool playing, failed;
	u64 idle_us; /* since when there has been nothing to play; 0: there is */
	FILE *file;  /* WAV; NULL: the device */
	const char *path;
	u64 start_us, samples; /* written since then */
};

/* path: write there instead of playing. Negative: told on standard error. */
__must_check int speaker_open(struct speaker *s, struct client *c, const char *path);
void speaker_close(struct speaker *s);
/* Opens, rests and feeds as needed. */
void speaker_tick(struct speaker *s);
/* When it must tick; UINT64_MAX: not before something comes. */
u64 speaker_due(const struct speaker *s);
