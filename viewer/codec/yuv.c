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

/* To Y'CbCr in 15 bits; the rows for colours sum to zero. */
static const struct {
	s32 y[3], cb[3], cr[3], black;
} forward[YUV_COLOURS] = {
    [YUV_709_FULL] = {{6966, 23436, 2366}, {-3754, -12630, 16384}, {16384, -14882, -1502}, 0},
    [YUV_601] = {{8414, 16520, 3208}, {-4857, -9535, 14392}, {14392, -12052, -2340}, 16},
    [YUV_709] = {{5983, 20127, 2032}, {-3298, -11094, 14392}, {14392, -13073, -1319}, 16},
    [YUV_601_FULL] = {{9798, 19235, 3735}, {-5529, -10855, 16384}, {16384, -13720, -2664}, 0},
};

/* And back, in 14 bits. */
static const struct {
	s32 y, black, r_cr, g_cb, g_cr, b_cb;
} back[YUV_COLOURS] = {
    [YUV_709_FULL] = {16384, 0, 25802, 3069, 7670, 30402},
    [YUV_601] = {19077, 16, 26149, 6419, 13320, 33050},
    [YUV_709] = {19077, 16, 29372, 3494, 8731, 34610},
    [YUV_601_FULL] = {16384, 0, 22970, 5638, 11700, 29032},
};

static inline s32 weigh(const s32 k[3], s32 r, s32 g, s32 b)
{
	return k[0] * r + k[1] * g + k[2] * b;
}

void nv12_from_rgb(enum yuv_colour c, const u32 *src, u32 stride, u32 w, u32 h, u8 *const plane[2],
		   const int pitch[2])
{
	for (u32 y = 0; y < h; y++) {
		const u32 *px = src + (size_t)y * stride;
		u8 *to = plane[0] + (size_t)y * (size_t)pitch[0];

		for (u32 x = 0; x < w; x++) {
			s32 r = (s32)(px[x] >> 16 & 255), g = (s32)(px[x] >> 8 & 255),
			    b = (s32)(px[x] & 255);
			to[x] = clamp8(((weigh(forward[c].y, r, g, b) + 16384) >> 15) +
				       forward[c].black);
		}
	}
	for (u32 y = 0; y < h; y += 2) {
		const u32 *px = src + (size_t)y * stride, *below = px + stride;
		u8 *to = plane[1] + (size_t)(y / 2) * (size_t)pitch[1];

		for (u32 x = 0; x < w; x += 2) {
			s32 r = 0, g = 0, b = 0;
			const u32 four[4] = {px[x], px[x + 1], below[x], below[x + 1]};

			for (int i = 0; i < 4; i++) {
				r += (s32)(four[i] >> 16 & 255);
				g += (s32)(four[i] >> 8 & 255);
				b += (s32)(four[i] & 255);
			}
			to[x] = clamp8(((weigh(forward[c].cb, r, g, b) + 65536) >> 17) + 128);
			to[x + 1] = clamp8(((weigh(forward[c].cr, r, g, b) + 65536) >> 17) + 128);
		}
	}
}

void yuv_row_of(enum yuv_colour c, bool half, const u8 *y, const u8 *cb, const u8 *cr, u32 *dst,
		u32 w)
{
	for (u32 x = 0; x < w; x++) {
		u32 k = half ? x / 2 : x;
		s32 l = (y[x] - back[c].black) * back[c].y + 8192, u = cb[k] - 128, v = cr[k] - 128;
		s32 r = (l + back[c].r_cr * v) >> 14;
		s32 g = (l - back[c].g_cb * u - back[c].g_cr * v) >> 14;
		s32 b = (l + back[c].b_cb * u) >> 14;

		dst[x] = (u32)clamp8(r) << 16 | (u32)clamp8(g) << 8 | clamp8(b);
	}
}
