/*
 * Motion by video for a viewer that speaks plain RFB and lists Open H.264 (encoding 50).
 *
 * One rectangle, one context. Such a rectangle paints all that lies in it, and 4:2:0: so only what
 * is rendered and moves makes one, what else lies there follows exactly in the same update, and
 * what it painted is sent exactly once it rests.
 */
#pragma once

#include "viewer/agent/coder.h"
#include "viewer/agent/desktop.h"
#include "viewer/agent/link.h"

struct rfb_video {
	struct coder coder;
	bool open;   /* coder is there */
	bool coding; /* an update waits for its picture */
	bool reset;  /* the viewer's context is to begin anew */
	u8 failures; /* in a row; too many, and it is left alone */
	struct rect r;
	struct rect known;     /* the context that the viewer has */
	u64 when_us;	       /* last picture begun */
	struct tileset moving; /* what the picture is for */
	struct tileset inside; /* all tiles it paints */
};

__must_check int rfb_video_init(struct rfb_video *v, const struct desktop *d,
				const struct video_enc_ops *ops, int event);
void rfb_video_free(struct rfb_video *v);
/*
 * Begins a picture if enough of what is dirty moves. True: the update goes out once it is coded;
 * its tiles are no longer dirty.
 */
bool rfb_video_start(struct rfb_video *v, struct desktop *d, struct tileset *dirty,
		     const struct link *l);
/* True once after each start: the picture is v->coder.out, or empty if the encoder failed. */
bool rfb_video_coded(struct rfb_video *v);
/* Appends the rectangle. */
void rfb_video_put(struct rfb_video *v, struct wbuf *w);
