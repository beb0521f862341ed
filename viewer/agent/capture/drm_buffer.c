#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <libdrm/virtgpu_drm.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/base/err.h"
#include "viewer/agent/capture/drm_buffer.h"

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

static int map_dumb(struct drm_buffer *b, const struct drm_card *c)
{
	struct drm_mode_map_dumb m = {.handle = b->handle};

	if (drmIoctl(c->fd, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return ERR_UNSUPPORTED;
	b->map = mmap(NULL, b->length, PROT_READ, MAP_SHARED, c->fd, (off_t)m.offset);
	b->key = m.offset; /* a place in the device's address space: one buffer has one */
	b->read = c->virtio_3d ? DRM_READ_UNKNOWN : DRM_READ_MAPPED;
	return b->map == MAP_FAILED || !b->key ? ERR_IO : 0;
}

static int map_dmabuf(struct drm_buffer *b, const struct drm_card *c)
{
	struct stat st;

	if (drmPrimeHandleToFD(c->fd, b->handle, DRM_CLOEXEC, &b->dmabuf) || fstat(b->dmabuf, &st))
		return ERR_UNSUPPORTED;
	b->map = mmap(NULL, b->length, PROT_READ, MAP_SHARED, b->dmabuf, 0);
	b->key = (u64)st.st_ino | 1ull << 63; /* one dma-buf a buffer, one inode a dma-buf */
	b->read = DRM_READ_DMABUF;
	return b->map == MAP_FAILED ? ERR_IO : 0;
}

int drm_buffer_open(struct drm_buffer *b, const struct drm_card *c, const struct seat_answer *a,
		    char *error, size_t n)
{
	size_t i;

	*b = (struct drm_buffer){.w = a->w, .h = a->h, .pitch = a->pitch[0], .dmabuf = -1};
	for (i = 0; i < ARRAY_SIZE(formats) && formats[i].fourcc != a->fourcc; i++)
		;
	if (i == ARRAY_SIZE(formats) ||
	    (a->modifier != DRM_FORMAT_MOD_LINEAR && a->modifier != DRM_FORMAT_MOD_INVALID)) {
		snprintf(error, n,
			 "%s shows pixels as %.4s with layout %llx: only linear 32-bit ones can be "
			 "read",
			 c->driver, (const char *)&a->fourcc, (unsigned long long)a->modifier);
		close_handles(c, a);
		return ERR_UNSUPPORTED;
	}
	b->swapped = formats[i].swapped;
	if (!b->w || !b->h || b->w > RFB_MAX_SIDE || b->h > RFB_MAX_SIDE || b->pitch % 4 ||
	    b->pitch / 4 < b->w || a->offset[0] % 4) {
		snprintf(error, n, "%s reports a framebuffer of %ux%u with rows of %u bytes",
			 c->driver, b->w, b->h, b->pitch);
		close_handles(c, a);
		return ERR_RANGE;
	}
	b->handle = a->handle[0];
	b->offset = a->offset[0];
	b->length = b->offset + (size_t)b->pitch * b->h;
	if (map_dumb(b, c) && map_dmabuf(b, c)) {
		snprintf(error, n, "%s lets nobody map what it shows", c->driver);
		b->map = b->map == MAP_FAILED ? NULL : b->map;
		drm_buffer_close(b, c);
		return ERR_UNSUPPORTED;
	}
	return 0;
}

void drm_buffer_close(struct drm_buffer *b, const struct drm_card *c)
{
	if (b->map)
		munmap(b->map, b->length);
	if (b->dmabuf >= 0)
		close(b->dmabuf);
	if (b->handle)
		drmCloseBufferHandle(c->fd, b->handle);
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

static bool all_zero(const struct drm_buffer *b)
{
	for (u32 y = 0; y < b->h; y++) {
		const u32 *px = drm_buffer_row(b, y);
		u32 any = 0;

		for (u32 x = 0; x < b->w; x++)
			any |= px[x];
		if (any)
			return false;
	}
	return true;
}

int drm_buffer_begin(struct drm_buffer *b, const struct drm_card *c, struct rect r)
{
	struct dma_buf_sync s = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};

	switch (b->read) {
	case DRM_READ_UNKNOWN:
		/*
		 * A 3D card also shows dumb buffers, whose pixels are in the mapping; asking the
		 * host for those would put old pixels over what is being drawn. Pixels that are
		 * there without asking tell such a buffer.
		 */
		if (!all_zero(b)) {
			b->read = DRM_READ_MAPPED;
			return 0;
		}
		if (transfer(b, c, r)) {
			b->read = DRM_READ_MAPPED;
			return 0;
		}
		if (!all_zero(b))
			b->read = DRM_READ_TRANSFER;
		return 0;
	case DRM_READ_TRANSFER:
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
	if (b->read != DRM_READ_MAPPED || !c->virtio_3d)
		return;
	if (changed)
		b->stale = 0;
	else if (flipped && ++b->stale >= MAX_STALE)
		b->read = DRM_READ_TRANSFER;
}
