/* The pointer's plane: shape, place and, where the kernel does not tell it, its hot spot. */
#pragma once

#include "viewer/agent/capture/capture.h"
#include "viewer/agent/capture/drm_kms.h"
#include "viewer/agent/capture/drm_screen.h"

struct drm_cursor {
	struct capture_cursor shape;
	u32 fb;
	u64 moved_us, read_us;
	bool hot_known;
	u16 pointed_x, pointed_y; /* where the viewer put the pointer */
	u64 pointed_us;
};

/* `at`: places of the card's heads in the picture. Adds to the news. */
void drm_cursor_poll(struct drm_cursor *c, struct drm_screen *s, const struct kms *kms,
		     const struct rect *at, u64 now, struct capture_news *news);
void drm_cursor_pointed(struct drm_cursor *c, u16 x, u16 y, u64 now);
void drm_cursor_free(struct drm_cursor *c);
