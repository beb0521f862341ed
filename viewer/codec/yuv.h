/* Between 0x00RRGGBB words and planar 8-bit Y'CbCr 4:4:4, BT.709, full range. */
#pragma once

#include "core/base/types.h"

void yuv_from_rgb(const u32 *src, u32 stride, u32 w, u32 h, u8 *const plane[3], const int pitch[3]);
void yuv_row_to_rgb(const u8 *y, const u8 *cb, const u8 *cr, u32 *dst, u32 w);
/* 4:2:0 rows: chroma has half the columns. */
void yuv420_row_to_rgb(const u8 *y, const u8 *cb, const u8 *cr, u32 *dst, u32 w);

/* What Y'CbCr others use: ITU-R BT.709 and BT.601, full and video range. */
enum yuv_colour { YUV_709_FULL, YUV_601, YUV_709, YUV_601_FULL, YUV_COLOURS };

/* NV12: brightness, then Cb and Cr in turn, each the mean of 2x2 pixels. w and h even. */
void nv12_from_rgb(enum yuv_colour c, const u32 *src, u32 stride, u32 w, u32 h, u8 *const plane[2],
		   const int pitch[2]);
/* A row in any of them; half: chroma has half the columns. */
void yuv_row_of(enum yuv_colour c, bool half, const u8 *y, const u8 *cb, const u8 *cr, u32 *dst,
		u32 w);
