/* Between 0x00RRGGBB words and planar 8-bit Y'CbCr 4:4:4, BT.709, full range. */
#pragma once

#include "core/base/types.h"

void yuv_from_rgb(const u32 *src, u32 stride, u32 w, u32 h, u8 *const plane[3], const int pitch[3]);
void yuv_row_to_rgb(const u8 *y, const u8 *cb, const u8 *cr, u32 *dst, u32 w);
/* 4:2:0 rows: chroma has half the columns. */
void yuv420_row_to_rgb(const u8 *y, const u8 *cb, const u8 *cr, u32 *dst, u32 w);
