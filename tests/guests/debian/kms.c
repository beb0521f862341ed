/*
 * A picture on every display that Linux drives: what KMS itself can do without anybody's library. The
 * picture is computed from a seed, so that the harness can compute it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>

#include "tests/guests/debian/kms.h"

#define OBJECTS 16

static uint32_t pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	return ((x * 3 + seed * 40) & 0xff) << 16 | ((y * 5 + seed * 20) & 0xff) << 8 |
	       ((x ^ y ^ seed) & 0xff);
}

/* The first connector with something at its end, and its preferred mode. */
static bool find_output(int fd, uint32_t *connector, struct drm_mode_modeinfo *mode, uint32_t *crtc)
{
	uint32_t connectors[OBJECTS], crtcs[OBJECTS];
	struct drm_mode_card_res res = {
	    .connector_id_ptr = (uint64_t)connectors,
	    .crtc_id_ptr = (uint64_t)crtcs,
	    .count_connectors = OBJECTS,
	    .count_crtcs = OBJECTS,
	};

	if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &res) || !res.count_crtcs)
		return false;
	*crtc = crtcs[0];
	for (uint32_t i = 0; i < res.count_connectors && i < OBJECTS; i++) {
		static struct drm_mode_modeinfo modes[64];
		struct drm_mode_get_connector c = {.connector_id = connectors[i]};

		if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) || c.connection != 1 ||
		    !c.count_modes)
			continue;
		c = (struct drm_mode_get_connector){.connector_id = connectors[i],
						    .modes_ptr = (uint64_t)modes,
						    .count_modes =
							c.count_modes < 64 ? c.count_modes : 64};
		if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
			continue;
		*connector = connectors[i];
		*mode = modes[0];
		return true;
	}
	return false;
}

static const char *show(int fd, uint32_t seed, struct drm_mode_modeinfo *mode)
{
	uint32_t connector, crtc;
	struct drm_mode_create_dumb dumb = {.bpp = 32};
	struct drm_mode_map_dumb map = {0};
	struct drm_mode_fb_cmd fb = {.bpp = 32, .depth = 24};
	struct drm_mode_crtc set = {.mode_valid = 1, .count_connectors = 1};
	uint8_t *at;

	if (!find_output(fd, &connector, mode, &crtc))
		return "no output";
	dumb.width = mode->hdisplay;
	dumb.height = mode->vdisplay;
	if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		return "no buffer";
	map.handle = dumb.handle;
	if (ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return "no mapping";
	at = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
	if (at == MAP_FAILED)
		return "no memory";
	for (uint32_t y = 0; y < dumb.height; y++)
		for (uint32_t x = 0; x < dumb.width; x++)
			((uint32_t *)(at + y * dumb.pitch))[x] = pixel(x, y, seed);
	fb.width = dumb.width;
	fb.height = dumb.height;
	fb.pitch = dumb.pitch;
	fb.handle = dumb.handle;
	if (ioctl(fd, DRM_IOCTL_MODE_ADDFB, &fb))
		return "no framebuffer";
	set.crtc_id = crtc;
	set.fb_id = fb.fb_id;
	set.set_connectors_ptr = (uint64_t)&connector;
	set.mode = *mode;
	return ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &set) ? "no picture" : NULL;
}

void job_kms(const char *arg)
{
	struct drm_mode_modeinfo mode = {0};
	const char *why;
	int fd = -1;

	for (int i = 0; fd < 0 && i < 200; i++) {
		fd = open("/dev/dri/card0", O_RDWR);
		if (fd < 0)
			usleep(50000);
	}
	why = fd < 0 ? "no card" : show(fd, (uint32_t)atoi(arg), &mode);
	if (why)
		printf("job kms: %s: %s\n", why, strerror(errno));
	else /* the card stays open: its picture goes with it */
		printf("job kms: %ux%u shown\n", mode.hdisplay, mode.vdisplay);
}
