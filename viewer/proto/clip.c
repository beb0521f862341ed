#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/err.h"
#include "viewer/proto/clip.h"

void clip_from_latin1(struct wbuf *text, const u8 *p, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (p[i] < 0x80) {
			put_u8(text, p[i]);
		} else {
			put_u8(text, (u8)(0xc0 | p[i] >> 6));
			put_u8(text, (u8)(0x80 | (p[i] & 0x3f)));
		}
	}
}

void clip_put_latin1(struct wbuf *out, bool server, const char *text, u32 n)
{
	struct wbuf w = {0};

	for (u32 i = 0; i < n; i++) {
		u8 c = (u8)text[i];

		if (c < 0x80)
			put_u8(&w, c);
		else if ((c & 0xfc) == 0xc0 && i + 1 < n)
			put_u8(&w, (u8)(c << 6 | ((u8)text[++i] & 0x3f)));
		else if ((c & 0xc0) == 0xc0)
			put_u8(&w, '?');
	}
	if (!w.failed)
		rfb_put_cut_latin1(out, server, w.p, (u32)w.n);
	wbuf_free(&w);
}

void clip_put_caps(struct wbuf *out, bool server)
{
	u8 size[4] = {0, RFB_MAX_CLIPBOARD >> 16, 0, 0};

	rfb_put_cut_ext(out, server,
			CLIP_CAPS | CLIP_TEXT | CLIP_REQUEST | CLIP_NOTIFY | CLIP_PROVIDE, size, 4);
}

void clip_put_word(struct wbuf *out, bool server, u32 flag)
{
	rfb_put_cut_ext(out, server, flag | CLIP_TEXT, NULL, 0);
}

/* On the wire: u32 length, text with CR LF and a zero at its end, packed by zlib. */
void clip_put_text(struct wbuf *out, bool server, const char *text, u32 n)
{
	struct wbuf plain = {0}, packed = {0};

	put_u32(&plain, 0);
	for (u32 i = 0; i < n; i++) {
		if (text[i] == '\n' && (!i || text[i - 1] != '\r'))
			put_u8(&plain, '\r');
		put_u8(&plain, (u8)text[i]);
	}
	put_u8(&plain, 0);
	uLongf size = compressBound(plain.n);
	u8 *d = plain.failed ? NULL : wbuf_room(&packed, size);
	if (d) {
		set_u32(&plain, 0, (u32)(plain.n - 4));
		if (compress(d, &size, plain.p, plain.n) == Z_OK)
			rfb_put_cut_ext(out, server, CLIP_PROVIDE | CLIP_TEXT, d, (u32)size);
	}
	wbuf_free(&plain);
	wbuf_free(&packed);
}

int clip_get_text(const struct rfb_cut *c, struct wbuf *text)
{
	const size_t room = RFB_MAX_CLIPBOARD + 8;
	u8 *buf = malloc(room);
	z_stream z = {0};

	if (!buf || inflateInit(&z) != Z_OK) {
		free(buf);
		return ERR_NOMEM;
	}
	z.next_in = (Bytef *)c->data;
	z.avail_in = c->n;
	z.next_out = buf;
	z.avail_out = (uInt)room;
	int z_e = inflate(&z, Z_SYNC_FLUSH);
	struct rbuf r = rbuf_of(buf, room - z.avail_out);
	inflateEnd(&z);
	u32 n = get_u32(&r);
	const u8 *p = get_bytes(&r, n);
	int e = z_e == Z_BUF_ERROR			     ? ERR_RANGE
		: (z_e != Z_OK && z_e != Z_STREAM_END) || !p ? ERR_CORRUPT
							     : 0;

	while (!e && n && !p[n - 1])
		n--;
	for (u32 i = 0; !e && i < n; i++)
		if (p[i] != '\r' || i + 1 == n || p[i + 1] != '\n')
			put_u8(text, p[i]);
	free(buf);
	return e ? e : text->failed ? ERR_NOMEM : 0;
}
