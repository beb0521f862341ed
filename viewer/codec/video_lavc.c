/*
 * H.264 4:2:0 through libavcodec: VAAPI and NVENC, and libx264 by the same path. One row a kind.
 * No picture is held back: one in, one out.
 */
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/codec/video_enc.h"

#define KEY_EVERY    600      /* pictures */
#define FREE_KBPS    2000000u /* where the link is no limit */
#define REOPEN_SHARE 4u	      /* a rate that differs by a quarter is worth a new sequence */

struct option {
	const char *name, *value;
};

struct kind {
	const char *codec;
	enum AVHWDeviceType hw; /* AV_HWDEVICE_TYPE_NONE: takes pictures from memory */
	bool fixed_rate;	/* cannot change while it runs */
	bool always_limited;	/* a free link is a limit far away: the mode never changes */
	struct option common[9], free[2], limited[2];
};

static const struct kind vaapi = {
    .codec = "h264_vaapi",
    .hw = AV_HWDEVICE_TYPE_VAAPI,
    .fixed_rate = true,
    .common = {{"async_depth", "1"}, {"profile", "high"}},
    .free = {{"rc_mode", "CQP"}, {"qp", "22"}},
    .limited = {{"rc_mode", "CBR"}},
};

static const struct kind nvenc = {
    .codec = "h264_nvenc",
    .common = {{"preset", "p3"},
	       {"tune", "ull"},
	       {"zerolatency", "1"},
	       {"delay", "0"},
	       {"forced-idr", "1"},
	       {"profile", "high"},
	       {"rc", "vbr"},
	       {"cq", "22"}},
};

/* Baseline is what Open H.264 prescribes. */
static const struct kind soft = {
    .codec = "libx264",
    .always_limited = true,
    .common = {{"preset", "ultrafast"},
	       {"tune", "zerolatency"},
	       {"profile", "baseline"},
	       {"forced-idr", "1"},
	       {"intra-refresh", "1"},
	       {"crf", "20"}},
};

static const struct {
	enum AVColorPrimaries primaries;
	enum AVColorTransferCharacteristic transfer;
	enum AVColorSpace space;
	enum AVColorRange range;
} colours[YUV_COLOURS] = {
    [YUV_709_FULL] = {AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709, AVCOL_RANGE_JPEG},
    [YUV_601] = {AVCOL_PRI_SMPTE170M, AVCOL_TRC_SMPTE170M, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG},
    [YUV_709] = {AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG},
    [YUV_601_FULL] = {AVCOL_PRI_SMPTE170M, AVCOL_TRC_SMPTE170M, AVCOL_SPC_SMPTE170M,
		      AVCOL_RANGE_JPEG},
};

struct video_enc {
	const struct kind *kind;
	struct video_conf conf;
	AVCodecContext *ctx;
	AVBufferRef *device;
	AVFrame *frame; /* in memory */
	AVPacket *packet;
	s64 pts;
	bool renew; /* opened anew for another rate: the next picture begins a sequence */
};

static const char *device_name = "";

void video_device(const char *name)
{
	device_name = name;
}

/* What libavcodec and its libraries complained of: more than an error number tells. */
static _Thread_local char complaint[128];

static void keep_complaint(void *from, int level, const char *format, va_list ap)
{
	if (level > AV_LOG_ERROR || *complaint)
		return;
	vsnprintf(complaint, sizeof(complaint), format, ap);
	complaint[strcspn(complaint, "\n")] = 0;
}

static void say(const struct video_conf *c, const char *what, int e)
{
	char text[AV_ERROR_MAX_STRING_SIZE] = "";

	if (!c->why)
		return;
	if (e)
		av_strerror(e, text, sizeof(text));
	snprintf(c->why, c->why_n, "%s%s%s", what, e ? ": " : "",
		 e && *complaint ? complaint : text);
}

static int set_options(AVCodecContext *ctx, const struct option *list, size_t n)
{
	for (size_t i = 0; i < n && list[i].name; i++) {
		int e = av_opt_set(ctx->priv_data, list[i].name, list[i].value, 0);
		if (e < 0)
			return e;
	}
	return 0;
}

static void set_rate(struct video_enc *e, u32 kbps)
{
	s64 bits = (s64)(kbps ? kbps : FREE_KBPS) * 1000;

	e->conf.kbps = kbps;
	e->ctx->rc_max_rate = bits;
	e->ctx->rc_buffer_size = (int)(bits * 2 / (e->conf.fps ? e->conf.fps : 30));
	if (!e->kind->always_limited)
		e->ctx->bit_rate = bits;
}

/* Pictures in the card's memory, of which one is filled from ours. */
static int make_pool(struct video_enc *e)
{
	AVBufferRef *ref = av_hwframe_ctx_alloc(e->device);
	int err = ref ? 0 : AVERROR(ENOMEM);

	if (err)
		return err;
	AVHWFramesContext *f = (AVHWFramesContext *)ref->data;
	f->format = AV_PIX_FMT_VAAPI;
	f->sw_format = AV_PIX_FMT_NV12;
	f->width = (int)e->conf.w;
	f->height = (int)e->conf.h;
	f->initial_pool_size = 8;
	err = av_hwframe_ctx_init(ref);
	if (err >= 0)
		e->ctx->hw_frames_ctx = av_buffer_ref(ref);
	av_buffer_unref(&ref);
	return err;
}

static int start(struct video_enc *e, const AVCodec *codec)
{
	const struct kind *k = e->kind;
	bool limited = e->conf.kbps != 0;
	int err;

	avcodec_free_context(&e->ctx);
	e->ctx = avcodec_alloc_context3(codec);
	if (!e->ctx)
		return AVERROR(ENOMEM);
	AVCodecContext *x = e->ctx;
	x->width = (int)e->conf.w;
	x->height = (int)e->conf.h;
	x->time_base = (AVRational){1, (int)(e->conf.fps ? e->conf.fps : 30)};
	x->framerate = av_inv_q(x->time_base);
	x->pix_fmt = k->hw == AV_HWDEVICE_TYPE_VAAPI ? AV_PIX_FMT_VAAPI : AV_PIX_FMT_NV12;
	x->gop_size = KEY_EVERY;
	x->max_b_frames = 0;
	x->refs = 1;
	x->thread_count = (int)e->conf.threads;
	x->slices = 1;
	x->thread_type = FF_THREAD_SLICE;
	x->color_primaries = colours[e->conf.colour].primaries;
	x->color_trc = colours[e->conf.colour].transfer;
	x->colorspace = colours[e->conf.colour].space;
	x->color_range = colours[e->conf.colour].range;
	if (limited || k->always_limited)
		set_rate(e, e->conf.kbps);
	if (k->hw != AV_HWDEVICE_TYPE_NONE && (err = make_pool(e)) < 0)
		return err;
	err = set_options(x, k->common, ARRAY_SIZE(k->common));
	if (err >= 0)
		err = limited ? set_options(x, k->limited, ARRAY_SIZE(k->limited))
			      : set_options(x, k->free, ARRAY_SIZE(k->free));
	if (err >= 0 && k == &nvenc && *device_name)
		err = av_opt_set(x->priv_data, "gpu", device_name, 0);
	return err < 0 ? err : avcodec_open2(x, codec, NULL);
}

static void lavc_close(struct video_enc *e)
{
	if (!e)
		return;
	avcodec_free_context(&e->ctx);
	av_frame_free(&e->frame);
	av_packet_free(&e->packet);
	av_buffer_unref(&e->device);
	free(e);
}

static struct video_enc *lavc_open(const struct kind *k, const struct video_conf *c)
{
	const AVCodec *codec = avcodec_find_encoder_by_name(k->codec);
	struct video_enc *e = calloc(1, sizeof(*e));
	char what[128];
	int err = 0;

	*complaint = 0;
	av_log_set_callback(keep_complaint); /* told by us, with what follows from it */
	snprintf(what, sizeof(what), "%s", k->codec);
	if (!e || !codec) {
		snprintf(what, sizeof(what), "this libavcodec has no %s", k->codec);
		goto fail;
	}
	e->kind = k;
	e->conf = *c;
	if (c->w % 2 || c->h % 2) {
		err = AVERROR(EINVAL);
		goto fail;
	}
	if (k->hw != AV_HWDEVICE_TYPE_NONE) {
		err = av_hwdevice_ctx_create(&e->device, k->hw, *device_name ? device_name : NULL,
					     NULL, 0);
		snprintf(what, sizeof(what), "no device%s%s for %s", *device_name ? " " : "",
			 device_name, k->codec);
		if (err < 0)
			goto fail;
		snprintf(what, sizeof(what), "%s", k->codec);
	}
	err = start(e, codec);
	if (err < 0)
		goto fail;
	e->packet = av_packet_alloc();
	e->frame = av_frame_alloc();
	if (!e->packet || !e->frame) {
		err = AVERROR(ENOMEM);
		goto fail;
	}
	e->frame->format = AV_PIX_FMT_NV12;
	e->frame->width = (int)c->w;
	e->frame->height = (int)c->h;
	err = av_frame_get_buffer(e->frame, 0);
	if (err >= 0)
		return e;
fail:
	say(c, what, err);
	lavc_close(e);
	return NULL;
}

static int lavc_rate(struct video_enc *e, u32 kbps)
{
	u32 was = e->conf.kbps, differs = kbps > was ? kbps - was : was - kbps;
	bool same_mode = e->kind->always_limited || !kbps == !was;

	if (!e->kind->fixed_rate && same_mode) {
		set_rate(e, kbps);
		return 0;
	}
	if (same_mode && differs * REOPEN_SHARE < was)
		return 0;
	e->conf.kbps = kbps;
	e->renew = true;
	return start(e, e->ctx->codec) < 0 ? ERR_UNSUPPORTED : 0;
}

static void lavc_load(struct video_enc *e, const u32 *src, u32 stride, const u8 *painted)
{
	/* Whoever still reads the last picture keeps it. */
	if (av_frame_make_writable(e->frame) < 0)
		return;
	nv12_from_rgb(e->conf.colour, src, stride, e->conf.w, e->conf.h, e->frame->data,
		      e->frame->linesize);
}

static int send(struct video_enc *e, bool key)
{
	AVFrame *f = e->frame, *card = NULL;
	int err = 0;

	if (e->kind->hw != AV_HWDEVICE_TYPE_NONE) {
		card = av_frame_alloc();
		err =
		    card ? av_hwframe_get_buffer(e->ctx->hw_frames_ctx, card, 0) : AVERROR(ENOMEM);
		if (err >= 0)
			err = av_hwframe_transfer_data(card, e->frame, 0);
		f = card;
	}
	if (err >= 0) {
		f->pts = e->pts++;
		f->pict_type = key || e->renew ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
		err = avcodec_send_frame(e->ctx, f);
	}
	av_frame_free(&card);
	e->renew = false;
	return err;
}

/*
 * Does a decoder that knows nothing yet begin here? The packet's own flag says so of a recovery
 * point of intra refresh, too, which it cannot: the first slice's type decides (H.264 table 7-1).
 */
static bool begins_sequence(const u8 *p, size_t n)
{
	for (size_t i = 0; i + 3 < n; i++) {
		if (p[i] || p[i + 1] || p[i + 2] != 1)
			continue;
		u8 type = p[i + 3] & 31;
		if (type == 1 || type == 5)
			return type == 5;
	}
	return false;
}

static int lavc_encode(struct video_enc *e, bool key, bool *key_out)
{
	bool any = false;

	*key_out = false;
	if (send(e, key) < 0)
		return ERR_IO;
	while (avcodec_receive_packet(e->ctx, e->packet) >= 0) {
		e->conf.emit(e->conf.ctx, e->packet->data, (size_t)e->packet->size);
		*key_out |= begins_sequence(e->packet->data, (size_t)e->packet->size);
		any = true;
		av_packet_unref(e->packet);
	}
	return any ? 0 : ERR_UNSUPPORTED; /* it holds pictures back */
}

static struct video_enc *vaapi_open(const struct video_conf *c)
{
	return lavc_open(&vaapi, c);
}

static struct video_enc *nvenc_open(const struct video_conf *c)
{
	return lavc_open(&nvenc, c);
}

static struct video_enc *soft_open(const struct video_conf *c)
{
	return lavc_open(&soft, c);
}

#define OPS(k, shown)                                                                             \
	{                                                                                         \
		.key = #k, .name = shown, .format = VIDEO_H264_420, .open = k##_open,             \
		.rate = lavc_rate, .load = lavc_load, .encode = lavc_encode, .close = lavc_close, \
	}

const struct video_enc_ops video_vaapi = OPS(vaapi, "VAAPI 4:2:0");
const struct video_enc_ops video_nvenc = OPS(nvenc, "NVENC 4:2:0");
const struct video_enc_ops video_soft = OPS(soft, "libavcodec x264 4:2:0");
