#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <drm_fourcc.h>
#include <libdrm/virtgpu_drm.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/base/err.h"
#include "viewer/agent/capture/drm_buffer.h"

#define PROBE	  16u
#define MAX_STALE 3u /* a compositor that flips has drawn: so often without a trace is a lie */

static const struct {
	u32 fourcc;
	bool swapped;
} formats[] = {
    {DRM_FORMAT_XRGB8888, false},
    {DRM_FORMAT_ARGB8888, false},
    {DRM_FORMAT_XBGR8888, true},
    {DRM_FORMAT_ABGR8888, true},
};

int drm_card_init(struct drm_card *c, int fd)
{
	drmVersion *v = drmGetVersion(fd);
	int yes = 0;

	*c = (struct drm_card){.fd = fd};
	if (!v)
		return ERR_IO;
	snprintf(c->driver, sizeof(c->driver), "%s", v->name);
	drmFreeVersion(v);
	struct drm_virtgpu_getparam p = {VIRTGPU_PARAM_3D_FEATURES, (u64)(uintptr_t)&yes};
	if (!strcmp(c->driver, "virtio_gpu") && !drmIoctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p))
		c->virtio_3d = yes != 0;
	/* Buffers are attached to the 3D context as they are opened: so it must be there before.
	 * Any such call makes it; this one then fails, as no buffer has the handle 0. */
	struct drm_virtgpu_3d_transfer_from_host none = {0};
	if (c->virtio_3d)
		drmIoctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &none);
	return 0;
}

/* One call a framebuffer hands out as many handles as it has planes, repeated ones included. */
static void close_handles(const struct drm_card *c, const struct seat_answer *a)
{
	for (int i = 0; i < SEAT_PLANES; i++) {
		bool seen = false;

		for (int k = 0; k < i; k++)
			seen |= a->handle[k] == a->handle[i];
		if (a->handle[i] && !seen)
			drmCloseBufferHandle(c->fd, a->handle[i]);
	}
}

static int keep_or_map(struct drm_buffer *b, u64 key, size_t length, int fd, u64 offset)
{
	if (b->map && b->key == key && b->length == length)
		return 0;
	if (b->map)
		munmap(b->map, b->length);
	b->map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	if (b->map == MAP_FAILED) {
		b->map = NULL;
		return ERR_IO;
	}
	b->key = key;
	b->length = length;
	b->probe = 0;
	b->stale = 0;
	return 1;
}

/* The place in the device's address space is the key: one memory has one. */
static int map_dumb(struct drm_buffer *b, const struct drm_card *c, size_t length)
{
	struct drm_mode_map_dumb m = {.handle = b->handle};

	if (drmIoctl(c->fd, DRM_IOCTL_MODE_MAP_DUMB, &m) || !m.offset)
		return ERR_UNSUPPORTED;
	int got = keep_or_map(b, m.offset, length, c->fd, m.offset);
	if (got > 0)
		b->read = c->virtio_3d ? DRM_READ_TRANSFER : DRM_READ_MAPPED;
	return got < 0 ? got : 0;
}

/* A memory has one dma-buf at a time, and that has one inode. */
static int map_dmabuf(struct drm_buffer *b, const struct drm_card *c, size_t length)
{
	struct stat st;
	int fd;

	if (drmPrimeHandleToFD(c->fd, b->handle, DRM_CLOEXEC, &fd))
		return ERR_UNSUPPORTED;
	int got = fstat(fd, &st) ? ERR_IO : keep_or_map(b, st.st_ino | 1ull << 63, length, fd, 0);
	if (got < 0) {
		close(fd);
		return got;
	}
	if (b->dmabuf >= 0)
		close(b->dmabuf);
	b->dmabuf = fd;
	b->read = DRM_READ_DMABUF;
	return 0;
}

static int check(const struct drm_card *c, const struct seat_answer *a, bool *swapped, char *error,
		 size_t n)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats) && formats[i].fourcc != a->fourcc; i++)
		;
	if (i == ARRAY_SIZE(formats) ||
	    (a->modifier != DRM_FORMAT_MOD_LINEAR && a->modifier != DRM_FORMAT_MOD_INVALID)) {
		snprintf(error, n,
			 "%s shows pixels as %.4s with layout %llx: only linear 32-bit ones can be "
			 "read",
			 c->driver, (const char *)&a->fourcc, (unsigned long long)a->modifier);
		return ERR_UNSUPPORTED;
	}
	*swapped = formats[i].swapped;
	if (!a->w || !a->h || a->w > RFB_MAX_SIDE || a->h > RFB_MAX_SIDE || a->pitch[0] % 4 ||
	    a->pitch[0] / 4 < a->w || a->offset[0] % 4) {
		snprintf(error, n, "%s reports a framebuffer of %ux%u with rows of %u bytes",
			 c->driver, a->w, a->h, a->pitch[0]);
		return ERR_RANGE;
	}
	return 0;
}

int drm_buffer_open(struct drm_buffer *b, const struct drm_card *c, const struct seat_answer *a,
		    char *error, size_t n)
{
	int e = check(c, a, &b->swapped, error, n);

	if (e) {
		close_handles(c, a);
		return e;
	}
	b->w = a->w;
	b->h = a->h;
	b->pitch = a->pitch[0];
	b->handle = a->handle[0];
	b->offset = a->offset[0];
	size_t length = b->offset + (size_t)b->pitch * b->h;
	if (map_dumb(b, c, length) && map_dmabuf(b, c, length)) {
		snprintf(error, n, "%s lets nobody map what it shows", c->driver);
		return ERR_UNSUPPORTED;
	}
	return 0;
}

void drm_buffer_let_go(struct drm_buffer *b, const struct drm_card *c)
{
	if (b->handle)
		drmCloseBufferHandle(c->fd, b->handle);
	b->handle = 0;
}

void drm_buffer_close(struct drm_buffer *b, const struct drm_card *c)
{
	drm_buffer_let_go(b, c);
	if (b->map)
		munmap(b->map, b->length);
	if (b->dmabuf >= 0)
		close(b->dmabuf);
	*b = (struct drm_buffer){.dmabuf = -1};
}

static int transfer(struct drm_buffer *b, const struct drm_card *c, struct rect r)
{
	struct drm_virtgpu_3d_transfer_from_host t = {.bo_handle = b->handle,
						      .box = {r.x, r.y, 0, r.w, r.h, 1}};
	struct drm_virtgpu_3d_wait w = {.handle = b->handle};

	t.offset = (u32)(b->offset + (size_t)r.y * b->pitch + (size_t)r.x * 4);
	if (drmIoctl(c->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t) ||
	    drmIoctl(c->fd, DRM_IOCTL_VIRTGPU_WAIT, &w))
		return ERR_IO;
	return 0;
}

/* A number for what stands in the memory, from every PROBE-th row. */
static u64 probe(const struct drm_buffer *b)
{
	u64 sum = 1;

	for (u32 y = PROBE / 2; y < b->h; y += PROBE)
		sum = XXH3_64bits_withSeed(drm_buffer_row(b, y), (size_t)b->w * 4, sum);
	return sum | 1;
}

int drm_buffer_begin(struct drm_buffer *b, const struct drm_card *c, struct rect r)
{
	struct dma_buf_sync s = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};

	switch (b->read) {
	case DRM_READ_TRANSFER:
		if (b->probe && probe(b) != b->probe) {
			b->read = DRM_READ_MAPPED;
			return 0;
		}
		return transfer(b, c, r);
	case DRM_READ_DMABUF:
		return drmIoctl(b->dmabuf, DMA_BUF_IOCTL_SYNC, &s) ? ERR_IO : 0;
	default:
		return 0;
	}
}

void drm_buffer_end(struct drm_buffer *b, const struct drm_card *c, bool flipped, bool changed)
{
	struct dma_buf_sync s = {.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ};

	/* A failed end leaves only a stale cache behind; the next start repairs it. */
	if (b->read == DRM_READ_DMABUF)
		drmIoctl(b->dmabuf, DMA_BUF_IOCTL_SYNC, &s);
	if (!c->virtio_3d)
		return;
	if (b->read == DRM_READ_TRANSFER)
		b->probe = probe(b);
	else if (changed)
		b->stale = 0;
	else if (flipped && ++b->stale >= MAX_STALE) {
		b->read = DRM_READ_TRANSFER;
		b->probe = 0;
	}
}
