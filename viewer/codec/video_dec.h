/* H.264 pictures back to pixels, by libavcodec. */
#pragma once

#include "viewer/codec/image.h"
#include "viewer/codec/tiles.h"
#include "viewer/codec/video_hw.h"

struct video_dec;

/* What decodes from here on, as far as there is one for the stream. Cards decode 4:2:0 alone. */
void video_dec_prefer(enum video_hw hw);
/* NULL: no such decoder here. threads: slices decoded in parallel. */
struct video_dec *video_dec_open(u8 format, u32 threads);
/* Larger pictures than so many pixels are junk, before memory is taken for them. */
void video_dec_limit(struct video_dec *d, u64 pixels);
void video_dec_close(struct video_dec *d);
/* For people: what decodes, and why not what was asked for. Good until the next call. */
const char *video_dec_name(struct video_dec *d);
/*
 * Decodes one coded picture (p[0..n), which has 64 readable zero bytes behind it) that covers `r` of
 * `img`, and paints its tiles set in mask (see struct native_commit). Painted tiles are added to
 * `painted`. ERR_CORRUPT: not a picture of that size; the sequence must start anew.
 */
__must_check int video_dec_paint(struct video_dec *d, const u8 *p, size_t n, struct rect r,
				 const u8 *mask, struct image *img, struct tileset *painted);
/*
 * The same for a stream of others (Open H.264): one or several pictures, of which the last paints
 * all of r; a larger one is cut. 1: painted, 0: there was no picture yet, ERR_CORRUPT: junk.
 */
__must_check int video_dec_show(struct video_dec *d, const u8 *p, size_t n, struct rect r,
				struct image *img);
/* Bytes that must follow a coded picture. */
#define VIDEO_PADDING 64u
