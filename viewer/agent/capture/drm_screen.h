/* A graphics card as caprock-seat lends it, and the buffers of it that are open. */
#pragma once

#include "viewer/agent/capture/drm_buffer.h"

#define DRM_BUFFERS 24 /* open at a time: heads, each with up to three, and pointers */

struct drm_screen {
	int seat; /* -1: closed */
	struct drm_card card;
	struct drm_buffer buffers[DRM_BUFFERS];
	u64 clock;
	char path[64]; /* of the card */
	char said[256];
};

/* always_gl: see struct drm_card. Negative: the text says what is missing. Close it in any case. */
__must_check int drm_screen_open(struct drm_screen *s, const char *socket, bool always_gl,
				 char *error, size_t n);
void drm_screen_close(struct drm_screen *s);
/*
 * The buffer behind a framebuffer, good until the next call. Ids are used again, so the helper is
 * asked each time. ERR_UNSUPPORTED, ERR_PERM: told, and will not mend; ERR_NOENT: the helper
 * has ended; else the framebuffer may be gone by now.
 */
__must_check int drm_screen_find(struct drm_screen *s, u32 fb, struct drm_buffer **out);
