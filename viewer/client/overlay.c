#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "viewer/client/overlay.h"

#define SLOW_US 1500000u /* from here on, waiting is counted in seconds */

struct line {
	char *p;
	size_t left;
};

static void __printf(2, 3) add(struct line *l, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(l->p, l->left, format, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < l->left) {
		l->p += n;
		l->left -= (size_t)n;
	}
}

u32 overlay_exact(const struct client *c)
{
	u32 tiles = c->exact.cols * c->exact.rows;

	return tiles ? (u32)((u64)tileset_count(&c->exact) * 100 / tiles) : 0;
}

static void add_codec(struct line *l, const struct client *c)
{
	u32 full = client_videos(c, VIDEO_H264_444), half = client_videos(c, VIDEO_H264_420);

	if (!c->native) {
		add(l, "codec    plain RFB, %s",
		    c->conf->encoding == ENC_ZRLE  ? "ZRLE"
		    : c->conf->encoding == ENC_RAW ? "Raw"
						   : "Tight");
		if (c->conf->encoding != ENC_ZRLE && c->conf->encoding != ENC_RAW)
			add(l, c->conf->quality < 0 ? ", lossless" : ", JPEG quality %d",
			    c->conf->quality);
		add(l, "\n");
		return;
	}
	add(l, "codec    exact tiles by Zstandard");
	if (full)
		add(l, ", H.264 4:4:4 on %u monitor%s", full, full > 1 ? "s" : "");
	if (half)
		add(l, ", H.264 4:2:0 (half the colours) on %u monitor%s", half,
		    half > 1 ? "s" : "");
	add(l, "\nencoder  %s", *c->stats.encoder ? (const char *)c->stats.encoder : "-");
	if (full + half)
		add(l, "   decoder %s", client_decoder(c));
	add(l, "\n");
}

bool overlay_look(struct overlay *o, const struct client *c)
{
	u64 now = client_now(), us = now - o->at_us;
	struct line l = {o->text, sizeof(o->text)};

	if (us < OVERLAY_US)
		return false;
	double s = (double)us / 1e6;
	double net = (double)c->rtt_us / 2e3, cap = c->stats.capture_us / 1e3,
	       enc = c->stats.encode_us / 1e3, dec = c->decode_us / 1e3, show = c->present_us / 1e3;

	add(&l, "%s%s%u x %u", c->hs.name, *c->hs.name ? "   " : "", c->canvas.w, c->canvas.h);
	if (c->heads.n > 1)
		add(&l, ", %u monitors", c->heads.n);
	add(&l, "\nshown    %.1f pictures/s   %.0f kB/s   %.1f MB in all\n",
	    (c->commits - o->commits) / s, (double)(c->net.received - o->bytes) / s / 1e3,
	    (double)c->net.received / 1e6);
	if (c->native) {
		add(&l,
		    "delay    %.1f ms = capture %.1f + encode %.1f + network %.1f + decode %.1f + "
		    "show %.1f\n",
		    cap + enc + net + dec + show, cap, enc, net, dec, show);
		add(&l, "bytes    exact %u kB/s   video %u kB/s   link about %.1f Mbit/s\n",
		    c->stats.bytes_exact / 1000, c->stats.bytes_video / 1000,
		    c->stats.rate_kbps / 1e3);
	}
	add_codec(&l, c);
	if (!c->native)
		add(&l, "exact    this server does not tell");
	else if (client_is_exact(c))
		add(&l, "exact    every pixel");
	else
		add(&l, "exact    %u %% of the pixels", overlay_exact(c));
	o->at_us = now;
	o->commits = c->commits;
	o->bytes = c->net.received;
	return true;
}

void overlay_progress(const struct client *c, u64 lost_us, char *text, size_t n)
{
	static const char *const stages[] = {
	    [CLIENT_IDLE] = "waiting to connect",
	    [CLIENT_CONNECTING] = "connecting",
	    [CLIENT_TLS] = "connected; agreeing on encryption",
	    [CLIENT_OPENING] = "connected; logging in",
	    [CLIENT_IN] = "logged in; waiting for the first picture",
	    [CLIENT_FAILED] = "no connection",
	};
	u64 waited = client_now() - (lost_us ? lost_us : c->began_us);
	struct line l = {text, n};

	if (lost_us)
		add(&l, "The link to %s is lost, the last picture stands.\n", c->conf->host);
	add(&l, "%s, port %s: %s ...", c->conf->host, c->conf->port, stages[c->state]);
	if (waited >= SLOW_US)
		add(&l, " (%u s)", (u32)(waited / 1000000));
	if (lost_us && *c->why)
		add(&l, "\n%s", c->why);
}
