/* Which decoder works is said truly, and what a graphics card hands over comes out as planes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <libavutil/frame.h>

#include "viewer/codec/video_dec.h"

static void test_names(void **state)
{
	static const struct {
		enum video_hw hw;
		u8 format;
		const char *names[2]; /* with the card, and without */
	} rows[] = {
	    {VIDEO_HW_NONE, VIDEO_H264_444, {"h264 in software", NULL}},
	    {VIDEO_HW_NONE, VIDEO_H264_420, {"h264 in software", NULL}},
	    {VIDEO_HW_VAAPI, VIDEO_H264_444, {"h264 in software: vaapi has no 4:4:4", NULL}},
	    {VIDEO_HW_VAAPI,
	     VIDEO_H264_420,
	     {"h264 by vaapi", "h264 in software: vaapi is not here"}},
	    {VIDEO_HW_VDPAU,
	     VIDEO_H264_420,
	     {"h264 by vdpau", "h264 in software: vdpau is not here"}},
	    {VIDEO_HW_CUDA, VIDEO_H264_420, {"h264 by cuda", "h264 in software: cuda is not here"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		video_dec_prefer(rows[i].hw);
		struct video_dec *d = video_dec_open(rows[i].format, 1);
		assert_non_null(d);
		const char *name = video_dec_name(d), *other = rows[i].names[1];
		if (strcmp(name, rows[i].names[0]))
			assert_string_equal(name, other ? other : rows[i].names[0]);
		video_dec_close(d);
	}
	video_dec_prefer(VIDEO_HW_NONE);
}

static AVFrame *frame(int format, int w, int h, enum AVColorRange range)
{
	AVFrame *f = av_frame_alloc();

	assert_non_null(f);
	f->format = format;
	f->width = w;
	f->height = h;
	f->color_range = range;
	assert_int_equal(av_frame_get_buffer(f, 0), 0);
	return f;
}

static void test_planes(void **state)
{
	enum { W = 35, H = 17 }; /* odd: the last chroma sample belongs to one pixel */
	AVFrame *f = frame(AV_PIX_FMT_NV12, W, H, AVCOL_RANGE_JPEG);

	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			f->data[0][y * f->linesize[0] + x] = (u8)(x * 7 + y * 3);
	for (int y = 0; y < (H + 1) / 2; y++)
		for (int x = 0; x < (W + 1) / 2; x++) {
			f->data[1][y * f->linesize[1] + 2 * x] = (u8)(x * 5 + y);
			f->data[1][y * f->linesize[1] + 2 * x + 1] = (u8)(200 - x - y);
		}
	assert_int_equal(video_hw_fetch(f), 0);
	assert_int_equal(f->format, AV_PIX_FMT_YUVJ420P);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			assert_int_equal(f->data[0][y * f->linesize[0] + x], (u8)(x * 7 + y * 3));
			assert_int_equal(f->data[1][y / 2 * f->linesize[1] + x / 2],
					 (u8)(x / 2 * 5 + y / 2));
			assert_int_equal(f->data[2][y / 2 * f->linesize[2] + x / 2],
					 (u8)(200 - x / 2 - y / 2));
		}
	av_frame_free(&f);

	f = frame(AV_PIX_FMT_NV12, W, H, AVCOL_RANGE_MPEG);
	assert_int_equal(video_hw_fetch(f), 0);
	assert_int_equal(f->format, AV_PIX_FMT_YUV420P);
	av_frame_free(&f);

	f = frame(AV_PIX_FMT_YUV444P, W, H, AVCOL_RANGE_JPEG);
	const u8 *kept = f->data[0];
	assert_int_equal(video_hw_fetch(f), 0);
	assert_ptr_equal(f->data[0], kept);
	av_frame_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_planes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
