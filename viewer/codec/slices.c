#include "core/base/err.h"
#include "viewer/codec/slices.h"

int slices_init(struct slices *s, void (*emit)(void *, const u8 *, size_t), void *ctx)
{
	*s = (struct slices){.emit = emit, .ctx = ctx};
	return pthread_mutex_init(&s->lock, NULL) ? ERR_NOMEM : 0;
}

void slices_free(struct slices *s)
{
	if (s->emit)
		pthread_mutex_destroy(&s->lock);
	wbuf_free(&s->held);
	*s = (struct slices){0};
}

void slices_begin(struct slices *s)
{
	s->next = 0;
	s->held.n = 0;
	s->held.failed = s->failed = false;
}

void slices_pass(struct slices *s, const u8 *p, size_t n)
{
	pthread_mutex_lock(&s->lock);
	s->emit(s->ctx, p, n);
	pthread_mutex_unlock(&s->lock);
}

/* Emits the held slice whose turn it is, if it is there. */
static bool emit_held(struct slices *s)
{
	struct rbuf r = rbuf_of(s->held.p, s->held.n);

	while (rbuf_left(&r)) {
		u32 first = get_u32(&r), last = get_u32(&r), n = get_u32(&r);
		const u8 *p = get_bytes(&r, n);

		if (first != s->next)
			continue;
		s->emit(s->ctx, p, n);
		s->next = last + 1;
		return true;
	}
	return false;
}

void slices_put(struct slices *s, u32 first, u32 last, const u8 *p, size_t n)
{
	pthread_mutex_lock(&s->lock);
	if (first < s->next || last < first || last == UINT32_MAX) {
		s->failed = true;
	} else if (first == s->next) {
		s->emit(s->ctx, p, n);
		s->next = last + 1;
		while (emit_held(s))
			continue;
	} else {
		put_u32(&s->held, first);
		put_u32(&s->held, last);
		put_u32(&s->held, (u32)n);
		put_bytes(&s->held, p, n);
		s->failed |= s->held.failed;
	}
	pthread_mutex_unlock(&s->lock);
}

bool slices_whole(const struct slices *s, u32 count)
{
	return !s->failed && s->next == count;
}
