/*
 * The memory behind one framebuffer of a graphics card, and the one right way to read it, which
 * depends on the driver:
 *
 *   virtio-gpu with 3D   the pixels live on the host: MAP + TRANSFER_FROM_HOST + WAIT. A plain
 *                        mapping reads old pixels, or zeros, without any error. But such a card
 *                        shows dumb buffers, too, and asking the host for those would put old
 *                        pixels over what is being drawn. Nothing tells one from the other but
 *                        this: memory that changes though nobody asked the host is drawn into.
 *   dumb buffers         MAP_DUMB (bochs-drm has nothing else; virtio-gpu without 3D reads right)
 *   anything linear      a dma-buf, mapped, between its SYNC calls
 *   tiled, compressed    through the card's own OpenGL ES, which knows the layout (drm_gl.h); so is
 *                        memory whose layout the driver does not name, except that of drivers which
 *                        have no other than linear
 */
#pragma once

#include "viewer/agent/capture/drm_gl.h"
#include "viewer/agent/seat.h"
#include "viewer/codec/image.h"

enum drm_read {
	DRM_READ_MAPPED,   /* through the card's descriptor: always current */
	DRM_READ_TRANSFER, /* asked back from the host each time */
	DRM_READ_DMABUF,
	DRM_READ_GL, /* into memory of our own, by begin() */
};

struct drm_buffer {
	u32 fb;	      /* framebuffer id; 0: free */
	u64 key;      /* tells one memory from another as long as it is mapped here */
	u32 w, h;     /* pixels */
	u32 pitch;    /* bytes */
	bool swapped; /* red and blue change places */
	u32 handle;
	enum drm_read read;
	int dmabuf; /* -1: none */
	void *map;
	size_t length, offset; /* bytes of the mapping, and of the first pixel in it */
	u64 probe;	       /* 3D card: of the memory after the last look; 0: none yet */
	u32 stale; /* 3D card: flips in a row after which the mapping showed nothing new */
	u64 used;  /* the owner's clock of use */
	struct drm_gl_image *image; /* DRM_READ_GL */
};

/* Which of the ways a card needs. */
struct drm_card {
	int fd;
	bool virtio_3d;
	bool always_gl;	   /* as the configuration has it: also what could be mapped */
	struct drm_gl *gl; /* NULL until the first framebuffer that needs it */
	char driver[32];
};

__must_check int drm_card_init(struct drm_card *c, int fd);
/* After all its buffers are closed. The descriptor stays open. */
void drm_card_free(struct drm_card *c);
/*
 * Takes over the handles of an answer (they are closed with the buffer, or at once if this fails).
 * An old buffer keeps its mapping if that is still the memory behind it. ERR_UNSUPPORTED: a format
 * or layout that we cannot read; `error` says which.
 */
__must_check int drm_buffer_open(struct drm_buffer *b, struct drm_card *c,
				 const struct seat_answer *a, char *error, size_t n);
/*
 * Closes its handle alone, before the helper is asked for another one. virtio-gpu detaches a buffer
 * from the descriptor's 3D context when any of its handles is closed, so that must come first.
 */
void drm_buffer_let_go(struct drm_buffer *b, const struct drm_card *c);
void drm_buffer_close(struct drm_buffer *b, const struct drm_card *c);
/*
 * Before and after the pixels of r are read. begin() makes them current. end() is told whether the
 * card began to show this buffer since the last time, and whether new pixels were found in it.
 */
__must_check int drm_buffer_begin(struct drm_buffer *b, const struct drm_card *c, struct rect r);
void drm_buffer_end(struct drm_buffer *b, const struct drm_card *c, bool flipped, bool changed);

static inline const u32 *drm_buffer_row(const struct drm_buffer *b, u32 y)
{
	return (const u32 *)((const u8 *)b->map + b->offset + (size_t)y * b->pitch);
}
