/* Clipboard text as RFB carries it: in Latin-1, or packed by the extended clipboard. */
#pragma once

#include "viewer/proto/rfb.h"

/* Extended clipboard flags (rfbproto, "Extended Clipboard Pseudo-Encoding"). */
enum {
	CLIP_TEXT = 1 << 0,
	CLIP_CAPS = 1 << 24,
	CLIP_REQUEST = 1 << 25,
	CLIP_PEEK = 1 << 26,
	CLIP_NOTIFY = 1 << 27,
	CLIP_PROVIDE = 1 << 28,
};

/* Texts are UTF-8 with bare line feeds. What Latin-1 lacks becomes '?'. */
void clip_put_latin1(struct wbuf *out, bool server, const char *text, u32 n);
void clip_from_latin1(struct wbuf *text, const u8 *p, u32 n);

/* Tells that text is spoken here, up to RFB_MAX_CLIPBOARD bytes, on request. */
void clip_put_caps(struct wbuf *out, bool server);
/* "There is new text", "let me have it": NOTIFY and REQUEST. */
void clip_put_word(struct wbuf *out, bool server, u32 flag);
/* PROVIDE: the text itself. */
void clip_put_text(struct wbuf *out, bool server, const char *text, u32 n);
/* Unpacks a PROVIDE's text. Negative: it is damaged, or longer than allowed. */
__must_check int clip_get_text(const struct rfb_cut *c, struct wbuf *text);
