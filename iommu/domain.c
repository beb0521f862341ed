#include "iommu/domain.h"

static bool overlaps(u64 base, u64 size, u64 other, u64 other_size)
{
	return base < other + other_size && other < base + size;
}

/* Does the unit translate for some device of the domain? Silenced ones have left its caches. */
static bool unit_serves(const struct iommu_unit *u, const struct iommu_domain *d)
{
	for (const struct iommu_device *dev = d->devices; dev; dev = dev->next)
		if (dev->unit == u && dev->state == IOMMU_DEV_ATTACHED)
			return true;
	return false;
}

static int flush_unit(struct iommu_unit *u, struct iommu_domain *d,
		      const struct iommu_change *change)
{
	int err;

	spin_lock(&u->lock);
	err = u->iommu->ops->flush(u, d, change);
	spin_unlock(&u->lock);
	return err;
}

/* Every unit is told, also after one failed: the others' caches are then clean. */
static int flush_domain(struct iommu_domain *d, const struct iommu_change *change)
{
	struct iommu *io = d->iommu;
	int err = OK;

	for (u32 i = 0; i < io->nunits; i++)
		if (unit_serves(&io->units[i], d)) {
			int e = flush_unit(&io->units[i], d, change);

			err = err ? err : e;
		}
	return err;
}

static int flush_gathered(void *ctx, const struct pt_gather *g)
{
	const struct iommu_change change = {
	    .lo = g->lo, .hi = g->hi, .removed = true, .tables = g->tables != 0};

	return flush_domain(ctx, &change);
}

static int flush_everywhere(void *ctx, const struct pt_gather *g)
{
	const struct iommu_change change = {.lo = 0, .hi = ~0ull, .removed = true, .tables = true};
	struct iommu_domain *d = ctx;
	int err = OK;

	for (u32 i = 0; i < d->iommu->nunits; i++) {
		int e = flush_unit(&d->iommu->units[i], d, &change);

		err = err ? err : e;
	}
	return err;
}

static int take_id(struct iommu *io, u16 *out)
{
	int err = ERR_NOMEM;

	spin_lock(&io->lock);
	for (u32 id = 1; id < io->caps.max_domains && id <= 0xffff; id++) {
		if (io->domain_ids[id / 64] >> (id % 64) & 1)
			continue;
		io->domain_ids[id / 64] |= 1ull << (id % 64);
		*out = (u16)id;
		err = OK;
		break;
	}
	spin_unlock(&io->lock);
	return err;
}

static void return_id(struct iommu *io, u16 id)
{
	spin_lock(&io->lock);
	io->domain_ids[id / 64] &= ~(1ull << (id % 64));
	spin_unlock(&io->lock);
}

int iommu_domain_init(struct iommu_domain *d, struct iommu *io, u32 owner, struct pool *grant,
		      const u32 *cpus, u32 ncpus)
{
	int err;

	*d = (struct iommu_domain){.iommu = io, .owner = owner, .cpus = cpus, .ncpus = ncpus};
	for (u32 i = 0; i < io->nunits; i++)
		if (io->units[i].state != IOMMU_UNIT_ENABLED)
			return ERR_BUSY;
	err = take_id(io, &d->id);
	if (err)
		return err;
	err = pt_init(&d->pt, io->ops->format, grant, io->levels, io->caps.leaf_max,
		      io->caps.coherent);
	if (err)
		return_id(io, d->id);
	return err;
}

int iommu_domain_fini(struct iommu_domain *d)
{
	int err;

	if (d->devices)
		return ERR_BUSY;
	err = pt_fini(&d->pt, flush_everywhere, d);
	if (!err)
		return_id(d->iommu, d->id);
	return err;
}

int iommu_map(struct iommu_domain *d, iova_t iova, paddr_t hpa, u64 size, u32 attrs)
{
	struct iommu_change change = {.lo = iova.v, .hi = iova.v + size - 1, .added = true};
	int err;

	if (!size || change.hi < iova.v || attrs & ~PT_RW || !(attrs & PT_RW))
		return ERR_INVAL;
	if (overlaps(iova.v, size, IOMMU_MSI_BASE, IOMMU_MSI_SIZE) ||
	    overlaps(iova.v, size, IOMMU_HT_HOLE, IOMMU_HT_HOLE_SIZE))
		return ERR_PERM;
	if (d->iommu->caps.snoop_control)
		attrs |= PT_SNOOP;
	spin_lock(&d->lock);
	err = pt_map(&d->pt, iova.v, hpa, size, attrs);
	if (!err)
		err = flush_domain(d, &change);
	spin_unlock(&d->lock);
	return err;
}

int iommu_unmap(struct iommu_domain *d, iova_t iova, u64 size)
{
	int err;

	spin_lock(&d->lock);
	err = pt_unmap(&d->pt, iova.v, size);
	if (!err)
		err = pt_settle(&d->pt, flush_gathered, d);
	spin_unlock(&d->lock);
	return err;
}

int iommu_protect(struct iommu_domain *d, iova_t iova, u64 size, u32 attrs)
{
	int err;

	if (attrs & ~PT_RW || !(attrs & PT_RW))
		return ERR_INVAL;
	if (d->iommu->caps.snoop_control)
		attrs |= PT_SNOOP;
	spin_lock(&d->lock);
	err = pt_protect(&d->pt, iova.v, size, attrs);
	if (!err)
		err = pt_settle(&d->pt, flush_gathered, d);
	spin_unlock(&d->lock);
	return err;
}

static int may_attach(const struct iommu_domain *d, const struct iommu_device *dev)
{
	const struct iommu *io = d->iommu;

	if (dev->home || dev->state == IOMMU_DEV_ATTACHED || d->pt.owed.owed)
		return ERR_BUSY;
	if (dev->unit->state != IOMMU_UNIT_ENABLED)
		return ERR_IO;
	if (!dev->unit->caps.irq_remapping)
		return ERR_UNSUPPORTED;
	for (u32 i = 0; i < io->ndevices; i++)
		if (io->devices[i].group == dev->group && io->devices[i].home &&
		    io->devices[i].home->owner != d->owner)
			return ERR_PERM;
	return OK;
}

static void unlink_device(struct iommu_domain *d, struct iommu_device *dev)
{
	struct iommu_device **at = &d->devices;

	while (*at != dev)
		at = &(*at)->next;
	*at = dev->next;
	dev->next = NULL;
	dev->home = NULL;
	dev->owner = IOMMU_NO_OWNER;
}

int iommu_attach(struct iommu_domain *d, struct iommu_device *dev)
{
	int err;

	spin_lock(&d->lock);
	err = may_attach(d, dev);
	if (err)
		goto out;
	dev->home = d;
	dev->owner = d->owner;
	dev->next = d->devices;
	d->devices = dev;
	spin_lock(&dev->unit->lock);
	err = d->iommu->ops->attach(dev, d);
	spin_unlock(&dev->unit->lock);
	if (err)
		unlink_device(d, dev);
out:
	spin_unlock(&d->lock);
	return err;
}

int iommu_detach(struct iommu_device *dev, bool silent)
{
	struct iommu_domain *d = dev->home;
	int err;

	if (d)
		spin_lock(&d->lock);
	spin_lock(&dev->unit->lock);
	err = dev->unit->iommu->ops->block(dev, silent);
	spin_unlock(&dev->unit->lock);
	if (d) {
		if (!err)
			unlink_device(d, dev);
		spin_unlock(&d->lock);
	}
	return err;
}

bool iommu_domain_has_cpu(const struct iommu_domain *d, u32 apic_id)
{
	for (u32 i = 0; i < d->ncpus; i++)
		if (d->cpus[i] == apic_id)
			return true;
	return false;
}

/* Called with the unit's lock held, under which state and domain change. */
static int may_route(const struct iommu_device *dev, const struct iommu_irq *irq)
{
	if (dev->state != IOMMU_DEV_ATTACHED)
		return ERR_BUSY;
	if (irq->posted.v)
		return ERR_UNSUPPORTED;
	if (irq->vector < 16 || (irq->level && dev->kind != IOMMU_DEV_IOAPIC) ||
	    !iommu_domain_has_cpu(dev->domain, irq->apic_id))
		return ERR_PERM;
	/* 8-bit destinations: FFh is everybody */
	if (irq->apic_id >= 0xff && !(dev->unit->caps.x2apic && dev->unit->desc.x2apic))
		return ERR_UNSUPPORTED;
	return OK;
}

int iommu_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq)
{
	int err;

	spin_lock(&dev->unit->lock);
	err = may_route(dev, irq);
	if (!err)
		err = dev->unit->iommu->ops->irq_set(dev, index, irq);
	spin_unlock(&dev->unit->lock);
	return err;
}

int iommu_irq_alloc(struct iommu_device *dev, u16 count, u16 *first)
{
	int err = ERR_BUSY;

	if (!count)
		return ERR_INVAL;
	spin_lock(&dev->unit->lock);
	if (dev->state == IOMMU_DEV_ATTACHED)
		err = dev->unit->iommu->ops->irq_alloc(dev, count, first);
	spin_unlock(&dev->unit->lock);
	return err;
}

int iommu_irq_free(struct iommu_device *dev, u16 first, u16 count)
{
	int err = ERR_BUSY;

	spin_lock(&dev->unit->lock);
	if (dev->state == IOMMU_DEV_ATTACHED)
		err = dev->unit->iommu->ops->irq_free(dev, first, count);
	spin_unlock(&dev->unit->lock);
	return err;
}

int iommu_irq_clear(struct iommu_device *dev, u16 index)
{
	int err = ERR_BUSY;

	spin_lock(&dev->unit->lock);
	if (dev->state == IOMMU_DEV_ATTACHED)
		err = dev->unit->iommu->ops->irq_clear(dev, index);
	spin_unlock(&dev->unit->lock);
	return err;
}

int iommu_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out)
{
	int err = ERR_BUSY;

	spin_lock(&dev->unit->lock);
	if (dev->state == IOMMU_DEV_ATTACHED)
		err = dev->unit->iommu->ops->irq_message(dev, index, out);
	spin_unlock(&dev->unit->lock);
	return err;
}
