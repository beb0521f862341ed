#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>

#include "core/base/err.h"
#include "viewer/codec/video_dec.h"
#include "viewer/codec/yuv.h"

struct video_dec {
	AVCodecContext *ctx;
	AVFrame *frame;
	AVPacket *packet;
	u8 format;
	const char *codec;
	bool no_card; /* asked for, and not there */
	char name[80];
};

static enum video_hw preferred; /* the person's choice, for the whole program */

void video_dec_prefer(enum video_hw hw)
{
	preferred = hw;
}

struct video_dec *video_dec_open(u8 format, u32 threads)
{
	const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
	struct video_dec *d = calloc(1, sizeof(*d));

	if (!codec || !d)
		goto fail;
	d->format = format;
	d->ctx = avcodec_alloc_context3(codec);
	d->frame = av_frame_alloc();
	d->packet = av_packet_alloc();
	if (!d->ctx || !d->frame || !d->packet)
		goto fail;
	d->ctx->flags |= AV_CODEC_FLAG_LOW_DELAY;
	d->ctx->flags2 |= AV_CODEC_FLAG2_FAST;
	d->ctx->thread_count = (int)threads;
	d->ctx->thread_type = FF_THREAD_SLICE;
	d->ctx->max_pixels = RFB_MAX_PIXELS;
	d->ctx->err_recognition = AV_EF_EXPLODE;
	av_log_set_level(AV_LOG_QUIET); /* a peer's junk is told by us, once */
	if (preferred != VIDEO_HW_NONE && format == VIDEO_H264_420)
		d->no_card = video_hw_attach(d->ctx, preferred) != 0;
	if (avcodec_open2(d->ctx, codec, NULL) < 0)
		goto fail;
	d->codec = codec->name;
	return d;
fail:
	video_dec_close(d);
	return NULL;
}

void video_dec_limit(struct video_dec *d, u64 pixels)
{
	d->ctx->max_pixels = (s64)pixels;
}

void video_dec_close(struct video_dec *d)
{
	if (!d)
		return;
	avcodec_free_context(&d->ctx);
	av_frame_free(&d->frame);
	av_packet_free(&d->packet);
	free(d);
}

const char *video_dec_name(struct video_dec *d)
{
	const char *card = video_hw_names[preferred];

	if (d->ctx->hw_device_ctx && video_hw_works(d->ctx))
		snprintf(d->name, sizeof(d->name), "%s by %s", d->codec, card);
	else
		snprintf(d->name, sizeof(d->name), "%s in software%s%s%s", d->codec,
			 preferred == VIDEO_HW_NONE ? "" : ": ",
			 preferred == VIDEO_HW_NONE ? "" : card,
			 preferred == VIDEO_HW_NONE    ? ""
			 : d->format == VIDEO_H264_444 ? " has no 4:4:4"
			 : d->no_card		       ? " is not here"
						       : " declines this");
	return d->name;
}

static void paint_tile(const struct video_dec *d, struct rect r, u32 tx, u32 ty, struct image *img)
{
	const AVFrame *f = d->frame;
	bool half = d->format == VIDEO_H264_420;
	u32 x = tx * TILE_W, y0 = ty * TILE_H;
	u32 w = r.w - x < TILE_W ? r.w - x : TILE_W, h = r.h - y0 < TILE_H ? r.h - y0 : TILE_H;

	for (u32 y = y0; y < y0 + h; y++) {
		size_t cy = half ? y / 2 : y, cx = half ? x / 2 : x;
		const u8 *l = f->data[0] + (ptrdiff_t)y * f->linesize[0] + x;
		const u8 *cb = f->data[1] + (ptrdiff_t)cy * f->linesize[1] + cx;
		const u8 *cr = f->data[2] + (ptrdiff_t)cy * f->linesize[2] + cx;
		u32 *dst = image_at(img, r.x + x, r.y + y);

		if (half)
			yuv420_row_to_rgb(l, cb, cr, dst, w);
		else
			yuv_row_to_rgb(l, cb, cr, dst, w);
	}
}

int video_dec_paint(struct video_dec *d, const u8 *p, size_t n, struct rect r, const u8 *mask,
		    struct image *img, struct tileset *painted)
{
	enum AVPixelFormat want =
	    d->format == VIDEO_H264_420 ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUVJ444P;
	enum AVPixelFormat also =
	    d->format == VIDEO_H264_420 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV444P;
	u32 across = tiles_across(r.w), down = tiles_down(r.h);

	if (n > NATIVE_MAX_AU)
		return ERR_RANGE;
	d->packet->data = (u8 *)p;
	d->packet->size = (int)n;
	if (avcodec_send_packet(d->ctx, d->packet) < 0)
		return ERR_CORRUPT;
	if (avcodec_receive_frame(d->ctx, d->frame) < 0)
		return ERR_CORRUPT;
	if (video_hw_fetch(d->frame)) {
		av_frame_unref(d->frame);
		return ERR_CORRUPT;
	}
	if (d->frame->width != r.w || d->frame->height != r.h ||
	    (d->frame->format != want && d->frame->format != also)) {
		av_frame_unref(d->frame);
		return ERR_CORRUPT;
	}
	for (u32 i = 0; i < across * down; i++) {
		if (!(mask[i / 8] & 0x80 >> i % 8))
			continue;
		paint_tile(d, r, i % across, i / across, img);
		tileset_add(painted, (r.y / TILE_H + i / across) * painted->cols + r.x / TILE_W +
					 i % across);
	}
	av_frame_unref(d->frame);
	return 0;
}

static enum yuv_colour colour_of(const AVFrame *f)
{
	bool full = f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P ||
		    f->format == AV_PIX_FMT_YUVJ444P;

	/* Unsaid is BT.601, as VNC clients that do not look take it for that. */
	if (f->colorspace == AVCOL_SPC_BT709)
		return full ? YUV_709_FULL : YUV_709;
	return full ? YUV_601_FULL : YUV_601;
}

static int show_frame(const AVFrame *f, struct rect r, struct image *img)
{
	bool half = f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P;
	bool whole = f->format == AV_PIX_FMT_YUV444P || f->format == AV_PIX_FMT_YUVJ444P;

	if ((!half && !whole) || f->width < r.w || f->height < r.h)
		return ERR_CORRUPT;
	for (u32 y = 0; y < r.h; y++) {
		ptrdiff_t cy = half ? y / 2 : y;

		yuv_row_of(colour_of(f), half, f->data[0] + (ptrdiff_t)y * f->linesize[0],
			   f->data[1] + cy * f->linesize[1], f->data[2] + cy * f->linesize[2],
			   image_at(img, r.x, (u32)r.y + y), r.w);
	}
	return 1;
}

/* Decodes one access unit; keeps its picture in d->frame. 1, 0: none came of it, or ERR_CORRUPT. */
static int decode_unit(struct video_dec *d, u8 *p, int n)
{
	d->packet->data = p;
	d->packet->size = n;
	if (avcodec_send_packet(d->ctx, d->packet) < 0)
		return ERR_CORRUPT;
	int e = avcodec_receive_frame(d->ctx, d->frame);
	return !e ? 1 : e == AVERROR(EAGAIN) ? 0 : ERR_CORRUPT;
}

int video_dec_show(struct video_dec *d, const u8 *p, size_t n, struct rect r, struct image *img)
{
	AVCodecParserContext *parser;
	int left = (int)n, shown = 0, e = 0;

	if (n > NATIVE_MAX_AU)
		return ERR_RANGE;
	parser = av_parser_init(AV_CODEC_ID_H264);
	if (!parser)
		return ERR_NOMEM;
	for (bool end = false; e >= 0 && !end;) {
		u8 *unit = NULL;
		int size = 0;

		end = !left; /* asked with nothing, the parser gives what it has gathered */
		int used = av_parser_parse2(parser, d->ctx, &unit, &size, left ? p : NULL, left,
					    AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
		if (used < 0 || used > left || (!used && !size && left)) {
			e = ERR_CORRUPT;
			break;
		}
		p += used;
		left -= used;
		if (size)
			e = decode_unit(d, unit, size);
		if (e > 0)
			shown = show_frame(d->frame, r, img);
		if (shown < 0)
			e = shown;
	}
	av_parser_close(parser);
	av_frame_unref(d->frame);
	return e < 0 ? e : shown;
}
