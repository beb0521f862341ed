/*
 * RFB 3.8 (RFC 6143) and the field's extensions: numbers, shapes, parsing and serialising, for both
 * ends, free of any I/O.
 *
 * Parsers take the bytes received so far and return how many of them the message used: 0 = not all
 * there yet, negative enum err = the peer sent something that breaks the protocol or its limits
 * (ERR_CORRUPT, ERR_RANGE). Pointers in a parsed message lie in the input window and live as long.
 */
#pragma once

#include <sys/types.h>

#include "core/base/err.h"
#include "viewer/proto/buf.h"

enum {
	/* Client to server. */
	RFB_SET_PIXEL_FORMAT = 0,
	RFB_SET_ENCODINGS = 2,
	RFB_UPDATE_REQUEST = 3,
	RFB_KEY_EVENT = 4,
	RFB_POINTER_EVENT = 5,
	RFB_CLIENT_CUT_TEXT = 6,
	RFB_ENABLE_CONTINUOUS = 150,
	RFB_CLIENT_FENCE = 248,
	RFB_SET_DESKTOP_SIZE = 251,
	RFB_QEMU_CLIENT = 255,
	/* Server to client. */
	RFB_UPDATE = 0,
	RFB_COLOUR_MAP = 1,
	RFB_BELL = 2,
	RFB_SERVER_CUT_TEXT = 3,
	RFB_END_CONTINUOUS = 150,
	RFB_SERVER_FENCE = 248,
	/* Both: the native extension, see native.h. */
	RFB_NATIVE = 200,
};

enum {
	ENC_RAW = 0,
	ENC_COPYRECT = 1,
	ENC_TIGHT = 7,
	ENC_ZRLE = 16,
	ENC_OPEN_H264 = 50,
	ENC_JPEG_QUALITY_0 = -32, /* ... -23: Tight may use JPEG, quality 0..9 */
	ENC_JPEG_QUALITY_9 = -23,
	ENC_DESKTOP_SIZE = -223,
	ENC_LAST_RECT = -224,
	ENC_CURSOR = -239,
	ENC_COMPRESS_0 = -256, /* ... -247 */
	ENC_COMPRESS_9 = -247,
	ENC_QEMU_KEYS = -258,
	ENC_LED_STATE = -261, /* QEMU LED state */
	ENC_DESKTOP_NAME = -307,
	ENC_EXT_DESKTOP_SIZE = -308,
	ENC_FENCE = -312,
	ENC_CONTINUOUS = -313,
	ENC_CURSOR_ALPHA = -314,
	ENC_EXT_CLIPBOARD = (s32)0xc0a1e5ce,
	ENC_CAPROCK = 0x43505201, /* "CPR\1": this client speaks native.h */
};

enum {
	SEC_NONE = 1,
	SEC_VNC = 2,
	SEC_VENCRYPT = 19,
};

enum {
	VEN_PLAIN = 256,
	VEN_TLS_NONE = 257,
	VEN_X509_NONE = 260,
	VEN_X509_VNC = 261,
	VEN_X509_PLAIN = 262,
};

#define RFB_MAX_SIDE	  32768u /* pixels; larger framebuffers are refused */
#define RFB_MAX_PIXELS	  (16384u * 8192u)
#define RFB_MAX_ENCODINGS 256u
#define RFB_MAX_NAME	  1024u
#define RFB_MAX_CLIPBOARD (1u << 20) /* bytes of text, after unpacking too */
#define RFB_MAX_SCREENS	  16u
#define RFB_MAX_CURSOR	  512u /* pixels a side */
#define RFB_MAX_FENCE	  64u
#define RFB_MAX_REASON	  4096u

struct rect {
	u16 x, y, w, h; /* pixels */
};

/* As messages of both protocols carry one (RFC 6143 §7.5.3). */
static inline struct rect get_rect(struct rbuf *r)
{
	struct rect v;

	v.x = get_u16(r);
	v.y = get_u16(r);
	v.w = get_u16(r);
	v.h = get_u16(r);
	return v;
}

static inline void put_rect(struct wbuf *w, struct rect r)
{
	put_u16(w, r.x);
	put_u16(w, r.y);
	put_u16(w, r.w);
	put_u16(w, r.h);
}

/* RFC 6143 §7.4 */
struct pixel_format {
	u8 bpp, depth; /* bits */
	bool big_endian, true_colour;
	u16 max[3]; /* red, green, blue */
	u8 shift[3];
};

/* 32 bits, 0x00RRGGBB in a little-endian word: ours everywhere. */
extern const struct pixel_format rfb_bgrx;

struct screen {
	u32 id;
	struct rect r;
	u32 flags;
};

/* Why a screen layout changed, and how a request for one ended (ExtendedDesktopSize). */
enum { SCREENS_BY_SERVER = 0, SCREENS_BY_THIS = 1, SCREENS_BY_OTHER = 2 };
enum { SCREENS_OK = 0, SCREENS_PROHIBITED = 1, SCREENS_NO_RESOURCES = 2, SCREENS_INVALID = 3 };

enum {
	FENCE_BLOCK_BEFORE = 1,
	FENCE_BLOCK_AFTER = 2,
	FENCE_SYNC_NEXT = 4,
	FENCE_REQUEST = 0x80000000u,
};

struct rfb_fence {
	u32 flags;
	u8 n;
	u8 data[RFB_MAX_FENCE];
};

/* A clipboard message: plain Latin-1 text, or (ext) flags and packed bytes. */
struct rfb_cut {
	bool ext;
	u32 flags;
	const u8 *data;
	u32 n;
};

struct rfb_client_msg {
	u8 type;
	union {
		struct pixel_format format;
		struct {
			u16 n;
			s32 list
			    [RFB_MAX_ENCODINGS]; /* in the client's order; the rest is dropped */
		} encodings;
		struct {
			bool incremental;
			struct rect r;
		} request;
		struct {
			bool down;
			u32 keysym;
			u32 scancode; /* XT set 1, 0xe0 prefix as bit 7 (QEMU); 0 = none */
		} key;
		struct {
			u16 buttons;
			u16 x, y;
		} pointer;
		struct rfb_cut cut;
		struct {
			bool enable;
			struct rect r;
		} continuous;
		struct rfb_fence fence;
		struct {
			u16 w, h;
			u8 n;
			struct screen list[RFB_MAX_SCREENS];
		} size;
		struct {
			u8 channel;
			u16 kind;
			const u8 *data;
			u32 n;
		} native;
	};
};

/* Reads one client message. `native_max` bounds a native payload (0 = native not agreed). */
__must_check ssize_t rfb_parse_client(const u8 *p, size_t n, u32 native_max,
				      struct rfb_client_msg *m);

/* What a client sends. */
void rfb_put_format(struct wbuf *w, const struct pixel_format *f);
void rfb_put_encodings(struct wbuf *w, const s32 *list, u16 n);
void rfb_put_request(struct wbuf *w, bool incremental, struct rect r);
/* scancode 0 sends the plain key event. */
void rfb_put_key(struct wbuf *w, bool down, u32 keysym, u32 scancode);
void rfb_put_pointer(struct wbuf *w, u8 buttons, u16 x, u16 y);
void rfb_put_continuous(struct wbuf *w, bool enable, struct rect r);
void rfb_put_set_size(struct wbuf *w, u16 width, u16 height, const struct screen *s, u8 n);
/* Either direction. */
void rfb_put_fence(struct wbuf *w, u32 flags, const void *data, u8 n);
void rfb_put_cut_latin1(struct wbuf *w, bool server, const void *text, u32 n);
void rfb_put_cut_ext(struct wbuf *w, bool server, u32 flags, const void *data, u32 n);

/* What a server sends. An update is a header, rects each followed by its body. */
void rfb_put_update(struct wbuf *w, u16 rects);
void rfb_put_rect(struct wbuf *w, struct rect r, s32 encoding);
void rfb_put_screens(struct wbuf *w, u16 reason, u16 status, u16 width, u16 height,
		     const struct screen *s, u8 n);
void rfb_put_name(struct wbuf *w, const char *name);
/* Cursor with alpha: raw premultiplied RGBA; hot spot in x, y. bgra: w*h words 0xAARRGGBB. */
void rfb_put_cursor_alpha(struct wbuf *w, u16 width, u16 height, u16 hot_x, u16 hot_y,
			  const u32 *bgra);
void rfb_put_cursor(struct wbuf *w, const struct pixel_format *f, u16 width, u16 height, u16 hot_x,
		    u16 hot_y, const u32 *bgra);

/* Server messages as a client reads them; a rect's body is left to its decoder. */
struct rfb_server_msg {
	u8 type;
	union {
		u16 rects;
		struct rfb_cut cut;
		struct rfb_fence fence;
		struct {
			u8 channel;
			u16 kind;
			const u8 *data;
			u32 n;
		} native;
	};
};
__must_check ssize_t rfb_parse_server(const u8 *p, size_t n, u32 native_max,
				      struct rfb_server_msg *m);

struct rfb_rect {
	struct rect r;
	s32 encoding;
};
/* The 12 bytes before a rect's body. */
__must_check ssize_t rfb_parse_rect(const u8 *p, size_t n, struct rfb_rect *r);
/* Body of an ExtendedDesktopSize rect. */
__must_check ssize_t rfb_parse_screens(const u8 *p, size_t n, struct screen *s, u8 *count);

/* Pixel conversion. A format is usable if true-colour with 8, 16 or 32 bits and sane shifts. */
__must_check int pixel_format_check(const struct pixel_format *f);
bool pixel_format_is_bgrx(const struct pixel_format *f);
__must_check ssize_t rfb_parse_format(const u8 *p, size_t n, struct pixel_format *f);
/* count pixels 0x00RRGGBB -> the client's format, bpp/8 bytes each. */
void pixels_to_format(const struct pixel_format *f, const u32 *src, size_t count, u8 *dst);

static inline bool rect_inside(struct rect r, u32 w, u32 h)
{
	return (u32)r.x + r.w <= w && (u32)r.y + r.h <= h;
}
