/* What the viewer says in words over the picture: figures, and how a connection comes about. */
#pragma once

#include "viewer/client/client.h"

#define OVERLAY_US 500000u /* between two looks at the figures */

struct overlay {
	u64 at_us; /* of the last look */
	u32 commits;
	u64 bytes;
	char text[1024];
};

/* Writes the figures anew where OVERLAY_US have passed. True: text is another one. */
bool overlay_look(struct overlay *o, const struct client *c);
/* What is going on before there is a picture, or since the link was lost (lost_us, 0: never). */
void overlay_progress(const struct client *c, u64 lost_us, char *text, size_t n);
/* Percent of the tiles that are exact now; below 100 unless all are. */
u32 overlay_exact(const struct client *c);
