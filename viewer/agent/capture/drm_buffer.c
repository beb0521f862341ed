#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
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

struct format {
	u32 fourcc;
	bool swapped;
};

/* What is read without OpenGL. */
static const struct format formats[] = {
    {DRM_FORMAT_XRGB8888, false},
    {DRM_FORMAT_ARGB8888, false},
    {DRM_FORMAT_XBGR8888, true},
    {DRM_FORMAT_ABGR8888, true},
};

static const struct format *find_format(u32 fourcc)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].fourcc == fourcc)
			return &formats[i];
	return NULL;
}

/* Drivers that name no modifier because all their memory is linear. */
static const char *const linear[] = {"virtio_gpu", "bochs-drm", "simpledrm",  "ast",
				     "mgag200",	   "cirrus",	"hyperv_drm", "udl",
				     "vkms",	   "vboxvideo", "vmwgfx",     "qxl"};

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

void drm_card_free(struct drm_card *c)
{
	drm_gl_close(c->gl);
	c->gl = NULL;
}

static bool needs_gl(const struct drm_card *c, const struct seat_answer *a)
{
	if (c->always_gl || !find_format(a->fourcc))
		return true;
	if (a->modifier != DRM_FORMAT_MOD_INVALID)
		return a->modifier != DRM_FORMAT_MOD_LINEAR;
	for (size_t i = 0; i < ARRAY_SIZE(linear); i++)
		if (!strcmp(c->driver, linear[i]))
			return false;
	return true;
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

static int check(const struct drm_card *c, const struct seat_answer *a, char *error, size_t n)
{
	bool rows = needs_gl(c, a) ||
		    (a->pitch[0] % 4 == 0 && a->pitch[0] / 4 >= a->w && a->offset[0] % 4 == 0);

	if (!a->w || !a->h || a->w > RFB_MAX_SIDE || a->h > RFB_MAX_SIDE || !rows) {
		snprintf(error, n, "%s reports a framebuffer of %ux%u with rows of %u bytes",
			 c->driver, a->w, a->h, a->pitch[0]);
		return ERR_RANGE;
	}
	return 0;
}

/* One memory has one dma-buf, and that one inode: with its layout it tells whether the image holds. */
static u64 gl_key(const struct drm_card *c, const struct seat_answer *a)
{
	struct stat st;
	int fd;

	if (drmPrimeHandleToFD(c->fd, a->handle[0], DRM_CLOEXEC, &fd))
		return 0;
	u64 key = fstat(fd, &st) ? 0 : st.st_ino;
	close(fd);
	return key ? key ^ a->modifier << 8 ^ (u64)a->pitch[0] << 32 ^ 1ull << 62 : 0;
}

static void drop_map(struct drm_buffer *b, const struct drm_card *c)
{
	if (b->read == DRM_READ_GL) {
		if (b->image)
			drm_gl_release(c->gl, b->image);
		free(b->map);
	} else if (b->map) {
		munmap(b->map, b->length);
	}
	b->image = NULL;
	b->map = NULL;
	b->read = DRM_READ_MAPPED;
}

static int open_gl(struct drm_buffer *b, struct drm_card *c, const struct seat_answer *a,
		   char *error, size_t n)
{
	char why[160];
	u64 key = gl_key(c, a);

	if (!c->gl)
		c->gl = drm_gl_open(c->fd, why, sizeof(why));
	if (!c->gl) {
		snprintf(error, n, "%s shows layout %llx, which OpenGL alone can read: %s",
			 c->driver, (unsigned long long)a->modifier, why);
		return ERR_UNSUPPORTED;
	}
	if (key && b->image && b->key == key && b->length == (size_t)a->w * a->h * 4)
		return 0;
	drop_map(b, c);
	int e = drm_gl_import(c->gl, c->fd, a, &b->image);
	if (e) {
		snprintf(error, n, "%s does not read its own layout %llx of %.4s by OpenGL",
			 c->driver, (unsigned long long)a->modifier, (const char *)&a->fourcc);
		return e;
	}
	b->read = DRM_READ_GL;
	b->length = (size_t)a->w * a->h * 4;
	b->map = calloc(1, b->length);
	b->key = key;
	return b->map ? 0 : ERR_NOMEM;
}

int drm_buffer_open(struct drm_buffer *b, struct drm_card *c, const struct seat_answer *a,
		    char *error, size_t n)
{
	int e = check(c, a, error, n);

	if (e) {
		close_handles(c, a);
		return e;
	}
	b->w = a->w;
	b->h = a->h;
	b->pitch = a->pitch[0];
	b->handle = a->handle[0];
	b->offset = a->offset[0];
	if (needs_gl(c, a)) {
		struct seat_answer rest = *a;

		e = open_gl(b, c, a, error, n);
		b->pitch = a->w * 4;
		b->offset = 0;
		b->swapped = true; /* whatever the format: red comes first */
		for (u32 i = 0; i < SEAT_PLANES; i++)
			if (rest.handle[i] == b->handle)
				rest.handle[i] = 0; /* closed with the buffer */
		close_handles(c, &rest);
		return e;
	}
	if (b->read == DRM_READ_GL)
		drop_map(b, c);
	b->swapped = find_format(a->fourcc)->swapped;
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
	drop_map(b, c);
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
	case DRM_READ_GL:
		return drm_gl_read(c->gl, b->image, r, b->w, b->map);
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
	if (!c->virtio_3d || b->read == DRM_READ_GL)
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
