/* What a graphics card shows now: its lit outputs, their framebuffers, the pointer's plane. */
#pragma once

#include <xf86drmMode.h>

#include "viewer/proto/native.h"

struct kms_head {
	u32 crtc;
	u32 fb;		  /* 0: dark */
	struct rect r;	  /* what of the framebuffer is shown */
	u32 cursor_plane; /* 0: the card has none there */
};

struct kms_cursor {
	u32 fb;		  /* 0: no pointer is shown */
	s32 x, y;	  /* on its head */
	u32 w, h;	  /* shown */
	s32 hot_x, hot_y; /* -1: the card does not say */
	u8 head;	  /* which one it is on */
};

struct kms {
	int fd;
	u8 n;
	struct kms_head head[NATIVE_MAX_HEADS];
	u32 prop_x, prop_y, prop_w, prop_h, prop_hot_x,
	    prop_hot_y; /* of the cursor planes; 0: none */
};

/* Finds what can be shown. ERR_UNSUPPORTED: no output at all. */
__must_check int kms_open(struct kms *k, int fd);
/* Reads fb and r of each head: a few microseconds each. */
__must_check int kms_poll(struct kms *k);
__must_check int kms_poll_cursor(const struct kms *k, struct kms_cursor *c);
/* Bound by several heads that look at one framebuffer (X), or by the heads side by side. */
bool kms_shares_framebuffer(const struct kms *k);
