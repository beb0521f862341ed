/* The functions that workstations have or had, and what the counters page shows of all of them. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/metal/memory.h"
#include "core/metal/remap.h"
#include "core/metal/virtual.h"
#include "core/port.h"

#define CLASS_DISPLAY 0x03u
#define ROM_MAX	      KIB(256) /* of images; larger ones come as files of the bundle */

static struct device **known; /* by function of the survey, NULL: never asked for */

/* ---- counters -------------------------------------------------------------------------------- */

u32 devices_rows(void)
{
	const struct survey *s = remap_survey();
	u32 n = 0;

	for (u32 i = 0; i < s->n; i++)
		n += !s->functions[i].header_type;
	return n;
}

static enum device_state state_of(const struct iommu_device *dev, const struct device *d)
{
	if (!dev)
		return DEVICE_UNCOVERED;
	if (d && d->assign.state == ASSIGN_PARKED)
		return DEVICE_PARKED;
	if (dev->state == IOMMU_DEV_SILENCED)
		return DEVICE_SILENCED;
	return d && d->assign.state == ASSIGN_RUNNING ? DEVICE_RUNNING : DEVICE_QUARANTINED;
}

void devices_count(struct counters_device *rows)
{
	const struct survey *s = remap_survey();

	for (u32 i = 0; i < s->n; i++) {
		const struct machine_function *f = &s->functions[i];
		const struct iommu_device *dev = remap_device(i);
		const struct device *d = known ? known[i] : NULL;

		if (f->header_type)
			continue;
		*rows++ = (struct counters_device){
		    .segment = f->bdf.segment,
		    .bus = f->bdf.bus,
		    .devfn = f->bdf.devfn,
		    .vendor = f->vendor,
		    .device = f->device,
		    .class_code = f->class_code,
		    .workstation = d ? d->owner : ~0u,
		    .state = state_of(dev, d),
		    .interrupts = d && d->assign.routes.dev ? d->assign.routes.count : 0,
		    .faults = dev ? dev->faults : 0,
		    .resets = d ? d->assign.resets : 0,
		};
	}
}

u64 devices_refused(const struct workstation *w)
{
	u64 n = 0;

	for (u32 i = 0; w->devices && i < w->devices->n; i++)
		for (u32 r = ROUTE_OK + 1; r < ROUTE_REFUSALS; r++)
			n += w->devices->views[i]->d->assign.routes.counts.refused[r];
	return n;
}

/* ---- the functions ---------------------------------------------------------------------------- */

const struct machine_function *device_function(u32 i)
{
	return &remap_survey()->functions[i];
}

u32 device_at(const struct pci_path *path)
{
	const struct survey *s = remap_survey();
	const struct machine m = {.functions = s->functions, .nfunctions = s->n};

	return machine_find_function(&m, path);
}

static int read_device(struct device *d)
{
	const struct survey *s = remap_survey();
	u32 parent = s->requesters[d->function].parent;
	struct pci_verdict v;
	int err;

	d->owner = ~0u;
	d->fn.bdf = device_function(d->function)->bdf;
	d->fn.has_bridge = parent != NO_FUNCTION;
	if (d->fn.has_bridge)
		d->fn.bridge = s->functions[parent].bdf;
	if (device_function(d->function)->is_vf)
		err = virtual_read(d->function, &d->fn, &v);
	else
		err = pci_function_read(&d->fn, &v);
	if (err) {
		port_log(LOG_ERROR,
			 "%04x:%02x:%02x.%x cannot be used: %s. Update its firmware or the "
			 "machine's, or leave it to nobody",
			 d->fn.bdf.segment, d->fn.bdf.bus, d->fn.bdf.devfn >> 3,
			 d->fn.bdf.devfn & 7, v.text);
		return err;
	}
	assign_init(&d->assign, &d->fn, remap_device(d->function));
	return OK;
}

/*
 * Display drivers read their card's ROM, also where firmware has taken the copy it ran away. It is
 * read once, before any guest could write to the card's flash.
 */
static void capture_rom(struct device *d)
{
	u64 size = d->fn.bars.bar[PCI_ROM_BAR].size;
	const char *why;
	u8 *rom;

	if (d->fn.id.class_code >> 16 != CLASS_DISPLAY || !size)
		return;
	size = min_u64(size, ROM_MAX);
	rom = pool_bytes(&heap, size);
	d->rom_size = rom ? rom_capture(&d->fn, rom, (u32)size, &why) : 0;
	d->rom = rom;
	if (rom && !d->rom_size)
		port_log(LOG_INFO, "the ROM of %04x:%02x:%02x.%x is not shown: %s",
			 d->fn.bdf.segment, d->fn.bdf.bus, d->fn.bdf.devfn >> 3,
			 d->fn.bdf.devfn & 7, why);
}

struct device *device_find(u32 i)
{
	struct device *d;

	if (!known)
		known = pool_bytes(&heap, remap_survey()->n * sizeof(*known));
	if (!known)
		return NULL;
	if (known[i])
		return known[i];
	d = pool_bytes(&heap, sizeof(*d));
	if (!d) {
		port_log(LOG_ERROR, "the hypervisor's own memory does not hold another device");
		return NULL;
	}
	d->function = i;
	if (read_device(d))
		return NULL;
	capture_rom(d);
	known[i] = d;
	return d;
}
