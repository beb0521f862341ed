/* Tight (rfbproto "Tight encoding"), with JPEG, both directions. */
#pragma once

#include <zlib.h>

#include "viewer/codec/image.h"

struct tight_enc {
	z_stream z[3]; /* full colour, two colours, palette */
	bool ready[3];
	struct wbuf raw;
};

struct tight_dec {
	z_stream z[4];
	bool ready[4];
	struct wbuf raw;
};

__must_check int tight_enc_init(struct tight_enc *e);
void tight_enc_free(struct tight_enc *e);
/* Appends a rectangle's body. jpeg: quality 0..9 allowed for rendered content, -1 never. */
void tight_put(struct tight_enc *e, const struct pixel_format *f, const struct image *img,
	       struct rect r, int compress, int jpeg, struct wbuf *out);

__must_check int tight_dec_init(struct tight_dec *d);
void tight_dec_free(struct tight_dec *d);
/* Paints a body of 0x00RRGGBB pixels (rfb_bgrx). Bytes used, 0 = not all there, or ERR_*. */
__must_check ssize_t tight_get(struct tight_dec *d, const u8 *p, size_t n, struct image *img,
			       struct rect r);
