/* What only a server says: updates, cursors, names; and pixels in the client's format. */
#include <string.h>

#include "viewer/proto/rfb.h"

const struct pixel_format rfb_bgrx = {
    .bpp = 32, .depth = 24, .true_colour = true, .max = {255, 255, 255}, .shift = {16, 8, 0}};

int pixel_format_check(const struct pixel_format *f)
{
	if (!f->true_colour || (f->bpp != 8 && f->bpp != 16 && f->bpp != 32))
		return ERR_UNSUPPORTED;
	for (int i = 0; i < 3; i++)
		if (f->shift[i] >= f->bpp || !f->max[i] || (u32)f->max[i] & ((u32)f->max[i] + 1) ||
		    (u64)f->max[i] << f->shift[i] >= 1ull << f->bpp)
			return ERR_CORRUPT;
	return 0;
}

bool pixel_format_is_bgrx(const struct pixel_format *f)
{
	return f->bpp == 32 && !f->big_endian && f->max[0] == 255 && f->max[1] == 255 &&
	       f->max[2] == 255 && f->shift[0] == 16 && f->shift[1] == 8 && f->shift[2] == 0;
}

void rfb_put_format(struct wbuf *w, const struct pixel_format *f)
{
	put_u8(w, f->bpp);
	put_u8(w, f->depth);
	put_u8(w, f->big_endian);
	put_u8(w, f->true_colour);
	for (int i = 0; i < 3; i++)
		put_u16(w, f->max[i]);
	for (int i = 0; i < 3; i++)
		put_u8(w, f->shift[i]);
	put_zero(w, 3);
}

static u32 scale(u32 v, u32 max)
{
	return max == 255 ? v : (v * max + 127) / 255;
}

void pixels_to_format(const struct pixel_format *f, const u32 *src, size_t count, u8 *dst)
{
	if (pixel_format_is_bgrx(f)) {
		memcpy(dst, src, count * 4);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		u32 p = src[i];
		u32 v = scale(p >> 16 & 255, f->max[0]) << f->shift[0] |
			scale(p >> 8 & 255, f->max[1]) << f->shift[1] |
			scale(p & 255, f->max[2]) << f->shift[2];

		switch (f->bpp) {
		case 8:
			*dst++ = (u8)v;
			break;
		case 16:
			dst[f->big_endian] = (u8)v;
			dst[!f->big_endian] = (u8)(v >> 8);
			dst += 2;
			break;
		default:
			for (int b = 0; b < 4; b++)
				dst[f->big_endian ? 3 - b : b] = (u8)(v >> (8 * b));
			dst += 4;
			break;
		}
	}
}

void rfb_put_update(struct wbuf *w, u16 rects)
{
	put_u8(w, RFB_UPDATE);
	put_u8(w, 0);
	put_u16(w, rects);
}

void rfb_put_rect(struct wbuf *w, struct rect r, s32 encoding)
{
	put_rect(w, r);
	put_s32(w, encoding);
}

void rfb_put_name(struct wbuf *w, const char *name)
{
	size_t n = strnlen(name, RFB_MAX_NAME);

	rfb_put_rect(w, (struct rect){0}, ENC_DESKTOP_NAME);
	put_u32(w, (u32)n);
	put_bytes(w, name, n);
}

void rfb_put_cursor_alpha(struct wbuf *w, u16 width, u16 height, u16 hot_x, u16 hot_y,
			  const u32 *bgra)
{
	rfb_put_rect(w, (struct rect){hot_x, hot_y, width, height}, ENC_CURSOR_ALPHA);
	put_s32(w, ENC_RAW);
	u8 *d = wbuf_room(w, (size_t)width * height * 4);
	for (size_t i = 0; d && i < (size_t)width * height; i++, d += 4) {
		d[0] = (u8)(bgra[i] >> 16);
		d[1] = (u8)(bgra[i] >> 8);
		d[2] = (u8)bgra[i];
		d[3] = (u8)(bgra[i] >> 24);
	}
}

/* The old cursor has a one-bit mask: half-transparent becomes opaque, colours un-multiplied. */
void rfb_put_cursor(struct wbuf *w, const struct pixel_format *f, u16 width, u16 height, u16 hot_x,
		    u16 hot_y, const u32 *bgra)
{
	size_t count = (size_t)width * height, mask_row = ((size_t)width + 7) / 8;

	rfb_put_rect(w, (struct rect){hot_x, hot_y, width, height}, ENC_CURSOR);
	u8 *d = wbuf_room(w, count * (f->bpp / 8));
	for (size_t i = 0; d && i < count; i++) {
		u32 a = bgra[i] >> 24, v = 0;

		for (int s = 0; a && s < 24; s += 8) {
			u32 c = (bgra[i] >> s & 255) * 255 / a;
			v |= (c > 255 ? 255 : c) << s;
		}
		pixels_to_format(f, &v, 1, d + i * (f->bpp / 8));
	}
	u8 *mask = wbuf_room(w, mask_row * height);
	if (!mask)
		return;
	memset(mask, 0, mask_row * height);
	for (size_t i = 0; i < count; i++)
		if (bgra[i] >> 24 >= 128)
			mask[i / width * mask_row + i % width / 8] |= (u8)(0x80 >> i % width % 8);
}
