/*
 * Where pictures come from, behind one table of operations.
 *
 * A source hands over a capture_buffer: a dma-buf with everything needed to read it rightly, or
 * plain memory. Whoever needs pixels calls capture_map(), which checks that it can read that layout
 * at all, and capture_unmap() afterwards.
 */
#pragma once

#include "viewer/codec/image.h"
#include "viewer/codec/tiles.h"

enum capture_kind {
	CAPTURE_MEMORY,
	CAPTURE_DMABUF,
};

enum capture_colour {
	COLOUR_SRGB, /* full-range RGB, sRGB transfer */
	COLOUR_UNKNOWN,
};

struct capture_buffer {
	enum capture_kind kind;
	u32 fourcc;   /* DRM_FORMAT_*; XRGB8888 is 0x00RRGGBB words */
	u64 modifier; /* DRM_FORMAT_MOD_*; 0 is linear */
	enum capture_colour colour;
	u32 w, h, pitch; /* pixels, pixels, bytes */
	u32 offset;	 /* bytes, of the first pixel */
	int fd;		 /* dma-buf, the source's own; -1 for memory */
	void *memory;	 /* the source's own, valid until the next grab */
	size_t length;	 /* bytes of memory or of the dma-buf */
	u64 when_us;	 /* monotonic, when the picture was taken */
};

struct capture_cursor {
	u16 w, h, hot_x, hot_y;
	s32 x, y;
	bool visible;
	u32 *argb; /* premultiplied */
};

/* What dispatch() found. */
struct capture_news {
	bool damage;  /* a grab may find something new */
	bool cursor;  /* another shape */
	bool moved;   /* another place of the pointer */
	bool resized; /* another size or layout of heads: heads() tells */
	bool gone;    /* the source has ended */
};

struct capture_conf {
	const char *source; /* X display, DRM helper's socket, raw file or scene name */
	u32 w, h;	    /* test source */
	u32 fps;
	u32 heads;
	bool loop;
	bool gl; /* drm source: read by OpenGL also what could be mapped */
};

struct capture;

struct capture_ops {
	const char *name;
	/* NULL: error text written. */
	struct capture *(*open)(const struct capture_conf *c, char *error, size_t n);
	void (*close)(struct capture *c);
	/* Readable when dispatch() should run; -1: by time alone. */
	int (*fd)(struct capture *c);
	/* When dispatch() must run at the latest, monotonic us; UINT64_MAX: only by fd. */
	u64 (*due_us)(struct capture *c);
	int (*dispatch)(struct capture *c, struct capture_news *news);
	void (*heads)(struct capture *c, struct native_heads *h);
	/*
	 * Takes the picture as it is now. `damage` (of that size) receives the tiles that may differ
	 * from the picture taken before. The buffer is good until the next call.
	 */
	int (*grab)(struct capture *c, struct tileset *damage, struct capture_buffer *b);
	const struct capture_cursor *(*cursor)(struct capture *c);
	/* Asks for another size; ERR_UNSUPPORTED where the source cannot. */
	int (*resize)(struct capture *c, const struct native_heads *want);
	/* A viewer put the pointer there. NULL: of no use to this source. */
	void (*pointed)(struct capture *c, u16 x, u16 y);
};

extern const struct capture_ops capture_drm, capture_test, capture_x11;

/* Pixels of a buffer as an image. ERR_UNSUPPORTED: a format, modifier or pitch we cannot read. */
__must_check int capture_map(const struct capture_buffer *b, struct image *img);
void capture_unmap(const struct capture_buffer *b, struct image *img);

/* A source's own picture in memory, as a buffer. */
struct capture_buffer capture_of_image(const struct image *img, u64 when_us);

u64 now_us(void);
