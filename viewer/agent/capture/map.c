#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <drm_fourcc.h>

#include "core/base/err.h"
#include "viewer/agent/capture/capture.h"

u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

static int sync_access(int fd, u64 flags)
{
	struct dma_buf_sync s = {.flags = flags};

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &s) < 0 ? ERR_IO : 0;
}

int capture_map(const struct capture_buffer *b, struct image *img)
{
	void *p = b->memory;

	if ((b->fourcc != DRM_FORMAT_XRGB8888 && b->fourcc != DRM_FORMAT_ARGB8888) ||
	    b->modifier != DRM_FORMAT_MOD_LINEAR || b->pitch % 4 || b->pitch / 4 < b->w)
		return ERR_UNSUPPORTED;
	if (!b->h || (u64)b->offset + (u64)b->pitch * (b->h - 1) + (u64)b->w * 4 > b->length)
		return ERR_RANGE;
	if (b->kind == CAPTURE_DMABUF) {
		p = mmap(NULL, b->length, PROT_READ, MAP_SHARED, b->fd, 0);
		if (p == MAP_FAILED)
			return ERR_IO;
		if (sync_access(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ)) {
			munmap(p, b->length);
			return ERR_IO;
		}
	}
	*img = (struct image){(u32 *)((u8 *)p + b->offset), b->w, b->h, b->pitch / 4};
	return 0;
}

void capture_unmap(const struct capture_buffer *b, struct image *img)
{
	if (b->kind == CAPTURE_DMABUF) {
		/* A failed end of access leaves only a stale cache behind; the next start repairs it. */
		(void)!sync_access(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
		munmap((u8 *)img->px - b->offset, b->length);
	}
	*img = (struct image){0};
}

struct capture_buffer capture_of_image(const struct image *img, u64 when_us)
{
	return (struct capture_buffer){
	    .kind = CAPTURE_MEMORY,
	    .fourcc = DRM_FORMAT_XRGB8888,
	    .modifier = DRM_FORMAT_MOD_LINEAR,
	    .colour = COLOUR_SRGB,
	    .w = img->w,
	    .h = img->h,
	    .pitch = img->stride * 4,
	    .fd = -1,
	    .memory = img->px,
	    .length = (size_t)img->stride * img->h * 4,
	    .when_us = when_us,
	};
}
