#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/err.h"
#include "viewer/codec/png.h"

#define FILTER_UP 2 /* §9.2: what differs from the row above; flat areas become zeros */
#define OUT_BYTES (256u << 10)

static void put_be32(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 24);
	p[1] = (u8)(v >> 16);
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
}

/* §5.3: length, type, data, CRC of type and data. */
static int chunk(FILE *f, const char type[5], const u8 *data, u32 n)
{
	u8 head[8], tail[4];
	u32 sum = (u32)crc32(0, (const Bytef *)type, 4);

	put_be32(head, n);
	memcpy(head + 4, type, 4);
	if (n)
		sum = (u32)crc32(sum, data, n);
	put_be32(tail, sum);
	return fwrite(head, 8, 1, f) == 1 && (!n || fwrite(data, n, 1, f) == 1) &&
		       fwrite(tail, 4, 1, f) == 1
		   ? 0
		   : ERR_IO;
}

static int pack(FILE *f, z_stream *z, int flush, u8 *out)
{
	int e = 0;

	do {
		z->next_out = out;
		z->avail_out = OUT_BYTES;
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return ERR_INVAL;
		u32 n = OUT_BYTES - z->avail_out;
		if (n)
			e = chunk(f, "IDAT", out, n);
	} while (!e && !z->avail_out);
	return e;
}

int png_write(FILE *f, const struct image *img)
{
	static const u8 magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	size_t row = 1 + (size_t)img->w * 3;
	u8 head[13] = {[8] = 8, [9] = 2}, *line = malloc(row), *out = malloc(OUT_BYTES);
	z_stream z = {0};
	int e = ERR_NOMEM;

	if (!line || !out || deflateInit(&z, 4) != Z_OK)
		goto out;
	put_be32(head, img->w);
	put_be32(head + 4, img->h);
	e = fwrite(magic, 8, 1, f) == 1 ? chunk(f, "IHDR", head, 13) : ERR_IO;
	for (u32 y = 0; !e && y < img->h; y++) {
		const u32 *px = image_at(img, 0, y), *up = y ? image_at(img, 0, y - 1) : NULL;
		u8 *d = line;

		*d++ = FILTER_UP;
		for (u32 x = 0; x < img->w; x++) {
			u32 a = px[x], b = up ? up[x] : 0;

			*d++ = (u8)((a >> 16) - (b >> 16));
			*d++ = (u8)((a >> 8) - (b >> 8));
			*d++ = (u8)(a - b);
		}
		z.next_in = line;
		z.avail_in = (uInt)row;
		e = pack(f, &z, Z_NO_FLUSH, out);
	}
	if (!e)
		e = pack(f, &z, Z_FINISH, out);
	if (!e)
		e = chunk(f, "IEND", NULL, 0);
	deflateEnd(&z);
out:
	free(line);
	free(out);
	return e;
}
