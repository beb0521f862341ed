#include "core/metal/devices.h"
#include "core/metal/remap.h"

u32 devices_rows(void)
{
	const struct survey *s = remap_survey();
	u32 n = 0;

	for (u32 i = 0; i < s->n; i++)
		n += !s->functions[i].header_type;
	return n;
}

static enum device_state state_of(const struct iommu_device *dev)
{
	static const enum device_state states[] = {
	    [IOMMU_DEV_BLOCKED] = DEVICE_QUARANTINED,
	    [IOMMU_DEV_SILENCED] = DEVICE_SILENCED,
	    [IOMMU_DEV_ATTACHED] = DEVICE_RUNNING,
	};

	return dev ? states[dev->state] : DEVICE_UNCOVERED;
}

void devices_count(struct counters_device *rows)
{
	const struct survey *s = remap_survey();

	for (u32 i = 0; i < s->n; i++) {
		const struct machine_function *f = &s->functions[i];
		const struct iommu_device *dev = remap_device(i);

		if (f->header_type)
			continue;
		*rows = (struct counters_device){
		    .segment = f->bdf.segment,
		    .bus = f->bdf.bus,
		    .devfn = f->bdf.devfn,
		    .vendor = f->vendor,
		    .device = f->device,
		    .class_code = f->class_code,
		    .workstation = dev ? dev->owner : ~0u,
		    .state = state_of(dev),
		    .faults = dev ? dev->faults : 0,
		};
		rows++;
	}
}
