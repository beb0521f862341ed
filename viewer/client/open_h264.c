#include "core/base/err.h"
#include "viewer/client/open_h264.h"

enum { RESET_CONTEXT = 1, RESET_ALL = 2 };

static bool same(struct rect a, struct rect b)
{
	return a.x == b.x && a.y == b.y && a.w == b.w && a.h == b.h;
}

static void forget(struct open_h264 *o, u32 i)
{
	video_dec_close(o->list[i].dec);
	o->list[i].dec = NULL;
}

static void forget_all(struct open_h264 *o)
{
	for (u32 i = 0; i < H264_CONTEXTS; i++)
		forget(o, i);
}

void open_h264_free(struct open_h264 *o)
{
	forget_all(o);
	wbuf_free(&o->padded);
	*o = (struct open_h264){0};
}

/* All contexts together hold no more pixels than two framebuffers: the oldest goes. */
static void make_room(struct open_h264 *o, struct rect r, const struct image *img)
{
	for (;;) {
		u64 pixels = (u64)r.w * r.h;
		u32 n = 0, oldest = 0;
		u64 least = UINT64_MAX;

		for (u32 i = 0; i < H264_CONTEXTS; i++) {
			if (!o->list[i].dec)
				continue;
			n++;
			pixels += (u64)o->list[i].r.w * o->list[i].r.h;
			if (o->list[i].used < least) {
				least = o->list[i].used;
				oldest = i;
			}
		}
		if (!n || (n < H264_CONTEXTS && pixels <= 2ull * img->w * img->h))
			return;
		forget(o, oldest);
	}
}

static u32 find(const struct open_h264 *o, struct rect r)
{
	for (u32 i = 0; i < H264_CONTEXTS; i++)
		if (o->list[i].dec && same(o->list[i].r, r))
			return i;
	return H264_CONTEXTS;
}

static u32 make(struct open_h264 *o, struct rect r, const struct image *img)
{
	u32 i = 0;

	make_room(o, r, img);
	while (o->list[i].dec)
		i++;
	o->list[i].dec = video_dec_open(VIDEO_H264_420, 2);
	o->list[i].r = r;
	if (!o->list[i].dec)
		return H264_CONTEXTS;
	/* The protocol allows larger pictures, to be cut: twice on each side is more than plenty. */
	video_dec_limit(o->list[i].dec, (u64)r.w * r.h * 4 + 65536);
	return i;
}

ssize_t open_h264_get(struct open_h264 *o, const u8 *p, size_t n, struct rect r, struct image *img,
		      bool *lost)
{
	struct rbuf b = rbuf_of(p, n);
	u32 length = get_u32(&b), flags = get_u32(&b);

	*lost = false;
	if (!b.starved && length > NATIVE_MAX_AU)
		return ERR_RANGE;
	const u8 *data = get_bytes(&b, length);
	if (b.starved)
		return 0;
	u32 i = find(o, r);
	if (flags & RESET_ALL)
		forget_all(o);
	else if (flags & RESET_CONTEXT && i < H264_CONTEXTS)
		forget(o, i);
	if (!length || !r.w || !r.h)
		return (ssize_t)b.at;
	i = find(o, r);
	if (i == H264_CONTEXTS)
		i = make(o, r, img);
	if (i == H264_CONTEXTS)
		return ERR_UNSUPPORTED;
	o->list[i].used = ++o->count;
	o->padded.limit = NATIVE_MAX_AU + VIDEO_PADDING;
	o->padded.n = 0;
	put_bytes(&o->padded, data, length);
	put_zero(&o->padded, VIDEO_PADDING);
	if (o->padded.failed)
		return ERR_NOMEM;
	int e = video_dec_show(o->list[i].dec, o->padded.p, length, r, img);
	if (e < 0) {
		forget(o, i);
		*lost = true;
	}
	o->pictures += e > 0;
	return (ssize_t)b.at;
}
