/*
 * Bounded reading and writing of wire bytes (big-endian, as RFB 3.8 §7 has it).
 *
 * A reader never leaves its window: a read past the end yields 0 and sets `starved`, so that a
 * parser can read a whole message first and ask once whether it was all there. A writer grows up
 * to its limit and then sets `failed`; nothing is written any more.
 */
#pragma once

#include "core/base/types.h"

struct rbuf {
	const u8 *p;
	size_t n;     /* bytes in the window */
	size_t at;    /* next byte */
	bool starved; /* a read went past the end */
};

struct wbuf {
	u8 *p;
	size_t n;     /* bytes written */
	size_t cap;   /* bytes allocated */
	size_t limit; /* growth ends here; 0 = 1 GiB */
	bool failed;  /* limit reached or out of memory */
};

static inline struct rbuf rbuf_of(const void *p, size_t n)
{
	return (struct rbuf){.p = p, .n = n};
}

static inline size_t rbuf_left(const struct rbuf *r)
{
	return r->n - r->at;
}

/* Next n bytes in place, or NULL (and starved). */
static inline const u8 *get_bytes(struct rbuf *r, size_t n)
{
	if (r->starved || n > r->n - r->at) {
		r->starved = true;
		return NULL;
	}
	r->at += n;
	return r->p + r->at - n;
}

static inline u8 get_u8(struct rbuf *r)
{
	const u8 *b = get_bytes(r, 1);
	return b ? b[0] : 0;
}

static inline u16 get_u16(struct rbuf *r)
{
	const u8 *b = get_bytes(r, 2);
	return b ? (u16)(b[0] << 8 | b[1]) : 0;
}

static inline u32 get_u32(struct rbuf *r)
{
	const u8 *b = get_bytes(r, 4);
	return b ? (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3] : 0;
}

static inline u64 get_u64(struct rbuf *r)
{
	u64 hi = get_u32(r);
	return hi << 32 | get_u32(r);
}

static inline s32 get_s32(struct rbuf *r)
{
	return (s32)get_u32(r);
}

/* Room for n more bytes at the end, or NULL (and failed); the caller fills it whole. */
u8 *wbuf_room(struct wbuf *w, size_t n);
void wbuf_free(struct wbuf *w);
/* Drops the first n bytes. */
void wbuf_eat(struct wbuf *w, size_t n);

void put_bytes(struct wbuf *w, const void *p, size_t n);
void put_zero(struct wbuf *w, size_t n);
void put_u8(struct wbuf *w, u8 v);
void put_u16(struct wbuf *w, u16 v);
void put_u32(struct wbuf *w, u32 v);
void put_u64(struct wbuf *w, u64 v);
void put_s32(struct wbuf *w, s32 v);
/* Overwrites what put_u16/put_u32 wrote at `at` (a length known only afterwards). */
void set_u16(struct wbuf *w, size_t at, u16 v);
void set_u32(struct wbuf *w, size_t at, u32 v);
