/* Baseline JPEG pieces, by libjpeg, without its exits. */
#pragma once

#include "viewer/codec/image.h"

/* Appends a JPEG of the rectangle. subsample: 4:2:0 instead of 4:4:4. 0 or ERR_*. */
__must_check int jpeg_put(const struct image *img, struct rect r, int quality, bool subsample,
			  struct wbuf *out);
/* The same in 4:4:4, all coefficients divided by one step, 1..255. */
__must_check int jpeg_put_flat(const struct image *img, struct rect r, u32 step, struct wbuf *out);
/* Paints a JPEG that must be exactly r.w x r.h. 0 or ERR_CORRUPT. */
__must_check int jpeg_get(const u8 *p, size_t n, struct image *img, struct rect r);
