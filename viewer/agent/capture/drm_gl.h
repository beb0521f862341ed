/*
 * Framebuffers read through OpenGL ES: the card's own driver knows its tiled and compressed layouts,
 * and hands the pixels out in rows (dma-buf > EGLImage > texture > glReadPixels; extensions
 * EGL_EXT_image_dma_buf_import and _modifiers, EGL_KHR_surfaceless_context).
 *
 * libgbm, libEGL and libGLESv2 are loaded when the first such framebuffer shows up, so an agent that
 * meets none needs none of them.
 */
#pragma once

#include "viewer/agent/seat.h"
#include "viewer/proto/rfb.h"

struct drm_gl;
struct drm_gl_image;

/* NULL: the text says what is missing. `card`: only to find its render node; stays the caller's. */
struct drm_gl *drm_gl_open(int card, char *error, size_t n);
void drm_gl_close(struct drm_gl *g);
/*
 * A framebuffer as a texture. The memory stays alive with it; `a` and its handles are the caller's.
 * Without a modifier (DRM_FORMAT_MOD_INVALID) the driver is asked what it knows of the memory.
 * ERR_UNSUPPORTED: this driver cannot read that format or layout.
 */
__must_check int drm_gl_import(struct drm_gl *g, int card, const struct seat_answer *a,
			       struct drm_gl_image **out);
void drm_gl_release(struct drm_gl *g, struct drm_gl_image *i);
/* Whole rows r.y .. r.y+r.h of the picture, bytes red, green, blue, any; rows `w` pixels long. */
__must_check int drm_gl_read(struct drm_gl *g, const struct drm_gl_image *i, struct rect r, u32 w,
			     void *pixels);
