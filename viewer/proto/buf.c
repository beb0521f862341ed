#include <stdlib.h>
#include <string.h>

#include "viewer/proto/buf.h"

u8 *wbuf_room(struct wbuf *w, size_t n)
{
	size_t limit = w->limit ? w->limit : GIB(1);

	if (w->failed || n > limit || w->n > limit - n) {
		w->failed = true;
		return NULL;
	}
	if (w->n + n > w->cap) {
		size_t cap = w->cap ? w->cap : 256;

		while (cap < w->n + n)
			cap *= 2;
		u8 *p = realloc(w->p, cap);
		if (!p) {
			w->failed = true;
			return NULL;
		}
		w->p = p;
		w->cap = cap;
	}
	w->n += n;
	return w->p + w->n - n;
}

void wbuf_free(struct wbuf *w)
{
	free(w->p);
	*w = (struct wbuf){.limit = w->limit};
}

void wbuf_eat(struct wbuf *w, size_t n)
{
	if (n >= w->n) {
		w->n = 0;
		return;
	}
	memmove(w->p, w->p + n, w->n - n);
	w->n -= n;
}

void put_bytes(struct wbuf *w, const void *p, size_t n)
{
	u8 *d = n ? wbuf_room(w, n) : NULL;

	if (d)
		memcpy(d, p, n);
}

void put_zero(struct wbuf *w, size_t n)
{
	u8 *d = n ? wbuf_room(w, n) : NULL;

	if (d)
		memset(d, 0, n);
}

void put_u8(struct wbuf *w, u8 v)
{
	u8 *d = wbuf_room(w, 1);

	if (d)
		d[0] = v;
}

void put_u16(struct wbuf *w, u16 v)
{
	u8 b[2] = {(u8)(v >> 8), (u8)v};

	put_bytes(w, b, 2);
}

void put_u32(struct wbuf *w, u32 v)
{
	u8 b[4] = {(u8)(v >> 24), (u8)(v >> 16), (u8)(v >> 8), (u8)v};

	put_bytes(w, b, 4);
}

void put_u64(struct wbuf *w, u64 v)
{
	put_u32(w, (u32)(v >> 32));
	put_u32(w, (u32)v);
}

void put_s32(struct wbuf *w, s32 v)
{
	put_u32(w, (u32)v);
}

void set_u16(struct wbuf *w, size_t at, u16 v)
{
	if (w->failed)
		return;
	w->p[at] = (u8)(v >> 8);
	w->p[at + 1] = (u8)v;
}

void set_u32(struct wbuf *w, size_t at, u32 v)
{
	set_u16(w, at, (u16)(v >> 16));
	set_u16(w, at + 2, (u16)v);
}
