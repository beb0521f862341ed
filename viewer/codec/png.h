/* Pictures as PNG files (ISO/IEC 15948): 8-bit RGB, not interlaced. */
#pragma once

#include <stdio.h>

#include "viewer/codec/image.h"

/* ERR_IO: f did not take it all. */
__must_check int png_write(FILE *f, const struct image *img);
