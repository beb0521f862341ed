#include <string.h>
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>

#include "core/base/err.h"
#include "core/base/types.h"
#include "viewer/codec/video_hw.h"

const char *const video_hw_names[VIDEO_HW_COUNT] = {
    [VIDEO_HW_NONE] = "software",
    [VIDEO_HW_VAAPI] = "vaapi",
    [VIDEO_HW_VDPAU] = "vdpau",
    [VIDEO_HW_CUDA] = "cuda",
};

static const struct {
	enum AVHWDeviceType device;
	enum AVPixelFormat format; /* of frames that lie on the card */
} cards[VIDEO_HW_COUNT] = {
    [VIDEO_HW_VAAPI] = {AV_HWDEVICE_TYPE_VAAPI, AV_PIX_FMT_VAAPI},
    [VIDEO_HW_VDPAU] = {AV_HWDEVICE_TYPE_VDPAU, AV_PIX_FMT_VDPAU},
    [VIDEO_HW_CUDA] = {AV_HWDEVICE_TYPE_CUDA, AV_PIX_FMT_CUDA},
};

static bool on_card(enum AVPixelFormat f)
{
	for (int i = VIDEO_HW_NONE + 1; i < VIDEO_HW_COUNT; i++)
		if (cards[i].format == f)
			return true;
	return false;
}

/* libavcodec asks once it knows the stream: the card's format if offered, else the first in memory. */
static enum AVPixelFormat choose(AVCodecContext *ctx, const enum AVPixelFormat *list)
{
	enum AVPixelFormat memory = AV_PIX_FMT_NONE;

	for (; *list != AV_PIX_FMT_NONE; list++) {
		if (on_card(*list) && ctx->hw_device_ctx)
			return *list;
		const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(*list);
		if (memory == AV_PIX_FMT_NONE && d && !(d->flags & AV_PIX_FMT_FLAG_HWACCEL))
			memory = *list;
	}
	return memory;
}

int video_hw_attach(AVCodecContext *ctx, enum video_hw hw)
{
	if (hw <= VIDEO_HW_NONE || hw >= VIDEO_HW_COUNT)
		return ERR_INVAL;
	if (av_hwdevice_ctx_create(&ctx->hw_device_ctx, cards[hw].device, NULL, NULL, 0) < 0) {
		ctx->hw_device_ctx = NULL;
		return ERR_NOENT;
	}
	ctx->get_format = choose;
	return 0;
}

bool video_hw_works(const AVCodecContext *ctx)
{
	return ctx->hw_device_ctx && (ctx->pix_fmt == AV_PIX_FMT_NONE || on_card(ctx->pix_fmt));
}

/* NV12's second plane, Cb and Cr in turn, into two. */
static int part(const AVFrame *from, AVFrame *to)
{
	bool full = from->color_range == AVCOL_RANGE_JPEG;

	to->format = full ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
	to->width = from->width;
	to->height = from->height;
	if (av_frame_get_buffer(to, 0) < 0 || av_frame_copy_props(to, from) < 0)
		return ERR_NOMEM;
	for (int y = 0; y < from->height; y++)
		memcpy(to->data[0] + (ptrdiff_t)y * to->linesize[0],
		       from->data[0] + (ptrdiff_t)y * from->linesize[0], (size_t)from->width);
	for (int y = 0; y < (from->height + 1) / 2; y++) {
		const u8 *s = from->data[1] + (ptrdiff_t)y * from->linesize[1];
		u8 *cb = to->data[1] + (ptrdiff_t)y * to->linesize[1];
		u8 *cr = to->data[2] + (ptrdiff_t)y * to->linesize[2];

		for (int x = 0; x < (from->width + 1) / 2; x++) {
			cb[x] = s[2 * x];
			cr[x] = s[2 * x + 1];
		}
	}
	return 0;
}

static int to_planes(AVFrame *f)
{
	AVFrame *planes = av_frame_alloc();
	int e = planes ? part(f, planes) : ERR_NOMEM;

	if (!e) {
		av_frame_unref(f);
		av_frame_move_ref(f, planes);
	}
	av_frame_free(&planes);
	return e;
}

int video_hw_fetch(AVFrame *f)
{
	AVFrame *memory;
	int e = 0;

	if (on_card((enum AVPixelFormat)f->format)) {
		memory = av_frame_alloc();
		if (!memory)
			return ERR_NOMEM;
		if (av_hwframe_transfer_data(memory, f, 0) < 0 ||
		    av_frame_copy_props(memory, f) < 0) {
			av_frame_free(&memory);
			return ERR_CORRUPT;
		}
		av_frame_unref(f);
		av_frame_move_ref(f, memory);
		av_frame_free(&memory);
	}
	if (f->format == AV_PIX_FMT_NV12)
		e = to_planes(f);
	return e;
}
