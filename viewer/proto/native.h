/*
 * The native extension: what RFB lacks, on multiplexed channels with flow control.
 *
 * A client that lists ENC_CAPROCK in SetEncodings is answered with HELLO; once it has answered with
 * a HELLO of its own, the desktop comes on the display channel instead of as RFB updates. Every
 * message is: u8 RFB_NATIVE, u8 channel, u16 kind, u32 length, payload. docs/protocol.md is the
 * whole text; this header is its shapes.
 */
#pragma once

#include <sys/types.h>

#include "core/base/err.h"
#include "viewer/proto/rfb.h"

typedef int16_t s16;

#define NATIVE_VERSION_MIN 1u
#define NATIVE_VERSION_MAX 1u
#define NATIVE_HEADER	   8u
/* Payload bounds: what a server takes, what a client takes. */
#define NATIVE_MAX_UP	   (64u << 10)
#define NATIVE_MAX_DOWN	   (16u << 20)
#define NATIVE_TOKEN	   32u /* bytes of a resume token */
#define NATIVE_MAX_HEADS   16u
#define NATIVE_WINDOW	   (8u << 20)  /* first credit of the display channel, bytes */
#define NATIVE_MAX_AU	   (16u << 20) /* bytes of one coded picture */
#define NATIVE_MAX_OPUS	   1276u       /* bytes of an Opus packet of one frame, RFC 6716 §3.2 */

/* Tiles: 64x16 pixels, on a grid from the framebuffer's top left corner. */
#define TILE_W 64u
#define TILE_H 16u

enum native_channel {
	CH_CONTROL,
	CH_DISPLAY,
	CH_CURSOR,
	CH_INPUT,
	CH_CLIPBOARD,
	CH_AUDIO,
	CH_USB, /* kept for USB redirection */
	CH_COUNT,
};

enum native_control {
	CTL_HELLO = 1,	/* both */
	CTL_PING = 2,	/* both: u64, returned */
	CTL_PONG = 3,	/* both */
	CTL_CREDIT = 4, /* both: u8 channel, u8[3], u32 bytes more may be sent */
	CTL_STATS = 5,	/* server: struct native_stats; client: u8 on, to have them */
	CTL_NOTICE = 6, /* server: UTF-8 text for the person */
	CTL_TOKEN = 7,	/* server: resume token, one use */
};

enum native_display {
	DSP_HEADS = 1,	  /* server: framebuffer and heads */
	DSP_COPY = 2,	  /* server: moved rectangles */
	DSP_TILES = 3,	  /* server: exact pixels */
	DSP_SLICE = 4,	  /* server: u8 stream, then part of its coded picture */
	DSP_COMMIT = 5,	  /* server: show what came since the last one */
	DSP_ACK = 6,	  /* client: that commit is on screen */
	DSP_REFRESH = 7,  /* client: my decoder lost its way: start a new coded sequence */
	DSP_SET_SIZE = 8, /* client: wanted heads, as DSP_HEADS */
};

enum native_cursor {
	CUR_SHAPE = 1, /* server */
	CUR_WARP = 2,  /* server: the desktop moved the pointer */
};

enum native_input {
	INP_KEY = 1, /* u8 down, u8[3], u32 keysym, u32 scancode */
	INP_POINTER =
	    2, /* u16 x, u16 y, u16 buttons, u16 pressure 0..65535, s16 tilt x, y (0.01 deg) */
	INP_RELATIVE = 3, /* s16 dx, s16 dy, u16 buttons, u16 0 */
	INP_SIX_AXES = 4, /* s16 x, y, z, rx, ry, rz, u32 buttons */
	INP_RELEASE = 5,  /* release everything that is down */
	INP_LOCKS = 6,	  /* server: u32 LED state; bit 0 scroll, 1 num, 2 caps */
};

enum native_audio {
	AUD_FORMAT = 1, /* server: u32 rate, u8 channels, u8[3] (Opus): a stream begins */
	AUD_DATA = 2,	/* server: struct native_sound */
	AUD_ON = 3,	/* client: u8 on */
};

/* Feature bits of HELLO. */
enum {
	FEAT_VIDEO_444 = 1 << 0, /* H.264 High 4:4:4 Predictive */
	FEAT_VIDEO_420 = 1 << 1, /* H.264 4:2:0, motion only */
	FEAT_AUDIO = 1 << 2,
	FEAT_SIX_AXES = 1 << 3,
	FEAT_USB = 1 << 4,
};

struct native_hello {
	u16 version_min, version_max;
	u32 features;
	u8 token[NATIVE_TOKEN]; /* client: resume that session; zero: a new one */
};

struct native_heads {
	u16 width, height; /* of the framebuffer that holds all heads */
	u8 n;
	struct rect list[NATIVE_MAX_HEADS];
};

struct native_copy {
	u16 sx, sy;
	struct rect to;
};

enum {
	VIDEO_H264_444 = 1,
	VIDEO_H264_420 = 2,
};

/* One coded picture of a commit: it covers `r`; tiles set in `mask` are painted from it. */
struct native_video {
	u8 stream;	/* which decoder, < NATIVE_MAX_HEADS */
	u8 format;	/* VIDEO_* */
	bool key;	/* the picture starts a new sequence */
	struct rect r;	/* begins on the tile grid's lines */
	const u8 *mask; /* one bit a tile of r, row by row, first tile in bit 7 */
	u32 mask_bytes;
};

struct native_commit {
	u32 seq;
	u64 capture_us; /* agent's clock when the picture was taken */
	u8 n;
	struct native_video video[NATIVE_MAX_HEADS];
};

struct native_ack {
	u32 seq;
	u32 decode_us;	/* received -> decoded */
	u32 present_us; /* decoded -> shown */
	u64 capture_us; /* as in the commit */
};

/* One Opus packet; an empty one says that it is silent from `position` on, until the next. */
struct native_sound {
	u32 position;	/* of its first sample in the stream, modulo 2^32 */
	u64 capture_us; /* agent's clock when that was heard */
	const u8 *packet;
	u32 n;
};

struct native_stats {
	u32 fps_x10, dropped;
	u32 capture_us, encode_us, rtt_us;
	u32 rate_kbps;		      /* what the link carries, by the agent's estimate */
	u32 bytes_exact, bytes_video; /* in the last second */
	u8 encoder[32];		      /* NUL-padded name */
};

struct native_cursor_shape {
	u16 w, h, hot_x, hot_y;
	const u8 *argb; /* w*h words 0xAARRGGBB big-endian, premultiplied */
};

/* Bits of `buttons` above the mouse's: the pointer is a pen's, its tip or its other end. */
#define POINTER_PEN    0x8000u
#define POINTER_ERASER 0x4000u

struct native_pointer {
	u16 x, y, buttons, pressure;
	s16 tilt_x, tilt_y;
};

#define NATIVE_AXES 6 /* x, y, z, and the turns around them */

/* Begins a message; returns where its length stands, for native_end(). */
size_t native_begin(struct wbuf *w, u8 channel, u16 kind);
void native_end(struct wbuf *w, size_t mark);

void native_put_hello(struct wbuf *w, const struct native_hello *h);
void native_put_u64(struct wbuf *w, u8 channel, u16 kind, u64 v);
void native_put_credit(struct wbuf *w, u8 channel, u32 bytes);
void native_put_stats(struct wbuf *w, const struct native_stats *s);
void native_put_bytes(struct wbuf *w, u8 channel, u16 kind, const void *p, u32 n);
void native_put_heads(struct wbuf *w, u16 kind, const struct native_heads *h);
void native_put_copies(struct wbuf *w, const struct native_copy *c, u16 n);
void native_put_commit(struct wbuf *w, const struct native_commit *c);
void native_put_ack(struct wbuf *w, const struct native_ack *a);
void native_put_sound_format(struct wbuf *w, u32 rate, u8 channels);
void native_put_sound(struct wbuf *w, const struct native_sound *s);
void native_put_cursor(struct wbuf *w, u16 width, u16 height, u16 hot_x, u16 hot_y,
		       const u32 *argb);
void native_put_key(struct wbuf *w, bool down, u32 keysym, u32 scancode);
void native_put_pointer(struct wbuf *w, const struct native_pointer *p);
void native_put_relative(struct wbuf *w, s16 dx, s16 dy, u16 buttons);
void native_put_six_axes(struct wbuf *w, const s16 axes[6], u32 buttons);

/* Parsers of whole payloads: 0, or ERR_CORRUPT / ERR_RANGE. */
__must_check int native_get_hello(const u8 *p, size_t n, struct native_hello *h);
__must_check int native_get_u64(const u8 *p, size_t n, u64 *v);
__must_check int native_get_credit(const u8 *p, size_t n, u8 *channel, u32 *bytes);
__must_check int native_get_stats(const u8 *p, size_t n, struct native_stats *s);
__must_check int native_get_heads(const u8 *p, size_t n, struct native_heads *h);
/* Copies stay in the payload; native_get_copy reads the i-th, already checked against w x h. */
__must_check int native_check_copies(const u8 *p, size_t n, u16 w, u16 h, u16 *count);
struct native_copy native_get_copy(const u8 *p, u16 i);
__must_check int native_get_commit(const u8 *p, size_t n, u16 w, u16 h, struct native_commit *c);
__must_check int native_get_ack(const u8 *p, size_t n, struct native_ack *a);
/* Rate and channels are what Opus decodes to: 48000 and one or two, nothing else. */
__must_check int native_get_sound_format(const u8 *p, size_t n, u32 *rate, u8 *channels);
__must_check int native_get_sound(const u8 *p, size_t n, struct native_sound *s);
__must_check int native_get_cursor(const u8 *p, size_t n, struct native_cursor_shape *c);
__must_check int native_get_key(const u8 *p, size_t n, bool *down, u32 *keysym, u32 *scancode);
__must_check int native_get_pointer(const u8 *p, size_t n, struct native_pointer *o);
__must_check int native_get_relative(const u8 *p, size_t n, s16 *dx, s16 *dy, u16 *buttons);
__must_check int native_get_six_axes(const u8 *p, size_t n, s16 axes[6], u32 *buttons);

bool native_same_heads(const struct native_heads *a, const struct native_heads *b);

static inline u32 tiles_across(u32 pixels)
{
	return (pixels + TILE_W - 1) / TILE_W;
}

static inline u32 tiles_down(u32 pixels)
{
	return (pixels + TILE_H - 1) / TILE_H;
}
