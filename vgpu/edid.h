/*
 * EDID: what a monitor tells of itself, or is said to tell (VESA E-EDID Standard Release A, rev. 2).
 * 128 bytes, and 128 more for each extension it announces.
 */
#pragma once

#include "core/base/types.h"

#define EDID_BLOCK 128u
#define EDID_MAX   (256u * EDID_BLOCK) /* 255 extensions */

/*
 * Is it one, as a kernel will take it: header (§3.3), as many extensions as it announces, and blocks
 * that each sum up to 0 (both §3.11)? NULL: it is; else what is wrong, in words that follow
 * the file's name.
 */
const char *edid_fault(const u8 *edid, u64 size);
