#include "iommu/quarantine.h"

int quarantine_carry_over(struct iommu_domain *d, const struct unity_range *ranges, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct unity_range *r = &ranges[i];
		u32 attrs = (r->read ? PT_R : 0) | (r->write ? PT_W : 0);
		int err = iommu_map(d, IOVA(r->base.v), r->base, r->size, attrs);

		if (err)
			return err;
	}
	return OK;
}

int quarantine_enter(struct quarantine *q, struct iommu_device *dev,
		     const struct unity_range *ranges, u32 n, struct pool *pool)
{
	int err, undo;

	*q = (struct quarantine){.dev = dev};
	err = iommu_domain_init(&q->domain, dev->unit->iommu, IOMMU_HV_OWNER, pool, NULL, 0);
	if (err)
		return err;
	err = quarantine_carry_over(&q->domain, ranges, n);
	if (!err)
		err = iommu_attach(&q->domain, dev);
	if (!err)
		return OK;
	undo = iommu_domain_fini(&q->domain);
	return undo ? undo : err;
}

int quarantine_leave(struct quarantine *q)
{
	int err = iommu_detach(q->dev, false);

	return err ? err : iommu_domain_fini(&q->domain);
}
