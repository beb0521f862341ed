#include <math.h>
#include <string.h>

#include "viewer/codec/jpeg.h"
#include "viewer/codec/quality.h"
#include "viewer/codec/tiles.h"
#include "viewer/codec/yuv.h"

#define BLOCK	  16u
#define BLOCKS	  (QUALITY_ACROSS * QUALITY_DOWN)
#define QUALITY	  92
#define HEADERS	  623u /* bytes of a JPEG before its first block */
/* Of the JPEG's error that can be undercut: a little less, as the blocks are a sample. */
#define SHARE	  0.89
/* No video is nearer than this: what 8 bits of Y'CbCr lose by rounding. */
#define LEAST	  0.4
/* Error and step go together, though not as square and side: small coefficients are lost whole. */
#define DB_A_STEP 0.7
#define MEMORY	  3u /* pictures that a mean goes back */
#define PLAIN	  20.0

/* Errors of the video by that of a JPEG with one step for all, for the first picture. */
static const struct {
	u32 step;
	double quantizer;
} trials[] = {{3, 13.58}, {6, 19.51}, {12, 25.58}};
#define TRIAL_ERROR 1.25
#define START	    1.2

int quality_init(struct quality *q, u32 w, u32 h)
{
	*q = (struct quality){
	    .w = w, .h = h, .random = 1, .small = w < BLOCK || h < BLOCK, .jpeg.limit = 1u << 20};
	if (q->small)
		return 0;
	int e = image_alloc(&q->px, QUALITY_ACROSS * BLOCK, QUALITY_DOWN * BLOCK);

	return e ? e : image_alloc(&q->coded, QUALITY_ACROSS * BLOCK, QUALITY_DOWN * BLOCK);
}

void quality_free(struct quality *q)
{
	image_free(&q->px);
	image_free(&q->coded);
	wbuf_free(&q->jpeg);
	*q = (struct quality){0};
}

static u32 *block(const struct image *img, u32 i)
{
	return image_at(img, i % QUALITY_ACROSS * BLOCK, i / QUALITY_ACROSS * BLOCK);
}

/* Somewhere between the i-th and the next of n parts of size, whole units of eight from its edge. */
static u32 place(struct quality *q, u32 i, u32 n, u32 size)
{
	u32 from = i * size / n, room = size / n + 1;

	q->random = q->random * 1664525u + 1013904223u;
	from = (from + (q->random >> 8) % room) & ~7u;
	return from + BLOCK > size ? size - BLOCK : from;
}

static bool is_painted(const struct quality *q, const u8 *painted, u32 x, u32 y)
{
	u32 bit = y / TILE_H * tiles_across(q->w) + x / TILE_W;

	return painted[bit / 8] >> (7 - bit % 8) & 1;
}

void quality_take(struct quality *q, const u32 *src, u32 stride, const u8 *painted)
{
	q->counted = 0;
	for (u32 i = 0; i < BLOCKS && !q->small; i++) {
		u32 *to = block(&q->px, i);
		u32 x = place(q, i % QUALITY_ACROSS, QUALITY_ACROSS, q->w);
		u32 y = place(q, i / QUALITY_ACROSS, QUALITY_DOWN, q->h);

		q->at[i].x = x;
		q->at[i].y = y;
		/* No larger than a tile, it has a corner in each that it touches. */
		q->at[i].out = painted && !(is_painted(q, painted, x, y) &&
					    is_painted(q, painted, x + BLOCK - 1, y) &&
					    is_painted(q, painted, x, y + BLOCK - 1) &&
					    is_painted(q, painted, x + BLOCK - 1, y + BLOCK - 1));
		q->counted += !q->at[i].out;
		for (u32 k = 0; k < BLOCK; k++, to += q->px.stride) {
			if (q->at[i].out)
				memset(to, 0, BLOCK * 4); /* costs the JPEG nothing */
			else
				memcpy(to, src + (size_t)(y + k) * stride + x, BLOCK * 4);
		}
	}
}

static bool solid(const struct image *img, u32 i)
{
	const u32 *px = block(img, i);
	u32 differ = 0;

	for (u32 y = 0; y < BLOCK; y++)
		for (u32 x = 0; x < BLOCK; x++)
			differ |= px[(size_t)y * img->stride + x] ^ px[0];
	return !(differ & 0xffffff);
}

/* Mean square, over all samples that are shown. Others send what has one colour exactly. */
static double error(const struct quality *q, bool solid_is_exact)
{
	u64 sum = 0;

	for (u32 i = 0; i < BLOCKS; i++) {
		const u32 *a = block(&q->px, i), *b = block(&q->coded, i);

		if (q->at[i].out || (solid_is_exact && solid(&q->px, i)))
			continue;
		for (u32 y = 0; y < BLOCK; y++, a += q->px.stride, b += q->coded.stride)
			for (u32 x = 0; x < BLOCK; x++) {
				s32 r = (s32)(a[x] >> 16 & 255) - (s32)(b[x] >> 16 & 255);
				s32 g = (s32)(a[x] >> 8 & 255) - (s32)(b[x] >> 8 & 255);
				s32 bl = (s32)(a[x] & 255) - (s32)(b[x] & 255);

				sum += (u32)(r * r + g * g + bl * bl);
			}
	}
	return (double)sum / (q->counted * BLOCK * BLOCK * 3);
}

/* step 0: as others do. Negative where there is no memory. */
static double jpeg_error(struct quality *q, u32 step)
{
	const struct rect all = {0, 0, (u16)q->px.w, (u16)q->px.h};

	q->jpeg.n = 0;
	if (step ? jpeg_put_flat(&q->px, all, step, &q->jpeg)
		 : jpeg_put(&q->px, all, QUALITY, false, &q->jpeg))
		return -1;
	if (q->jpeg.failed || jpeg_get(q->jpeg.p, q->jpeg.n, &q->coded, all))
		return -1;
	return error(q, !step);
}

/* The quantizer of the first picture, by what steps do to these blocks. */
static double guess(struct quality *q)
{
	double goal = log2(q->wanted_now / TRIAL_ERROR), e[ARRAY_SIZE(trials)];
	u32 i = 0;

	for (u32 t = 0; t < ARRAY_SIZE(trials); t++) {
		e[t] = jpeg_error(q, trials[t].step);
		if (e[t] < 0)
			return PLAIN;
		e[t] = log2(e[t] < LEAST ? LEAST : e[t]);
	}
	while (i + 2 < ARRAY_SIZE(trials) && e[i + 1] < goal)
		i++;
	double slope = (e[i + 1] - e[i]) / (trials[i + 1].quantizer - trials[i].quantizer);

	return slope > 0.02 ? trials[i].quantizer + (goal - e[i]) / slope : PLAIN;
}

/* Encoders take whole ones: what is lost by rounding is made good by the next picture. */
static double whole(struct quality *q, double quantizer)
{
	double exact = fmin(fmax(quantizer, QUALITY_FINEST), QUALITY_COARSEST) + q->carry;
	double rounded = rint(exact);

	q->carry = exact - rounded;
	return rounded;
}

static const double log2_a_step = DB_A_STEP / 3.0103;

double quality_want(struct quality *q, bool start)
{
	if (start)
		q->judged = 0;
	if (!q->counted)
		return q->judged ? whole(q, log2(q->wanted / q->had) / log2_a_step) : PLAIN;
	double e = jpeg_error(q, 0);
	u32 n;

	if (e < 0)
		return PLAIN;
	q->wanted_now = e > LEAST ? LEAST + (e - LEAST) * SHARE : LEAST;
	q->bytes = (double)(q->jpeg.n > HEADERS ? q->jpeg.n - HEADERS : 1) * q->w * q->h /
		   (BLOCKS * BLOCK * BLOCK);
	if (!q->judged)
		return whole(q, guess(q));
	n = q->judged;
	return whole(q, log2((q->wanted * n + q->wanted_now) / (n + 1) / q->had) / log2_a_step);
}

void quality_judge(struct quality *q, u8 *const plane[3], const int pitch[3], double quantizer)
{
	if (!q->counted)
		return;
	for (u32 i = 0; i < BLOCKS; i++)
		for (u32 y = 0; y < BLOCK; y++) {
			size_t row = q->at[i].y + y, x = q->at[i].x;

			yuv_row_to_rgb(plane[0] + row * (size_t)pitch[0] + x,
				       plane[1] + row * (size_t)pitch[1] + x,
				       plane[2] + row * (size_t)pitch[2] + x,
				       block(&q->coded, i) + (size_t)y * q->coded.stride, BLOCK);
		}
	double had = fmax(error(q, false), LEAST / 4) * exp2(-quantizer * log2_a_step);
	u32 n = q->judged;

	if (!n) /* it copies nothing; those that do lose a little more by the same quantizer */
		had *= START;
	q->wanted = n ? (q->wanted * n + q->wanted_now) / (n + 1) : q->wanted_now;
	q->had = n ? (q->had * n + had) / (n + 1) : had;
	q->judged = n < MEMORY ? n + 1 : MEMORY;
}
