/*
 * How fine a picture in motion must be: as near to the desktop's pixels as a JPEG of quality 92 in
 * 4:4:4 would be, whatever is shown. Other viewers send such JPEGs; nobody shall see less here.
 *
 * Blocks spread over the picture, other ones each time, are coded as that JPEG, and compared with
 * what the video made of them, both in RGB. The quantizer that would have made the same error is
 * that of the next picture. It follows from the quantizer a picture really had, so a link that
 * makes pictures coarser does not wind this up.
 */
#pragma once

#include "viewer/codec/image.h"

#define QUALITY_FINEST	 6.0 /* quantizers, on H.264's scale: six more are twice the step */
#define QUALITY_COARSEST 28.0

#define QUALITY_ACROSS 16u /* blocks of 16x16 */
#define QUALITY_DOWN   8u

struct quality {
	u32 w, h;	    /* of the pictures */
	struct image px;    /* the blocks of this picture, side by side */
	struct image coded; /* the same, as the JPEG or the video has them */
	struct wbuf jpeg;
	struct {
		u32 x, y;
		bool out; /* is not shown */
	} at[QUALITY_ACROSS * QUALITY_DOWN];
	u32 counted; /* blocks that are shown */
	u32 random;
	double wanted, had; /* errors, means of some pictures; `had` as if by quantizer 0 */
	double wanted_now;  /* this picture's */
	double carry;	    /* of the last quantizer, by rounding */
	double bytes;	    /* of the JPEG of the whole picture, about */
	u32 judged;	    /* pictures in `had`, up to a few */
	bool small;	    /* no block fits: a constant serves */
};

/* For pictures of w x h. 0 or ERR_NOMEM; quality_free() either way. */
__must_check int quality_init(struct quality *q, u32 w, u32 h);
void quality_free(struct quality *q);
/*
 * Takes the blocks of the next picture; stride in pixels. Quick. painted: the tiles of it that will be
 * shown, in bits as a commit carries them; blocks of others do not count. NULL: all.
 */
void quality_take(struct quality *q, const u32 *src, u32 stride, const u8 *painted);
/* The quantizer for the picture taken last, a whole number. start: nothing comes before it. */
double quality_want(struct quality *q, bool start);
/*
 * What became of that picture: the decoder's planes (YUV_709_FULL, 4:4:4), and the quantizer it got
 * in the end.
 */
void quality_judge(struct quality *q, u8 *const plane[3], const int pitch[3], double quantizer);
