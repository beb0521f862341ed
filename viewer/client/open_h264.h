/*
 * Open H.264 (RFB encoding 50, "The RFB Protocol", Open H.264 Encoding): rectangles that are video,
 * each with a decoder of its own that lives on until it is reset.
 */
#pragma once

#include "viewer/codec/video_dec.h"

#define H264_CONTEXTS 64u /* the protocol asks clients for as many */

struct open_h264 {
	struct {
		struct rect r;
		struct video_dec *dec; /* NULL: free */
		u64 used;	       /* when: a count of pictures */
	} list[H264_CONTEXTS];
	u64 count;
	struct wbuf padded;
	u32 pictures; /* painted, for whoever wants to know */
};

/*
 * Body of a rectangle that lies inside img. Bytes used, 0 = not all there, negative: junk that
 * breaks the protocol. A picture that cannot be decoded is left out, and its context forgotten;
 * *lost says so: the server must begin anew.
 */
__must_check ssize_t open_h264_get(struct open_h264 *o, const u8 *p, size_t n, struct rect r,
				   struct image *img, bool *lost);
void open_h264_free(struct open_h264 *o);
