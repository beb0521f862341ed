/* What a viewer leaves behind besides what it shows: pictures, films, figures. */
#pragma once

#include <stdio.h>

#include "viewer/client/client.h"
#include "viewer/codec/video_enc.h"

/* The picture as it is now. Negative: told on standard error. */
int output_dump(const struct client *c, const char *path);
int output_screenshot(const struct client *c, const char *path);

struct recorder {
	FILE *file; /* NULL: not recording */
	struct video_enc *enc;
	u32 w, h;
	u64 due_us;
	bool failed;
	char path[256];
};

int recorder_open(struct recorder *r, const struct client *c, const char *path);
/* Adds pictures up to now. A change of size, or a full disk, ends the film and says so. */
void recorder_tick(struct recorder *r, const struct client *c);
void recorder_close(struct recorder *r);
/* When it must tick; UINT64_MAX: not recording. */
u64 recorder_due(const struct recorder *r);

struct figures {
	FILE *file; /* NULL: nobody wants them */
	u64 start_us, last_us;
	u32 commits, videos;
	u64 bytes;
};

int figures_open(struct figures *f, const char *path);
u64 figures_due(const struct figures *f);
/* One JSON object a line, once a second and (last) at the end. */
void figures_tick(struct figures *f, struct client *c, bool last);
void figures_close(struct figures *f);
