#include "iommu/amdvi/amdvi.h"

/*
 * Entries change by two 16-byte exchanges (§2.2.2.2): the lower half is all of translation, the
 * upper half all of interrupt remapping. Each half is right by itself at every moment, so the order
 * of the two does not matter to isolation.
 */
static void half_set(u128 *half, u128 new)
{
	volatile u128 *p = half;
	u128 old = *half;

	while (!port_cmpxchg128(p, &old, new))
		;
}

/* V, TV, mode 0, neither IR nor IW: every request is refused, and recorded unless silent. */
static u128 blocked_lower(bool silent)
{
	return amdvi_half(AMDVI_DTE_V | AMDVI_DTE_TV,
			  AMDVI_BLOCKED_ID | (silent ? AMDVI_DTE_SA : 0));
}

/* IV with IntCtl = 00b and no pass bit: every interrupt of every kind is refused (§2.2.5). */
static u128 blocked_upper(bool silent)
{
	return amdvi_half(AMDVI_DTE_IV | (silent ? AMDVI_DTE_IG : 0), 0);
}

static u128 attached_lower(const struct iommu_device *dev, const struct iommu_domain *dom)
{
	u64 low = AMDVI_DTE_V | AMDVI_DTE_TV | (u64)dom->pt.levels << AMDVI_DTE_MODE_SHIFT |
		  dom->pt.root.v | AMDVI_DTE_IR | AMDVI_DTE_IW;

	return amdvi_half(low, dom->id | (dev->ats ? AMDVI_DTE_I : 0));
}

void amdvi_table_init(u128 *table)
{
	for (u32 rid = 0; rid < AMDVI_TABLE_ENTRIES; rid++) {
		table[2 * rid] = blocked_lower(false);
		table[2 * rid + 1] = blocked_upper(false);
	}
}

void amdvi_table_block(struct amdvi *a)
{
	for (u32 rid = 0; rid < AMDVI_TABLE_ENTRIES; rid++) {
		if (a->table[2 * rid] != blocked_lower(false))
			half_set(&a->table[2 * rid], blocked_lower(false));
		if (a->table[2 * rid + 1] != blocked_upper(false))
			half_set(&a->table[2 * rid + 1], blocked_upper(false));
	}
}

static u128 *lower(struct amdvi *a, u16 rid)
{
	return &a->table[2 * rid];
}

static u128 *upper(struct amdvi *a, u16 rid)
{
	return &a->table[2 * rid + 1];
}

static void invalidate_entries(struct amdvi *a, const struct iommu_device *dev)
{
	for (u32 i = 0; i < dev->nrids; i++) {
		amdvi_invalidate_entry(a, dev->rids[i]);
		amdvi_invalidate_interrupts(a, dev->rids[i]);
	}
}

/* Is an id in use already, by this device or by another that attaching would take it from? */
static bool taken(const struct iommu_device *dev)
{
	for (u32 i = 0; i < dev->nrids; i++)
		if ((u16)(*lower(amdvi_of(dev->unit), dev->rids[i]) >> 64) != AMDVI_BLOCKED_ID)
			return true;
	return false;
}

int amdvi_attach(struct iommu_device *dev, struct iommu_domain *dom)
{
	struct amdvi *a = amdvi_of(dev->unit);
	struct amdvi_irqs *irqs;
	int err;

	if (taken(dev))
		return ERR_BUSY;
	if (dom->id == AMDVI_BLOCKED_ID || !dom->pt.levels ||
	    dom->pt.levels > amdvi_efr_levels(a->features))
		return ERR_INVAL;
	err = amdvi_irqs_get(dev, dom);
	if (err)
		return err;
	irqs = dev->priv;
	for (u32 i = 0; i < dev->nrids; i++) {
		half_set(upper(a, dev->rids[i]), amdvi_irqs_dte(irqs));
		half_set(lower(a, dev->rids[i]), attached_lower(dev, dom));
	}
	invalidate_entries(a, dev);
	err = amdvi_wait(a);
	if (err) {
		/* What the unit has read is unknown: the table it may use is given to nobody. */
		dev->priv = NULL;
		for (u32 i = 0; i < dev->nrids; i++) {
			half_set(lower(a, dev->rids[i]), blocked_lower(false));
			half_set(upper(a, dev->rids[i]), blocked_upper(false));
		}
		return err;
	}
	dev->domain = dom;
	dev->state = IOMMU_DEV_ATTACHED;
	return OK;
}

/* The device's entries, and what the unit has cached through them. `keep`: bits that stay. */
static int block_entries(struct iommu_device *dev, bool silent, u64 keep)
{
	struct amdvi *a = amdvi_of(dev->unit);

	for (u32 i = 0; i < dev->nrids; i++) {
		u16 rid = dev->rids[i];

		half_set(lower(a, rid), blocked_lower(silent) | amdvi_half(0, keep));
		half_set(upper(a, rid), blocked_upper(silent));
	}
	/* Entries first: a walk that began with the old one must not refill what follows drops. */
	invalidate_entries(a, dev);
	if (dev->domain)
		amdvi_invalidate_domain(a, dev->domain->id);
	return amdvi_wait(a);
}

/*
 * The device's own TLB is emptied while its translated requests are still allowed (the bit I), for
 * the command only exists then; no new translation is given out meanwhile.
 */
static int empty_device_tlb(struct iommu_device *dev, bool silent)
{
	struct amdvi *a = amdvi_of(dev->unit);
	int err = block_entries(dev, silent, AMDVI_DTE_I);

	if (err)
		return err;
	for (u32 i = 0; i < dev->nrids; i++)
		amdvi_invalidate_iotlb(a, dev, dev->rids[i],
				       AMDVI_CMD_PAGES_WHOLE | AMDVI_CMD_PAGES_S);
	/* No answer within the unit's own limit is no reason to stop: translated requests end here. */
	return amdvi_wait(a);
}

static int block(struct iommu_device *dev, bool silent, bool ask)
{
	struct iommu_domain *dom = dev->domain;
	int err = OK;

	if (ask && dev->ats && dev->state == IOMMU_DEV_ATTACHED)
		err = empty_device_tlb(dev, silent);
	if (!err)
		err = block_entries(dev, silent, 0);
	if (err)
		return err;
	if (dev->priv)
		amdvi_irqs_put(dev, dom->pt.pool);
	dev->domain = NULL;
	dev->state = silent ? IOMMU_DEV_SILENCED : IOMMU_DEV_BLOCKED;
	return OK;
}

int amdvi_block(struct iommu_device *dev, bool silent)
{
	return block(dev, silent, true);
}

int amdvi_block_mute(struct iommu_device *dev)
{
	return block(dev, true, false);
}
