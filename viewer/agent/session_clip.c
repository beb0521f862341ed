/* The clipboard between a viewer and the desktop, in whatever form the viewer has it. */
#include <string.h>
#include <zlib.h>

#include "core/base/err.h"
#include "viewer/agent/session_in.h"

/* Extended clipboard flags (rfbproto). */
enum {
	CLIP_TEXT = 1 << 0,
	CLIP_CAPS = 1 << 24,
	CLIP_REQUEST = 1 << 25,
	CLIP_PEEK = 1 << 26,
	CLIP_NOTIFY = 1 << 27,
	CLIP_PROVIDE = 1 << 28,
};

void session_text_in(struct session *s, const char *text, u32 n)
{
	struct agent *a = s->agent;

	if (a->clipboard && a->conf.clipboard & CLIP_TO_DESKTOP && session_may_change(s))
		clipboard_set(a->clipboard, text, n);
}

/* Latin-1 to UTF-8; out has room for 2n. */
static u32 utf8_from_latin1(const u8 *in, u32 n, char *out)
{
	u32 k = 0;

	for (u32 i = 0; i < n; i++) {
		if (in[i] < 0x80) {
			out[k++] = (char)in[i];
		} else {
			out[k++] = (char)(0xc0 | in[i] >> 6);
			out[k++] = (char)(0x80 | (in[i] & 0x3f));
		}
	}
	return k;
}

static int clip_provide_in(struct session *s, const struct rfb_cut *c)
{
	static u8 buf[RFB_MAX_CLIPBOARD + 8];
	z_stream z = {0};

	if (inflateInit(&z) != Z_OK)
		return ERR_NOMEM;
	z.next_in = (Bytef *)c->data;
	z.avail_in = c->n;
	z.next_out = buf;
	z.avail_out = sizeof(buf);
	int e = inflate(&z, Z_SYNC_FLUSH);
	size_t got = sizeof(buf) - z.avail_out;
	inflateEnd(&z);
	if (e != Z_OK && e != Z_STREAM_END)
		return e == Z_BUF_ERROR ? ERR_RANGE : ERR_CORRUPT;
	struct rbuf r = rbuf_of(buf, got);
	u32 n = get_u32(&r);
	const u8 *text = get_bytes(&r, n);
	if (!text)
		return ERR_CORRUPT;
	while (n && !text[n - 1])
		n--;
	session_text_in(s, (const char *)text, n);
	return 0;
}

static void clip_provide_out(struct session *s, const char *text, u32 n)
{
	struct wbuf plain = {0}, packed = {0};

	put_u32(&plain, n + 1);
	put_bytes(&plain, text, n);
	put_u8(&plain, 0);
	uLongf size = compressBound(plain.n);
	u8 *d = wbuf_room(&packed, size);
	if (d && compress(d, &size, plain.p, plain.n) == Z_OK)
		rfb_put_cut_ext(&s->net.out, true, CLIP_PROVIDE | CLIP_TEXT, d, (u32)size);
	wbuf_free(&plain);
	wbuf_free(&packed);
}

int session_cut(struct session *s, const struct rfb_cut *c)
{
	static char utf8[2 * RFB_MAX_CLIPBOARD];
	struct agent *a = s->agent;

	if (!c->ext) {
		session_text_in(s, utf8, utf8_from_latin1(c->data, c->n, utf8));
		return 0;
	}
	if (c->flags & CLIP_CAPS)
		return 0;
	if (c->flags & CLIP_PROVIDE)
		return clip_provide_in(s, c);
	if (c->flags & CLIP_NOTIFY && c->flags & CLIP_TEXT) {
		rfb_put_cut_ext(&s->net.out, true, CLIP_REQUEST | CLIP_TEXT, NULL, 0);
	} else if (c->flags & CLIP_REQUEST && a->clipboard && a->conf.clipboard & CLIP_TO_VIEWER) {
		u32 n;
		const char *text = clipboard_text(a->clipboard, &n);
		if (text)
			clip_provide_out(s, text, n);
	}
	return 0;
}

void session_clipboard(struct session *s, const char *text, u32 n)
{
	if (s->state != SESSION_RUN || !(s->agent->conf.clipboard & CLIP_TO_VIEWER))
		return;
	if (s->native) {
		native_put_bytes(&s->net.out, CH_CLIPBOARD, 1, text, n);
		return;
	}
	if (s->rfb.ext_clipboard) {
		rfb_put_cut_ext(&s->net.out, true, CLIP_NOTIFY | CLIP_TEXT, NULL, 0);
	} else {
		/* Latin-1 is all that plain RFB has: what it lacks becomes '?'. */
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
		rfb_put_cut_latin1(&s->net.out, true, w.p, (u32)w.n);
		wbuf_free(&w);
	}
}

void session_greet_clipboard(struct session *s)
{
	u8 size[4] = {0, RFB_MAX_CLIPBOARD >> 16, 0, 0};

	if (s->rfb.ext_clipboard && s->agent->clipboard)
		rfb_put_cut_ext(&s->net.out, true,
				CLIP_CAPS | CLIP_TEXT | CLIP_REQUEST | CLIP_NOTIFY | CLIP_PROVIDE,
				size, 4);
}
