/*
 * Updates for a viewer that speaks plain RFB: sent when it asks (or continuously, if it can take
 * that), in the best encoding that it listed.
 */
#pragma once

#include <zlib.h>

#include "viewer/agent/desktop.h"
#include "viewer/agent/link.h"
#include "viewer/agent/rfb_video.h"
#include "viewer/codec/tight.h"
#include "viewer/codec/zrle.h"

struct rfb_out {
	struct pixel_format format;
	s32 encoding; /* ENC_RAW, ENC_ZRLE or ENC_TIGHT */
	int jpeg;     /* quality 0..9; -1: lossless only */
	int compress; /* 0..9 */
	bool copyrect, last_rect, cursor, cursor_alpha, desktop_size, ext_size, name, continuous,
	    fence, qemu_keys, leds, ext_clipboard;
	struct tileset dirty; /* the viewer's pixels are old */
	struct tileset lossy; /* ... came by JPEG or video and want exact ones when they rest */
	struct tileset scratch, batch;
	bool h264; /* listed, and there is an encoder for it */
	struct rfb_video video;
	bool asked;	/* an update is owed */
	bool streaming; /* continuous updates are on */
	bool send_cursor, send_screens, send_name, send_qemu, send_leds, size_changed;
	u16 screens_reason, screens_status;
	u8 led_state;
	struct zrle_enc zrle;
	struct tight_enc tight;
	u64 updates;
};

__must_check int rfb_out_init(struct rfb_out *o, const struct desktop *d);
void rfb_out_free(struct rfb_out *o);
/*
 * SetEncodings: takes what the viewer can do; writes the greetings some extensions want. ops, event:
 * the encoder for Open H.264, and whom it wakes.
 */
void rfb_out_encodings(struct rfb_out *o, const s32 *list, u16 n, struct wbuf *out,
		       const struct desktop *d, const struct video_enc_ops *ops, int event);
void rfb_out_request(struct rfb_out *o, bool incremental, struct rect r);
void rfb_out_change(struct rfb_out *o, const struct desktop *d, struct net_stream *net);
/* Sends one update if one is owed and there is something to tell. */
void rfb_out_pump(struct rfb_out *o, struct desktop *d, const char *name, struct net_stream *net,
		  struct link *l);
/* The coder's event fired. */
void rfb_out_coded(struct rfb_out *o, struct desktop *d, const char *name, struct net_stream *net);
/* When a pump can do something that it cannot now. */
u64 rfb_out_due(const struct rfb_out *o, const struct desktop *d);
__must_check int rfb_out_resize(struct rfb_out *o, const struct desktop *d);
