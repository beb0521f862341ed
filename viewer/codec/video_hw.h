/*
 * Decoding by a graphics card, where the person asked for one by name: libavcodec's own decoder with
 * a device behind it. Cards decode 4:2:0 alone. What cannot be had is said in the decoder's name.
 */
#pragma once

#include <libavcodec/avcodec.h>

enum video_hw {
	VIDEO_HW_NONE,
	VIDEO_HW_VAAPI,
	VIDEO_HW_VDPAU,
	VIDEO_HW_CUDA, /* NVDEC */
	VIDEO_HW_COUNT,
};

/* "software", "vaapi", ... */
extern const char *const video_hw_names[VIDEO_HW_COUNT];

/* Puts a device behind a decoder that is not open yet. ERR_NOENT: there is none here. */
int video_hw_attach(AVCodecContext *ctx, enum video_hw hw);
/* Does the card decode what came? Before the first picture: true if one is attached. */
bool video_hw_works(const AVCodecContext *ctx);
/*
 * Where the frame lies on the card, its pixels in memory take its place as planes of 4:2:0. A frame in
 * memory stays as it is. ERR_CORRUPT: a layout other than 8-bit 4:2:0.
 */
int video_hw_fetch(AVFrame *f);
