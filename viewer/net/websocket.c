#include <gnutls/crypto.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "viewer/net/websocket.h"

#define MAX_REQUEST 8192u
#define KEY_BYTES   24u

static void answer(struct net_stream *s, const char *text)
{
	put_bytes(&s->out, text, strlen(text));
}

/* Value of a header line, or NULL. *n: its length without the blanks around. */
static const char *header(const char *p, const char *end, const char *name, size_t *n)
{
	size_t len = strlen(name);

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (!eol)
			return NULL;
		if ((size_t)(eol - p) > len && !strncasecmp(p, name, len) && p[len] == ':') {
			const char *v = p + len + 1, *e = eol;

			while (v < e && (*v == ' ' || *v == '\t'))
				v++;
			while (e > v && (e[-1] == '\r' || e[-1] == ' '))
				e--;
			*n = (size_t)(e - v);
			return v;
		}
		p = eol + 1;
	}
	return NULL;
}

static bool listed(const char *list, const char *origin, size_t n)
{
	for (const char *w = list; *w; w += *w == ',') {
		size_t len = strcspn(w, ",");
		const char *e = w + len;

		while (w < e && *w == ' ')
			w++;
		size_t word = (size_t)(e - w);
		while (word && w[word - 1] == ' ')
			word--;
		if (word == n && !strncasecmp(w, origin, n))
			return true;
		w = e;
	}
	return false;
}

/* What is no browser sends no Origin, and is let through: it could say anything there. */
static bool page_allowed(const struct websocket_pages *pages, const char *req, const char *end)
{
	size_t n = 0;
	const char *origin = header(req, end, "Origin", &n);

	if (!origin || (pages->any && !*pages->allowed))
		return true;
	return listed(pages->allowed, origin, n);
}

int websocket_accept(struct net_stream *s, const struct websocket_pages *pages)
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const char *req = (const char *)s->in.p;
	const char *end = s->in.n ? memmem(req, s->in.n, "\r\n\r\n", 4) : NULL;
	size_t n = 0, pn = 0;
	u8 sha[20];
	char text[KEY_BYTES + sizeof(magic)];

	if (!end)
		return s->in.n >= MAX_REQUEST ? ERR_RANGE : 0;
	end += 2;
	const char *key = header(req, end, "Sec-WebSocket-Key", &n);
	if (s->in.n < 4 || memcmp(req, "GET ", 4) || !key || n != KEY_BYTES) {
		answer(
		    s,
		    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
		return ERR_CORRUPT;
	}
	if (!page_allowed(pages, req, end)) {
		answer(s,
		       "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
		return ERR_PERM;
	}
	memcpy(text, key, KEY_BYTES);
	memcpy(text + KEY_BYTES, magic, sizeof(magic) - 1);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, KEY_BYTES + sizeof(magic) - 1, sha) < 0)
		return ERR_UNSUPPORTED;
	gnutls_datum_t in = {sha, sizeof(sha)}, out = {0};
	if (gnutls_base64_encode2(&in, &out) < 0)
		return ERR_NOMEM;
	answer(s,
	       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	       "Sec-WebSocket-Accept: ");
	put_bytes(&s->out, out.data, out.size);
	gnutls_free(out.data);
	if (header(req, end, "Sec-WebSocket-Protocol", &pn))
		answer(s, "\r\nSec-WebSocket-Protocol: binary");
	answer(s, "\r\n\r\n");

	s->framed = s->out.n; /* the answer itself goes bare */
	size_t used = (size_t)(end + 2 - req);
	put_bytes(&s->ws_in, s->in.p + used, s->in.n - used);
	s->in.n = 0;
	s->websocket = true;
	return websocket_unframe(s) ? ERR_CORRUPT : 1;
}

/* A control frame must not land inside another: what waits is framed first. */
static void put_pong(struct net_stream *s, const u8 *data, const u8 *mask, u32 n)
{
	if (s->out.n > s->framed)
		websocket_frame(s, s->framed);
	size_t from = s->out.n;
	u8 *d = n ? wbuf_room(&s->out, n) : NULL;
	for (u32 i = 0; d && i < n; i++)
		d[i] = data[i] ^ mask[i % 4];
	websocket_frame(s, from);
	if (!s->out.failed)
		s->out.p[from] = 0x8a;
	s->framed = s->out.n;
}

int websocket_unframe(struct net_stream *s)
{
	for (;;) {
		struct rbuf r = rbuf_of(s->ws_in.p, s->ws_in.n);
		u8 first = get_u8(&r), second = get_u8(&r), op = first & 15;
		u64 n = second & 127;

		if (n == 126)
			n = get_u16(&r);
		else if (n == 127)
			n = get_u64(&r);
		if (r.starved)
			return 0;
		if (!(second & 0x80) || first & 0x70)
			return ERR_CORRUPT; /* a client masks, and no extension was agreed */
		if (n > s->ws_in.limit - 16 || (op >= 8 && n > 125))
			return ERR_RANGE;
		const u8 *mask = get_bytes(&r, 4), *data = get_bytes(&r, (size_t)n);
		if (r.starved)
			return 0;
		if (op == 8) {
			s->goodbye = true;
			return ERR_IO;
		}
		if (op == 0 || op == 1 || op == 2) {
			if (s->in.n + n > s->in.limit)
				return 0; /* the owner eats first */
			u8 *d = n ? wbuf_room(&s->in, (size_t)n) : NULL;
			for (u64 i = 0; d && i < n; i++)
				d[i] = data[i] ^ mask[i % 4];
		} else if (op == 9) {
			put_pong(s, data, mask, (u32)n);
		}
		wbuf_eat(&s->ws_in, r.at);
	}
}

void websocket_frame(struct net_stream *s, size_t from)
{
	size_t n = s->out.n - from, head = n < 126 ? 2 : n < 65536 ? 4 : 10;

	if (s->out.failed || !wbuf_room(&s->out, head))
		return;
	u8 *p = s->out.p + from;
	memmove(p + head, p, n);
	p[0] = 0x82;
	p[1] = (u8)(n < 126 ? n : n < 65536 ? 126 : 127);
	for (size_t i = 2; i < head; i++)
		p[i] = (u8)((u64)n >> (8 * (head - 1 - i)));
}
