/* ZRLE (RFC 6143 §7.7.6), both directions. */
#pragma once

#include <zlib.h>

#include "viewer/codec/image.h"

struct zrle_enc {
	z_stream z;
	bool ready;
	struct wbuf raw;
};

struct zrle_dec {
	z_stream z;
	bool ready;
	struct wbuf raw;
};

__must_check int zrle_enc_init(struct zrle_enc *e);
void zrle_enc_free(struct zrle_enc *e);
/* Appends a rectangle's body: length and bytes. */
void zrle_put(struct zrle_enc *e, const struct pixel_format *f, const struct image *img,
	      struct rect r, struct wbuf *out);

__must_check int zrle_dec_init(struct zrle_dec *d);
void zrle_dec_free(struct zrle_dec *d);
/* Paints a body of 0x00RRGGBB pixels (rfb_bgrx). Bytes used, 0 = not all there, or ERR_*. */
__must_check ssize_t zrle_get(struct zrle_dec *d, const u8 *p, size_t n, struct image *img,
			      struct rect r);
