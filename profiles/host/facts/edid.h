/* The little of an EDID that facts need (VESA E-EDID 1.4 §3). */
#pragma once

#include <stddef.h>
#include "core/base/types.h"

/*
 * The monitor's name from a descriptor of type FCh (§3.10.3.4), without padding, into out[14]. False
 * when there is none or the block is no EDID.
 */
bool edid_name(const u8 *edid, size_t size, char out[14]);
