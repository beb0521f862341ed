/*
 * One video encoder at work on a thread of its own, so that keys, small changes and exact tiles do
 * not wait for it. The owner starts a picture, sleeps on the event descriptor, takes the bytes: each
 * slice when it is finished, or all at the end.
 */
#pragma once

#include <pthread.h>

#include "viewer/codec/tiles.h"
#include "viewer/codec/video_enc.h"

struct coder {
	const struct video_enc_ops *ops;
	struct video_enc *enc; /* NULL until the first picture */
	struct rect r;	       /* what enc covers */
	u32 kbps;	       /* what enc was told last */
	u32 threads, effort;
	const struct video_enc_ops *instead; /* where ops cannot open; NULL: nothing else will do */
	u8 colour;			     /* enum yuv_colour of what enc makes */
	char refused[192];		     /* why `instead` took over; the owner empties it */
	int event; /* eventfd, the owner's: written when a picture is done */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool threaded, quit, busy, done; /* under lock */
	bool want_key, is_key;
	int result;
	struct wbuf out;      /* coded picture, under lock; the owner's once done */
	size_t taken;	      /* bytes of it that the owner has */
	bool early;	      /* the owner wants slices before the last one: it set this */
	u32 encode_us, spent; /* of the last picture; spent: the encoder's effort after it */
};

__must_check int coder_init(struct coder *c, const struct video_enc_ops *ops, u32 threads,
			    u32 effort, int event);
void coder_close(struct coder *c);
/*
 * Begins to code rectangle r of img; the pixels are taken before it returns. painted: as of struct
 * video_enc_ops. kbps 0: no limit. A rectangle other than the last one's starts a new sequence.
 * ERR_BUSY while one is being coded.
 */
__must_check int coder_start(struct coder *c, const struct image *img, struct rect r,
			     const u8 *painted, bool key, u32 kbps);
/* A picture has been started and is not done. */
bool coder_working(struct coder *c);
/* Adds to `to` what is finished and was not taken yet; the bytes. */
size_t coder_take(struct coder *c, struct wbuf *to);
/* True once after each start: `result`, `out` and `is_key` are then the owner's. */
bool coder_finished(struct coder *c);
