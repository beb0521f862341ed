#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/client/output.h"
#include "viewer/codec/png.h"

#define FPS	   30u
#define PERIOD_US  (1000000u / FPS)
#define BEHIND_US  1000000u /* later than this, pictures are left out rather than made up */
#define FIGURES_US 1000000u

static int write_picture(const struct client *c, const char *path,
			 int (*put)(FILE *f, const struct image *img))
{
	FILE *f = c->canvas.px ? fopen(path, "we") : NULL;
	int e = f ? put(f, &c->canvas) : ERR_NOENT;

	if (f && fclose(f))
		e = ERR_IO;
	if (e && !c->canvas.px)
		fprintf(stderr, "%s: there is no picture yet\n", path);
	else if (e)
		fprintf(stderr, "cannot write %s: %m\n", path);
	return e;
}

static int put_raw(FILE *f, const struct image *img)
{
	u32 *row = malloc((size_t)img->w * 4);
	int e = row ? 0 : ERR_NOMEM;

	for (u32 y = 0; !e && y < img->h; y++) {
		for (u32 x = 0; x < img->w; x++)
			row[x] = *image_at(img, x, y) & 0xffffff;
		if (fwrite(row, (size_t)img->w * 4, 1, f) != 1)
			e = ERR_IO;
	}
	free(row);
	return e;
}

int output_dump(const struct client *c, const char *path)
{
	return write_picture(c, path, put_raw);
}

int output_screenshot(const struct client *c, const char *path)
{
	return write_picture(c, path, png_write);
}

/* ---- recording ------------------------------------------------------------------------------ */

static void keep(void *ctx, const u8 *p, size_t n)
{
	struct recorder *r = ctx;

	if (fwrite(p, n, 1, r->file) != 1)
		r->failed = true;
}

int recorder_open(struct recorder *r, const struct client *c, const char *path)
{
	struct video_conf v = {
	    .w = c->canvas.w, .h = c->canvas.h, .fps = FPS, .threads = 2, .emit = keep, .ctx = r};

	*r = (struct recorder){.w = v.w, .h = v.h, .due_us = client_now()};
	snprintf(r->path, sizeof(r->path), "%s", path);
	r->file = fopen(path, "we");
	r->enc = r->file ? video_x264.open(&v) : NULL;
	if (r->enc)
		return 0;
	fprintf(stderr, "cannot record to %s: %m\n", path);
	recorder_close(r);
	return ERR_IO;
}

void recorder_close(struct recorder *r)
{
	if (r->enc)
		video_x264.close(r->enc);
	if (r->file && (fclose(r->file) || r->failed))
		fprintf(stderr, "%s is not complete: %m\n", r->path);
	*r = (struct recorder){0};
}

u64 recorder_due(const struct recorder *r)
{
	return r->file ? r->due_us : UINT64_MAX;
}

void recorder_tick(struct recorder *r, const struct client *c)
{
	u64 now = client_now();
	bool key;

	if (!r->file || now < r->due_us)
		return;
	if (c->canvas.w != r->w || c->canvas.h != r->h) {
		fprintf(stderr, "%s ends: the desktop has another size now\n", r->path);
		recorder_close(r);
		return;
	}
	if (now > r->due_us + BEHIND_US)
		r->due_us = now;
	video_x264.load(r->enc, c->canvas.px, c->canvas.stride, NULL);
	for (; r->due_us <= now && !r->failed; r->due_us += PERIOD_US)
		if (video_x264.encode(r->enc, false, &key))
			r->failed = true;
	if (r->failed)
		recorder_close(r);
}

/* ---- figures -------------------------------------------------------------------------------- */

int figures_open(struct figures *f, const char *path)
{
	*f = (struct figures){.start_us = client_now(), .last_us = client_now()};
	f->file = strcmp(path, "-") ? fopen(path, "we") : stdout;
	if (!f->file) {
		fprintf(stderr, "cannot write %s: %m\n", path);
		return ERR_IO;
	}
	setvbuf(f->file, NULL, _IOLBF, 0);
	return 0;
}

void figures_close(struct figures *f)
{
	if (f->file && f->file != stdout && fclose(f->file))
		fprintf(stderr, "the figures are not complete: %m\n");
	f->file = NULL;
}

u64 figures_due(const struct figures *f)
{
	return f->file ? f->last_us + FIGURES_US : UINT64_MAX;
}

static const char *codec(const struct client *c)
{
	if (c->native)
		return *c->stats.encoder ? (const char *)c->stats.encoder : "native";
	if (c->h264.pictures)
		return "h264";
	return c->conf->encoding == ENC_ZRLE  ? "zrle"
	       : c->conf->encoding == ENC_RAW ? "raw"
					      : "tight";
}

void figures_tick(struct figures *f, struct client *c, bool last)
{
	u64 now = client_now();

	if (!f->file || (now < figures_due(f) && !last))
		return;
	double s = (double)(now - f->last_us) / 1e6;
	u32 tiles = c->exact.cols * c->exact.rows, exact = tiles ? tileset_count(&c->exact) : 0;

	char sound[256];

	client_sound_figures(c, sound, sizeof(sound));
	fprintf(
	    f->file,
	    "{\"s\":%.3f,\"connected\":%s,\"native\":%s,\"codec\":\"%s\",\"width\":%u,\"height\":%u,"
	    "\"fps\":%.1f,\"video_fps\":%.1f,\"bytes\":%llu,\"bytes_per_s\":%.0f,\"rtt_ms\":%.2f,\"capture_ms\":%.2f,"
	    "\"encode_ms\":%.2f,\"decode_ms\":%.2f,\"present_ms\":%.2f,\"rate_kbps\":%u,"
	    "\"tiles\":%u,\"exact_tiles\":%u,\"exact\":%s,"
	    "\"video_444\":%u,\"video_420\":%u,\"decoder\":\"%s\",\"monitors\":%u,"
	    "\"sound\":%s,"
	    "\"cursor\":{\"width\":%u,\"height\":%u,\"hot_x\":%u,\"hot_y\":%u}}\n",
	    (double)(now - f->start_us) / 1e6, c->state == CLIENT_IN ? "true" : "false",
	    c->native ? "true" : "false", codec(c), c->canvas.w, c->canvas.h,
	    s > 0 ? (c->commits - f->commits) / s : 0, s > 0 ? (c->videos - f->videos) / s : 0,
	    (unsigned long long)c->net.received,
	    s > 0 ? (double)(c->net.received - f->bytes) / s : 0, (double)c->rtt_us / 1e3,
	    c->stats.capture_us / 1e3, c->stats.encode_us / 1e3, c->decode_us / 1e3,
	    c->present_us / 1e3, c->stats.rate_kbps, tiles, exact,
	    client_is_exact(c) ? "true" : "false", client_videos(c, VIDEO_H264_444),
	    client_videos(c, VIDEO_H264_420), client_decoder(c), c->heads.n, sound, c->cursor.w,
	    c->cursor.h, c->cursor.hot_x, c->cursor.hot_y);
	f->last_us = now;
	f->commits = c->commits;
	f->videos = c->videos;
	f->bytes = c->net.received;
}
