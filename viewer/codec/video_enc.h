/*
 * Video for what moves: H.264, one encoder a rectangle of the desktop.
 *
 * The encoder adds no delay: a picture in, its slices out, before the call returns.
 */
#pragma once

#include "viewer/codec/image.h"
#include "viewer/codec/yuv.h"
#include "viewer/proto/native.h"

struct video_conf {
	u32 w, h;    /* pixels */
	u32 fps;     /* expected, for rate control */
	u32 kbps;    /* what the link carries; 0 = no limit */
	u32 threads; /* slices in parallel */
	u32 effort;  /* 0..3: processor time to spend at most */
	u8 colour;   /* YUV_*, 4:2:0 encoders only; the others are YUV_709_FULL */
	/* Called for each finished piece, in the stream's order and before encode() returns: by any of
	 * the encoder's threads, but by one at a time. */
	void (*emit)(void *ctx, const u8 *p, size_t n);
	void *ctx;
	char *why; /* not NULL: open() says here why it failed */
	size_t why_n;
};

struct video_enc;

struct video_enc_ops {
	const char *key;  /* its name in the configuration */
	const char *name; /* shown to the person: "x264 4:4:4" */
	u8 format;	  /* VIDEO_H264_* */
	struct video_enc *(*open)(const struct video_conf *c);
	/* Changes the rate from the next picture on. */
	int (*rate)(struct video_enc *e, u32 kbps);
	/* Takes the pixels; src is the rectangle's first, stride in pixels. Quick. painted: of which of
	 * its tiles they will be shown, in bits as a commit carries them; NULL: of all. */
	void (*load)(struct video_enc *e, const u32 *src, u32 stride, const u8 *painted);
	/* Codes the picture loaded last. key: start a new sequence. *key_out: it did. */
	int (*encode)(struct video_enc *e, bool key, bool *key_out);
	/* How much effort it makes by now, 0 the least; NULL: it has no choice. */
	u32 (*effort)(const struct video_enc *e);
	void (*close)(struct video_enc *e);
};

extern const struct video_enc_ops video_x264;
/*
 * 4:2:0 through libavcodec: a graphics card's encoder, and the same path in software. Width and
 * height must be even.
 */
extern const struct video_enc_ops video_vaapi, video_nvenc, video_soft;

/* The device of video_vaapi (a render node) and video_nvenc (a number); "": the first. Kept. */
void video_device(const char *name);
