#include "iommu/start.h"
#include "iommu/group.h"

/* Depths in the order we like them: 48 bits are enough for every machine of today. */
static const u8 depths[] = {4, 5, 3, 6, 2};

static int common_caps(struct iommu *io)
{
	struct iommu_caps *c = &io->caps;

	*c = io->units[0].caps;
	for (u32 i = 1; i < io->nunits; i++) {
		const struct iommu_caps *u = &io->units[i].caps;

		c->input_bits = (u8)min_u64(c->input_bits, u->input_bits);
		c->output_bits = (u8)min_u64(c->output_bits, u->output_bits);
		c->levels &= u->levels;
		c->leaf_max = (u8)min_u64(c->leaf_max, u->leaf_max);
		c->coherent = c->coherent && u->coherent;
		c->snoop_control = c->snoop_control && u->snoop_control;
		c->caches_absent = c->caches_absent || u->caches_absent;
		c->irq_remapping = c->irq_remapping && u->irq_remapping;
		c->x2apic = c->x2apic && u->x2apic;
		c->ats = c->ats && u->ats;
		c->max_domains = (u32)min_u64(c->max_domains, u->max_domains);
		c->max_irqs = (u32)min_u64(c->max_irqs, u->max_irqs);
	}
	for (size_t i = 0; i < ARRAY_SIZE(depths); i++)
		if (c->levels >> depths[i] & 1) {
			io->levels = depths[i];
			return OK;
		}
	port_log(LOG_ERROR, "iommu: the %s units have no depth of page tables in common",
		 io->ops->name);
	return ERR_UNSUPPORTED;
}

static int step(struct iommu *io, const char *what, int (*op)(struct iommu_unit *u))
{
	for (u32 i = 0; i < io->nunits; i++) {
		struct iommu_unit *u = &io->units[i];
		int err;

		spin_lock(&u->lock);
		err = op(u);
		spin_unlock(&u->lock);
		if (!err)
			continue;
		port_log(LOG_ERROR, "iommu: %s unit %u at %#llx: %s failed: %s", io->ops->name, i,
			 (unsigned long long)u->desc.registers.v, what, err_text(err));
		return err;
	}
	return OK;
}

static int make_ids(struct iommu *io)
{
	u64 bytes = ((u64)min_u64(io->caps.max_domains, 0x10000) + 63) / 64 * 8;

	io->domain_ids = pool_bytes(io->pool, bytes);
	return io->domain_ids ? OK : ERR_NOMEM;
}

int iommu_start(struct iommu *io)
{
	int err;

	if (!io->nunits)
		return ERR_UNSUPPORTED;
	err = step(io, "probing", io->ops->probe);
	if (!err)
		err = common_caps(io);
	if (!err)
		err = make_ids(io);
	if (!err)
		err = step(io, "taking over", io->ops->take_over);
	if (!err)
		err = step(io, "enabling", io->ops->enable);
	return err;
}

int iommu_quiesce(struct iommu *io)
{
	int err = OK;

	for (u32 i = 0; i < io->nunits; i++) {
		int e = io->ops->quiesce(&io->units[i]);

		err = err ? err : e;
	}
	return err;
}

struct iommu_device *iommu_find(const struct iommu *io, u16 segment, u16 rid)
{
	for (u32 i = 0; i < io->ndevices; i++) {
		struct iommu_device *dev = &io->devices[i];

		for (u32 k = 0; dev->segment == segment && k < dev->nrids; k++)
			if (dev->rids[k] == rid)
				return dev;
	}
	return NULL;
}

struct iommu_device *iommu_find_special(const struct iommu *io, enum iommu_device_kind kind, u8 id)
{
	for (u32 i = 0; i < io->ndevices; i++)
		if (io->devices[i].kind == kind && io->devices[i].hw_id == id)
			return &io->devices[i];
	return NULL;
}
