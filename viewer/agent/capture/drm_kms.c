#include <errno.h>
#include <string.h>
#include <xf86drm.h>

#include "core/base/err.h"
#include "viewer/agent/capture/drm_kms.h"

static u32 property(int fd, u32 plane, const char *name, u64 *value)
{
	drmModeObjectProperties *p = drmModeObjectGetProperties(fd, plane, DRM_MODE_OBJECT_PLANE);
	u32 id = 0;

	for (u32 i = 0; p && i < p->count_props && !id; i++) {
		drmModePropertyRes *r = drmModeGetProperty(fd, p->props[i]);

		if (r && !strcmp(r->name, name)) {
			id = r->prop_id;
			*value = p->prop_values[i];
		}
		drmModeFreeProperty(r);
	}
	drmModeFreeObjectProperties(p);
	return id;
}

static void find_cursor_planes(struct kms *k, const drmModeRes *res)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(k->fd);

	for (u32 i = 0; planes && i < planes->count_planes; i++) {
		drmModePlane *p = drmModeGetPlane(k->fd, planes->planes[i]);
		u64 type = 0, v;

		if (p && property(k->fd, p->plane_id, "type", &type) &&
		    type == DRM_PLANE_TYPE_CURSOR) {
			for (u8 h = 0; h < k->n; h++)
				for (int c = 0; c < res->count_crtcs; c++)
					if (res->crtcs[c] == k->head[h].crtc &&
					    p->possible_crtcs >> c & 1 && !k->head[h].cursor_plane)
						k->head[h].cursor_plane = p->plane_id;
			k->prop_x = property(k->fd, p->plane_id, "CRTC_X", &v);
			k->prop_y = property(k->fd, p->plane_id, "CRTC_Y", &v);
			k->prop_w = property(k->fd, p->plane_id, "CRTC_W", &v);
			k->prop_h = property(k->fd, p->plane_id, "CRTC_H", &v);
			k->prop_hot_x = property(k->fd, p->plane_id, "HOTSPOT_X", &v);
			k->prop_hot_y = property(k->fd, p->plane_id, "HOTSPOT_Y", &v);
		}
		drmModeFreePlane(p);
	}
	drmModeFreePlaneResources(planes);
}

int kms_open(struct kms *k, int fd)
{
	*k = (struct kms){.fd = fd};
	drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1); /* shows CRTC_X and the like */
	drmModeRes *res = drmModeGetResources(fd);
	if (!res)
		return ERR_UNSUPPORTED;
	for (int i = 0; i < res->count_crtcs && k->n < NATIVE_MAX_HEADS; i++)
		k->head[k->n++].crtc = res->crtcs[i];
	find_cursor_planes(k, res);
	drmModeFreeResources(res);
	return k->n ? 0 : ERR_UNSUPPORTED;
}

int kms_poll(struct kms *k)
{
	for (u8 i = 0; i < k->n; i++) {
		struct kms_head *h = &k->head[i];
		drmModeCrtc *c = drmModeGetCrtc(k->fd, h->crtc);

		if (!c)
			return errno == ENODEV ? ERR_NOENT : ERR_IO;
		h->fb = 0;
		h->r = (struct rect){0};
		if (c->mode_valid && c->buffer_id && c->width && c->height &&
		    c->x + c->width <= RFB_MAX_SIDE && c->y + c->height <= RFB_MAX_SIDE) {
			h->fb = c->buffer_id;
			h->r = (struct rect){(u16)c->x, (u16)c->y, (u16)c->width, (u16)c->height};
		}
		drmModeFreeCrtc(c);
	}
	return 0;
}

bool kms_shares_framebuffer(const struct kms *k)
{
	u32 fb = 0, lit = 0;

	for (u8 i = 0; i < k->n; i++) {
		if (!k->head[i].fb)
			continue;
		if (fb && k->head[i].fb != fb)
			return false;
		fb = k->head[i].fb;
		lit++;
	}
	return lit > 1;
}

static void read_place(const struct kms *k, u32 plane, struct kms_cursor *c)
{
	drmModeObjectProperties *p =
	    drmModeObjectGetProperties(k->fd, plane, DRM_MODE_OBJECT_PLANE);

	c->hot_x = c->hot_y = -1;
	for (u32 i = 0; p && i < p->count_props; i++) {
		u32 id = p->props[i];
		s32 v = (s32)p->prop_values[i];

		if (id == k->prop_x)
			c->x = v;
		else if (id == k->prop_y)
			c->y = v;
		else if (id == k->prop_w)
			c->w = (u32)v;
		else if (id == k->prop_h)
			c->h = (u32)v;
		else if (id == k->prop_hot_x)
			c->hot_x = v;
		else if (id == k->prop_hot_y)
			c->hot_y = v;
	}
	drmModeFreeObjectProperties(p);
}

int kms_poll_cursor(const struct kms *k, struct kms_cursor *c)
{
	*c = (struct kms_cursor){.hot_x = -1, .hot_y = -1};
	for (u8 i = 0; i < k->n; i++) {
		const struct kms_head *h = &k->head[i];

		if (!h->fb || !h->cursor_plane)
			continue;
		drmModePlane *p = drmModeGetPlane(k->fd, h->cursor_plane);
		if (!p)
			return ERR_IO;
		if (p->fb_id && p->crtc_id == h->crtc) {
			c->fb = p->fb_id;
			c->head = i;
			read_place(k, h->cursor_plane, c);
			/* Parked outside of its head: another one has it. */
			if (c->x < (s32)h->r.w && c->y < (s32)h->r.h && c->x + (s32)c->w > 0 &&
			    c->y + (s32)c->h > 0) {
				drmModeFreePlane(p);
				return 0;
			}
			c->fb = 0;
		}
		drmModeFreePlane(p);
	}
	return 0;
}
