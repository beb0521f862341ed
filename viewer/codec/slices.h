/*
 * The slices of one coded picture, on their way from the threads that finish them in any order to
 * somebody who needs them one after the other: each goes on as soon as all before it have.
 */
#pragma once

#include <pthread.h>

#include "viewer/proto/buf.h"

struct slices {
	pthread_mutex_t lock;
	void (*emit)(void *ctx, const u8 *p, size_t n); /* called with the lock held */
	void *ctx;
	u32 next;	  /* first macroblock of the slice that comes next */
	struct wbuf held; /* slices before their turn: u32 first, last, length, bytes */
	bool failed;	  /* no memory for one, or two with the same place */
};

__must_check int slices_init(struct slices *s, void (*emit)(void *, const u8 *, size_t), void *ctx);
void slices_free(struct slices *s);
/* A picture begins; of the one before nothing is left. */
void slices_begin(struct slices *s);
/* What comes before all slices, such as parameters, goes on at once. */
void slices_pass(struct slices *s, const u8 *p, size_t n);
/* A finished slice of macroblocks first to last. From any thread. */
void slices_put(struct slices *s, u32 first, u32 last, const u8 *p, size_t n);
/* All slices up to macroblock `count` have gone on. */
bool slices_whole(const struct slices *s, u32 count);
