/* libx264, High 4:4:4 Predictive, zero latency, intra refresh instead of key pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <x264.h>

#include "core/base/err.h"
#include "viewer/codec/slices.h"
#include "viewer/codec/video_enc.h"
#include "viewer/codec/yuv.h"

struct video_enc {
	struct video_conf conf;
	x264_t *x;
	x264_param_t param;
	x264_picture_t pic;
	s64 pts;
	struct slices slices;
	_Atomic bool no_memory;
};

static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster"};

/* Constant quality where the link allows it; the buffer holds two pictures, so a picture that
 * would not fit is coarser instead of late. */
static void set_rate(x264_param_t *p, u32 kbps, u32 fps)
{
	u32 rate = kbps ? kbps : 2000000,
	    most = NATIVE_MAX_AU / 125 / 4 * 3; /* kbit, some to spare */
	u32 buffer = rate * 2 / (fps ? fps : 30);

	p->rc.i_vbv_max_bitrate = (int)rate;
	p->rc.i_vbv_buffer_size = (int)(buffer < 1 ? 1 : buffer > most ? most : buffer);
}

static void x264_enc_close(struct video_enc *e)
{
	if (!e)
		return;
	if (e->x)
		x264_encoder_close(e->x);
	x264_picture_clean(&e->pic);
	slices_free(&e->slices);
	free(e);
}

/* A slice is done, or what goes before slices; any thread may say so. */
static void on_nal(x264_t *x, x264_nal_t *nal, void *opaque)
{
	struct video_enc *e = opaque;
	/* Escaping may add half of it, x264.h says. */
	u8 *p = malloc((size_t)nal->i_payload * 3 / 2 + 5 + 64);

	if (!p) {
		e->no_memory = true;
		return;
	}
	x264_nal_encode(x, p, nal);
	if (nal->i_type == NAL_SLICE || nal->i_type == NAL_SLICE_IDR)
		slices_put(&e->slices, (u32)nal->i_first_mb, (u32)nal->i_last_mb, p,
			   (size_t)nal->i_payload);
	else
		slices_pass(&e->slices, p, (size_t)nal->i_payload);
	free(p);
}

static struct video_enc *x264_enc_open(const struct video_conf *c)
{
	struct video_enc *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->conf = *c;
	x264_param_t *p = &e->param;
	if (x264_param_default_preset(p, presets[c->effort < ARRAY_SIZE(presets) ? c->effort : 3],
				      "zerolatency") < 0)
		goto fail;
	p->i_log_level = X264_LOG_NONE;
	p->i_width = (int)c->w;
	p->i_height = (int)c->h;
	p->i_csp = X264_CSP_I444;
	p->i_fps_num = c->fps;
	p->i_fps_den = 1;
	p->i_threads = (int)c->threads;
	p->b_sliced_threads = c->threads > 1;
	p->i_keyint_max = 600;
	p->b_intra_refresh = 1;
	p->i_frame_reference = 1;
	p->b_annexb = 1;
	p->nalu_process = on_nal;
	p->b_repeat_headers = 1;
	p->b_aud = 0;
	p->b_vfr_input = 0;
	p->vui.b_fullrange = 1;
	p->vui.i_colorprim = 1;
	p->vui.i_transfer = 1;
	p->vui.i_colmatrix = 1;
	p->rc.i_rc_method = X264_RC_CRF;
	/* One quantizer whatever the content, as a still picture's coder has: pictures full of detail,
	 * such as horizons and volumes, are not made coarser for it. */
	p->rc.f_rf_constant = 20;
	p->rc.f_qcompress = 1;
	/* Colours carry as much of a picture's error as brightness, once back in RGB: the encoder's
	 * habit of coding them six steps coarser in 4:4:4 is undone, and one more. Intra 4x4 saves a
	 * tenth. */
	p->analyse.i_chroma_qp_offset = -7;
	p->analyse.intra |= X264_ANALYSE_I4x4;
	p->analyse.inter |= X264_ANALYSE_I4x4;
	p->analyse.b_psnr = 0;
	p->analyse.b_ssim = 0;
	set_rate(p, c->kbps, c->fps);
	if (x264_param_apply_profile(p, "high444") < 0)
		goto fail;
	if (x264_picture_alloc(&e->pic, X264_CSP_I444, (int)c->w, (int)c->h) < 0)
		goto fail;
	e->pic.opaque = e;
	if (slices_init(&e->slices, c->emit, c->ctx))
		goto fail;
	e->x = x264_encoder_open(p);
	if (!e->x)
		goto fail;
	return e;
fail:
	if (c->why)
		snprintf(c->why, c->why_n, "libx264 takes no %ux%u", c->w, c->h);
	x264_enc_close(e);
	return NULL;
}

static int x264_enc_rate(struct video_enc *e, u32 kbps)
{
	set_rate(&e->param, kbps, e->conf.fps);
	return x264_encoder_reconfig(e->x, &e->param) < 0 ? ERR_INVAL : 0;
}

static void x264_enc_load(struct video_enc *e, const u32 *src, u32 stride)
{
	yuv_from_rgb(src, stride, e->conf.w, e->conf.h, e->pic.img.plane, e->pic.img.i_stride);
}

static int x264_enc_encode(struct video_enc *e, bool key, bool *key_out)
{
	x264_nal_t *nal;
	x264_picture_t out;
	int n = 0;

	e->pic.i_pts = e->pts++;
	e->pic.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
	slices_begin(&e->slices);
	if (x264_encoder_encode(e->x, &nal, &n, &e->pic, &out) < 0)
		return ERR_INVAL;
	if (e->no_memory)
		return ERR_NOMEM;
	if (!slices_whole(&e->slices, (e->conf.w + 15) / 16 * ((e->conf.h + 15) / 16)))
		return ERR_INVAL;
	*key_out = out.b_keyframe;
	return 0;
}

const struct video_enc_ops video_x264 = {
    .key = "x264",
    .name = "x264 4:4:4",
    .format = VIDEO_H264_444,
    .open = x264_enc_open,
    .rate = x264_enc_rate,
    .load = x264_enc_load,
    .encode = x264_enc_encode,
    .close = x264_enc_close,
};
