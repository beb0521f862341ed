#include "viewer/codec/yuv.h"

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

static inline u8 clamp8(s32 v)
{
	return (u8)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* 15-bit fixed point; the rows of each matrix sum to one or zero. */
WIDE static void row_from_rgb(const u32 *restrict src, u32 w, u8 *restrict y, u8 *restrict cb,
			      u8 *restrict cr)
{
	for (u32 x = 0; x < w; x++) {
		s32 r = (s32)(src[x] >> 16 & 255), g = (s32)(src[x] >> 8 & 255),
		    b = (s32)(src[x] & 255);

		y[x] = (u8)((6966 * r + 23436 * g + 2366 * b + 16384) >> 15);
		cb[x] = clamp8(((-3754 * r - 12630 * g + 16384 * b + 16384) >> 15) + 128);
		cr[x] = clamp8(((16384 * r - 14882 * g - 1502 * b + 16384) >> 15) + 128);
	}
}

void yuv_from_rgb(const u32 *src, u32 stride, u32 w, u32 h, u8 *const plane[3], const int pitch[3])
{
	for (u32 i = 0; i < h; i++)
		row_from_rgb(src + (size_t)i * stride, w, plane[0] + (size_t)i * (size_t)pitch[0],
			     plane[1] + (size_t)i * (size_t)pitch[1],
			     plane[2] + (size_t)i * (size_t)pitch[2]);
}

static inline u32 to_rgb(s32 y, s32 cb, s32 cr)
{
	s32 r = y + ((25802 * cr + 8192) >> 14);
	s32 g = y - ((3069 * cb + 7670 * cr + 8192) >> 14);
	s32 b = y + ((30402 * cb + 8192) >> 14);

	return (u32)clamp8(r) << 16 | (u32)clamp8(g) << 8 | clamp8(b);
}

WIDE void yuv_row_to_rgb(const u8 *restrict y, const u8 *restrict cb, const u8 *restrict cr,
			 u32 *restrict dst, u32 w)
{
	for (u32 x = 0; x < w; x++)
		dst[x] = to_rgb(y[x], cb[x] - 128, cr[x] - 128);
}

void yuv420_row_to_rgb(const u8 *y, const u8 *cb, const u8 *cr, u32 *dst, u32 w)
{
	for (u32 x = 0; x < w; x++)
		dst[x] = to_rgb(y[x], cb[x / 2] - 128, cr[x / 2] - 128);
}
