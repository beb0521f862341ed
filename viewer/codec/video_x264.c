/* libx264, High 4:4:4 Predictive, zero latency, intra refresh instead of key pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <x264.h>

#include "core/base/err.h"
#include "viewer/codec/effort.h"
#include "viewer/codec/quality.h"
#include "viewer/codec/slices.h"
#include "viewer/codec/video_enc.h"
#include "viewer/codec/yuv.h"

struct video_enc {
	struct video_conf conf;
	x264_t *x;
	x264_param_t param;
	x264_picture_t pic;
	s64 pts;
	struct quality quality;
	struct effort effort;
	u64 loaded_us, interval_us;
	u32 cores; /* that its threads can have at once */
	struct slices slices;
	_Atomic bool no_memory;
};

/*
 * What efforts do, the cheapest first; sub-pixel steps from 5 on look at colours, too. On turning
 * seismic sections the second saves a seventh of the first's bytes for a fifth more time, CABAC
 * another fourteenth for as much; the last but one is for shades whose colours move apart.
 */
static const struct {
	bool cabac;
	int subpixel, search;
	unsigned parts;
	bool large; /* also transforms of 8x8 */
} efforts[EFFORTS] = {
    {false, 0, X264_ME_DIA, X264_ANALYSE_I4x4, false},
    {false, 1, X264_ME_DIA, X264_ANALYSE_I4x4 | X264_ANALYSE_PSUB16x16, false},
    {true, 1, X264_ME_DIA, X264_ANALYSE_I4x4 | X264_ANALYSE_PSUB16x16, false},
    {true, 5, X264_ME_DIA, 0, true},
    {true, 5, X264_ME_HEX, X264_ANALYSE_I4x4 | X264_ANALYSE_PSUB16x16, true},
};

/* Where pictures begin, and on a link with a limit, whose bytes are few. */
#define FIRST_EFFORT   0u
#define LIMITED_EFFORT 2u

/* No finer than this on a link with a limit: it has better use for the bytes. */
#define LIMITED_FINEST 20.0

static void set_effort(x264_param_t *p, u32 effort)
{
	p->b_cabac = efforts[effort].cabac;
	p->analyse.i_subpel_refine = efforts[effort].subpixel;
	p->analyse.i_me_method = efforts[effort].search;
	p->analyse.inter = efforts[effort].parts;
	p->analyse.b_transform_8x8 = efforts[effort].large;
}

/* These two are the encoder's for life. */
static bool opens_anew(u32 from, u32 to)
{
	return efforts[from].cabac != efforts[to].cabac ||
	       !efforts[from].subpixel != !efforts[to].subpixel;
}

/* So that later efforts may use what this one does not. */
static x264_t *open_encoder(const x264_param_t *p)
{
	x264_param_t first = *p;

	first.analyse.b_transform_8x8 = p->b_cabac;
	return x264_encoder_open(&first);
}

static u64 clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

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
	quality_free(&e->quality);
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
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	e->conf = *c;
	e->cores = online > 0 && online < c->threads ? (u32)online : c->threads;
	x264_param_t *p = &e->param;
	if (x264_param_default_preset(p, "ultrafast", "zerolatency") < 0)
		goto fail;
	e->effort.most = c->effort < 3 ? c->effort : EFFORTS - 1;
	e->effort.now = c->kbps ? LIMITED_EFFORT : FIRST_EFFORT;
	if (e->effort.now > e->effort.most)
		e->effort.now = e->effort.most;
	set_effort(p, e->effort.now);
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
	/* One quantizer for all of a picture, no sort of content coarser than another; which one,
	 * each picture says. */
	p->rc.f_qcompress = 1;
	/* Colours carry as much of a picture's error as brightness, once back in RGB: the encoder's
	 * habit of coding them six steps coarser in 4:4:4 is undone, and one more. Intra 4x4 saves a
	 * tenth. */
	p->analyse.i_chroma_qp_offset = -7;
	p->analyse.intra = X264_ANALYSE_I4x4;
	p->analyse.b_psnr = 0;
	p->analyse.b_ssim = 0;
	set_rate(p, c->kbps, c->fps);
	if (x264_param_apply_profile(p, "high444") < 0)
		goto fail;
	if (quality_init(&e->quality, c->w, c->h))
		goto fail;
	if (x264_picture_alloc(&e->pic, X264_CSP_I444, (int)c->w, (int)c->h) < 0)
		goto fail;
	e->pic.opaque = e;
	if (slices_init(&e->slices, c->emit, c->ctx))
		goto fail;
	e->x = open_encoder(p);
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
	e->conf.kbps = kbps;
	set_rate(&e->param, kbps, e->conf.fps);
	if (!e->x)
		return ERR_INVAL;
	return x264_encoder_reconfig(e->x, &e->param) < 0 ? ERR_INVAL : 0;
}

static void x264_enc_load(struct video_enc *e, const u32 *src, u32 stride, const u8 *painted)
{
	u64 now = clock_us(CLOCK_MONOTONIC), most = 1000000 / e->conf.fps;
	u64 gap = e->loaded_us ? now - e->loaded_us : most;

	e->interval_us = gap < most ? gap : most;
	e->loaded_us = now;
	yuv_from_rgb(src, stride, e->conf.w, e->conf.h, e->pic.img.plane, e->pic.img.i_stride);
	quality_take(&e->quality, src, stride, painted);
}

/* As fine as it must be, unless the link has too little for it anyway. */
static int set_quantizer(struct video_enc *e)
{
	double q = quality_want(&e->quality, !e->pts);

	if (e->conf.kbps && q < LIMITED_FINEST)
		q = LIMITED_FINEST;
	e->param.rc.f_rf_constant = (float)q;
	return x264_encoder_reconfig(e->x, &e->param) < 0 ? ERR_INVAL : 0;
}

/* How large the picture came out beside a JPEG, as if it had got the quantizer it should have. */
static void judge_effort(struct video_enc *e, const x264_picture_t *out, int bytes, u64 cpu_us)
{
	double coarser = out->prop.f_crf_avg - e->param.rc.f_rf_constant;
	u32 before = e->effort.now;

	if (out->b_keyframe || e->quality.bytes <= 0 ||
	    !effort_judge(&e->effort, bytes * exp2(coarser / 6) / e->quality.bytes,
			  (double)cpu_us / (double)((e->interval_us + 1) * e->cores)))
		return;
	set_effort(&e->param, e->effort.now);
	if (!opens_anew(before, e->effort.now))
		return;
	x264_encoder_close(e->x);
	e->x = open_encoder(&e->param);
}

static int x264_enc_encode(struct video_enc *e, bool key, bool *key_out)
{
	/* All of this process, so that several encoders share what there is. */
	u64 start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	x264_nal_t *nal;
	x264_picture_t out;
	int n = 0;

	if (!e->x || set_quantizer(e))
		return ERR_INVAL;
	e->pic.i_pts = e->pts++;
	e->pic.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
	slices_begin(&e->slices);
	int bytes = x264_encoder_encode(e->x, &nal, &n, &e->pic, &out);
	if (bytes < 0)
		return ERR_INVAL;
	if (e->no_memory)
		return ERR_NOMEM;
	if (!slices_whole(&e->slices, (e->conf.w + 15) / 16 * ((e->conf.h + 15) / 16)))
		return ERR_INVAL;
	*key_out = out.b_keyframe;
	quality_judge(&e->quality, out.img.plane, out.img.i_stride, out.prop.f_crf_avg);
	judge_effort(e, &out, bytes, clock_us(CLOCK_PROCESS_CPUTIME_ID) - start);
	return 0;
}

static u32 x264_enc_effort(const struct video_enc *e)
{
	return e->effort.now;
}

const struct video_enc_ops video_x264 = {
    .key = "x264",
    .name = "x264 4:4:4",
    .format = VIDEO_H264_444,
    .open = x264_enc_open,
    .rate = x264_enc_rate,
    .load = x264_enc_load,
    .encode = x264_enc_encode,
    .effort = x264_enc_effort,
    .close = x264_enc_close,
};
