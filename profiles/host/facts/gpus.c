/* Displays: every function of class 03, and what its DRM driver tells of outputs and memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>
#include <nouveau_drm.h>
#include <radeon_drm.h>

#include "profiles/host/facts/edid.h"
#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/write.h"

#define DEVICES_MAX 256

/* ---- memory of its own --------------------------------------------------------------------------- */

static u64 memory_by_bar(struct gather *g, int fd, const struct facts_function *f)
{
	return f->nbars && !f->bars[0].io ? f->bars[0].size : 0;
}

static u64 memory_of_amdgpu(struct gather *g, int fd, const struct facts_function *f)
{
	char bdf[BDF_TEXT];
	const char *text =
	    gather_line(g, "/sys/bus/pci/devices/%s/mem_info_vram_total", bdf_text(f->bdf, bdf));

	return text ? strtoull(text, NULL, 10) : 0;
}

static u64 memory_of_radeon(struct gather *g, int fd, const struct facts_function *f)
{
	struct drm_radeon_gem_info info = {0};

	return drmIoctl(fd, DRM_IOCTL_RADEON_GEM_INFO, &info) ? 0 : info.vram_size;
}

static u64 memory_of_nouveau(struct gather *g, int fd, const struct facts_function *f)
{
	struct drm_nouveau_getparam p = {.param = NOUVEAU_GETPARAM_FB_SIZE};

	return drmCommandWriteRead(fd, DRM_NOUVEAU_GETPARAM, &p, sizeof(p)) ? 0 : p.value;
}

/* Drivers not here (i915, virtio_gpu, ...) drive GPUs without memory of their own, or do not tell. */
static const struct {
	const char *driver;
	u64 (*memory)(struct gather *g, int fd, const struct facts_function *f);
} memories[] = {
    {"amdgpu", memory_of_amdgpu},
    {"radeon", memory_of_radeon},
    {"nouveau", memory_of_nouveau},
    /* their first BAR is all of their memory */
    {"bochs-drm", memory_by_bar},
    {"qxl", memory_by_bar},
    {"cirrus", memory_by_bar},
    {"mgag200", memory_by_bar},
    {"ast", memory_by_bar},
};

/* ---- outputs -------------------------------------------------------------------------------------- */

static const char *edid_hex(struct gather *g, int fd, const drmModeConnector *c, const char **name)
{
	static const char digits[] = "0123456789abcdef";
	char monitor[14];

	for (int i = 0; i < c->count_props; i++) {
		drmModePropertyPtr prop = drmModeGetProperty(fd, c->props[i]);
		bool is_edid =
		    prop && !strcmp(prop->name, "EDID") && prop->flags & DRM_MODE_PROP_BLOB;
		drmModePropertyBlobPtr blob;
		const u8 *bytes;
		char *text;

		drmModeFreeProperty(prop);
		if (!is_edid || !c->prop_values[i])
			continue;
		blob = drmModeGetPropertyBlob(fd, (u32)c->prop_values[i]);
		if (!blob)
			return NULL;
		bytes = blob->data;
		text = chunks_take(&g->mem, 2 * (size_t)blob->length + 1, 1);
		for (u32 k = 0; k < blob->length; k++) {
			text[2 * k] = digits[bytes[k] >> 4];
			text[2 * k + 1] = digits[bytes[k] & 15];
		}
		if (edid_name(bytes, blob->length, monitor))
			*name = gather_text(g, monitor);
		drmModeFreePropertyBlob(blob);
		return *text ? text : NULL;
	}
	return NULL;
}

static u32 refresh_of(const drmModeModeInfo *m)
{
	u64 total = (u64)m->htotal * m->vtotal;

	if (!total)
		return m->vrefresh * 1000;
	return (u32)((u64)m->clock * 1000000 / total);
}

static struct facts_output output_of(struct gather *g, int fd, const drmModeConnector *c)
{
	const char *type = drmModeGetConnectorTypeName(c->connector_type);
	struct facts_mode *modes = chunks_take(&g->mem, (size_t)c->count_modes + 1, sizeof(*modes));
	struct facts_output o = {
	    .name = chunks_print(&g->mem, "%s-%u", type ? type : "Unknown", c->connector_type_id),
	    .connected = c->connection == DRM_MODE_CONNECTED,
	    .width_mm = c->mmWidth,
	    .height_mm = c->mmHeight,
	    .modes = modes,
	    .nmodes = (u32)c->count_modes,
	};

	for (int i = 0; i < c->count_modes; i++)
		modes[i] = (struct facts_mode){c->modes[i].hdisplay, c->modes[i].vdisplay,
					       refresh_of(&c->modes[i]),
					       c->modes[i].type & DRM_MODE_TYPE_PREFERRED};
	o.edid = edid_hex(g, fd, c, &o.monitor);
	return o;
}

static void read_outputs(struct gather *g, int fd, struct facts_gpu *gpu)
{
	drmModeRes *r = drmModeGetResources(fd);
	struct facts_output *list;

	if (!r)
		return; /* a GPU that only computes */
	list = chunks_take(&g->mem, (size_t)r->count_connectors + 1, sizeof(*list));
	for (int i = 0; i < r->count_connectors; i++) {
		drmModeConnector *c = drmModeGetConnector(fd, r->connectors[i]);

		if (c && c->connector_type != DRM_MODE_CONNECTOR_WRITEBACK)
			list[gpu->noutputs++] = output_of(g, fd, c);
		drmModeFreeConnector(c);
	}
	gpu->outputs = list;
	drmModeFreeResources(r);
}

/* False: there is no node to ask, and nothing was said of it. */
static bool read_device(struct gather *g, const drmDevice *d, struct facts_gpu *gpu,
			const struct facts_function *f)
{
	const char *node =
	    d->available_nodes & 1 << DRM_NODE_PRIMARY ? d->nodes[DRM_NODE_PRIMARY] : NULL;
	char bdf[BDF_TEXT];
	drmVersion *version;
	int fd;

	if (!node)
		return false;
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		gather_missing(g, "outputs of %s: %s: %s; run caprock probe as root",
			       bdf_text(f->bdf, bdf), node, strerror(errno));
		return true;
	}
	version = drmGetVersion(fd);
	if (version)
		gpu->driver = gather_text(g, version->name);
	drmFreeVersion(version);
	for (size_t i = 0; gpu->driver && i < ARRAY_SIZE(memories); i++)
		if (!strcmp(memories[i].driver, gpu->driver))
			gpu->memory = memories[i].memory(g, fd, f);
	read_outputs(g, fd, gpu);
	close(fd);
	return true;
}

static struct facts_gpu *gpu_at(struct facts_gpu *list, u32 n, const drmDevice *d)
{
	const drmPciBusInfo *at = d->businfo.pci;

	if (d->bustype != DRM_BUS_PCI)
		return NULL;
	for (u32 i = 0; i < n; i++)
		if (list[i].bdf.segment == at->domain && list[i].bdf.bus == at->bus &&
		    list[i].bdf.devfn == (at->dev << 3 | at->func))
			return &list[i];
	return NULL;
}

void gather_gpus(struct gather *g)
{
	struct facts_gpu *list = chunks_take(&g->mem, g->facts.nfunctions + 1, sizeof(*list));
	drmDevice *devices[DEVICES_MAX];
	bool *asked;
	int found;

	for (u32 i = 0; i < g->facts.nfunctions; i++)
		if (g->facts.functions[i].class_code >> 16 == 3)
			list[g->facts.ngpus++].bdf = g->facts.functions[i].bdf;
	g->facts.gpus = list;
	if (!g->facts.ngpus || !g->hardware)
		return;
	asked = chunks_take(&g->mem, g->facts.ngpus, sizeof(*asked));
	found = drmGetDevices2(0, devices, DEVICES_MAX);
	for (int i = 0; i < found; i++) {
		struct facts_gpu *gpu = gpu_at(list, g->facts.ngpus, devices[i]);

		if (gpu)
			asked[gpu - list] =
			    read_device(g, devices[i], gpu,
					&g->facts.functions[facts_find(&g->facts, gpu->bdf)]);
	}
	if (found > 0)
		drmFreeDevices(devices, found);
	for (u32 i = 0; i < g->facts.ngpus; i++) {
		char bdf[BDF_TEXT];

		if (!asked[i])
			gather_missing(g, "outputs and memory of %s: no DRM driver tells of them",
				       bdf_text(list[i].bdf, bdf));
	}
}
