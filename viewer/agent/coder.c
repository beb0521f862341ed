#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"
#include "viewer/agent/coder.h"

static void gather(void *ctx, const u8 *p, size_t n)
{
	struct coder *c = ctx;
	u64 one = 1;

	pthread_mutex_lock(&c->lock);
	put_bytes(&c->out, p, n);
	pthread_mutex_unlock(&c->lock);
	if (c->early && write(c->event, &one, sizeof(one)) < 0)
		return; /* the counter is full: the owner is awake anyway */
}

static void *work(void *arg)
{
	struct coder *c = arg;
	u64 one = 1;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->quit && (!c->busy || c->done))
			pthread_cond_wait(&c->wake, &c->lock);
		if (c->quit)
			break;
		bool key = c->want_key, is_key = false;
		pthread_mutex_unlock(&c->lock);

		u64 start = now_us();
		int e = c->ops->encode(c->enc, key, &is_key);

		pthread_mutex_lock(&c->lock);
		c->result = e ? e : c->out.failed ? ERR_NOMEM : 0;
		c->is_key = is_key;
		c->encode_us = (u32)(now_us() - start);
		c->spent = c->ops->effort ? c->ops->effort(c->enc) : 0;
		c->done = true;
		if (write(c->event, &one, sizeof(one)) < 0)
			continue; /* the counter is full: the owner is awake anyway */
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int coder_init(struct coder *c, const struct video_enc_ops *ops, u32 threads, u32 effort, int event)
{
	*c = (struct coder){.ops = ops,
			    .threads = threads,
			    .effort = effort,
			    .event = event,
			    .out.limit = NATIVE_MAX_AU};
	if (pthread_mutex_init(&c->lock, NULL) || pthread_cond_init(&c->wake, NULL))
		return ERR_NOMEM;
	if (pthread_create(&c->thread, NULL, work, c))
		return ERR_NOMEM;
	c->threaded = true;
	return 0;
}

void coder_close(struct coder *c)
{
	if (c->threaded) {
		pthread_mutex_lock(&c->lock);
		c->quit = true;
		pthread_cond_signal(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
		pthread_mutex_destroy(&c->lock);
		pthread_cond_destroy(&c->wake);
	}
	if (c->enc)
		c->ops->close(c->enc);
	wbuf_free(&c->out);
	*c = (struct coder){0};
}

static bool same_rect(struct rect a, struct rect b)
{
	return a.x == b.x && a.y == b.y && a.w == b.w && a.h == b.h;
}

int coder_start(struct coder *c, const struct image *img, struct rect r, const u8 *painted,
		bool key, u32 kbps)
{
	pthread_mutex_lock(&c->lock);
	bool busy = c->busy; /* done but not fetched is busy, too */
	pthread_mutex_unlock(&c->lock);
	if (busy)
		return ERR_BUSY;

	/* The thread sleeps: everything is ours until busy is set. */
	if (c->enc && !same_rect(c->r, r)) {
		c->ops->close(c->enc);
		c->enc = NULL;
	}
	if (!c->enc) {
		char why[128] = "";
		struct video_conf conf = {.w = r.w,
					  .h = r.h,
					  .fps = 30,
					  .kbps = kbps,
					  .threads = c->threads,
					  .effort = c->effort,
					  .colour = c->colour,
					  .emit = gather,
					  .ctx = c,
					  .why = why,
					  .why_n = sizeof(why)};
		c->enc = c->ops->open(&conf);
		if (!c->enc && c->instead) {
			snprintf(c->refused, sizeof(c->refused), "%s cannot code %ux%u: %s",
				 c->ops->name, r.w, r.h, why);
			c->ops = c->instead;
			c->instead = NULL;
			c->enc = c->ops->open(&conf);
		}
		if (!c->enc)
			return ERR_UNSUPPORTED;
		c->r = r;
		key = true;
	} else if (kbps != c->kbps) {
		int e = c->ops->rate(c->enc, kbps);
		if (e) { /* it is of no use any more: the next picture opens another */
			c->ops->close(c->enc);
			c->enc = NULL;
			return e;
		}
	}
	c->kbps = kbps;
	c->out.n = c->taken = 0;
	c->out.failed = false;
	c->ops->load(c->enc, image_at(img, r.x, r.y), img->stride, painted);
	pthread_mutex_lock(&c->lock);
	c->want_key = key;
	c->busy = true;
	c->done = false;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

size_t coder_take(struct coder *c, struct wbuf *to)
{
	pthread_mutex_lock(&c->lock);
	size_t n = c->out.n - c->taken;
	put_bytes(to, c->out.p + c->taken, n);
	c->taken += n;
	pthread_mutex_unlock(&c->lock);
	return n;
}

bool coder_finished(struct coder *c)
{
	pthread_mutex_lock(&c->lock);
	bool done = c->busy && c->done;
	if (done)
		c->busy = c->done = false;
	pthread_mutex_unlock(&c->lock);
	return done;
}

bool coder_working(struct coder *c)
{
	pthread_mutex_lock(&c->lock);
	bool working = c->busy && !c->done;
	pthread_mutex_unlock(&c->lock);
	return working;
}
