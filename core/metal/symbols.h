/* Names for addresses of the image, from a table the build puts into it after a first link. */
#pragma once

#include "core/base/types.h"

/* The function that holds `address` and the offset in it; "?" when it is not in the image. */
const char *symbol_find(u64 address, u64 *offset);
