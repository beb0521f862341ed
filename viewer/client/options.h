/* The command line. */
#pragma once

#include "viewer/client/window.h"

struct options {
	struct client_conf conf;
	struct window_conf win;
	bool headless, resume;
	bool until_exact; /* end once every pixel is exact and the picture has been still */
	u32 still_ms, seconds;
	const char *dump;	/* raw picture, written when the program ends and on SIGUSR1 */
	const char *screenshot; /* the same as PNG */
	const char *record;	/* H.264 */
	const char *audio_file; /* WAV, instead of playing */
	const char *stats;	/* JSON lines; "-": standard output */
};

/* 0, 1: asked for help and got it, or negative: told what was wrong. */
__must_check int options_parse(struct options *o, int argc, char **argv);
