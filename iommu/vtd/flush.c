/* Making a change of a domain's table true for the IOTLB and the device TLBs (§6.5.3). */
#include "iommu/vtd/unit.h"

/* log2 of the smallest aligned block of pages around [lo, hi]; *base is its start. */
static u32 range_order(u64 lo, u64 hi, u64 *base)
{
	u32 order = 0;

	while (order < 52 && (lo ^ hi) >> (12 + order))
		order++;
	*base = order < 52 ? lo & ~0ull << (12 + order) : 0;
	return order;
}

/*
 * A range of more than one page has S set and is as large as its lowest clear address bit tells:
 * bit 12 two pages, bit 13 four, and with all set up to bit 62 everything (PCIe 5.0 §10.3.2).
 */
void vtd_batch_device_tlb(struct vtd *v, struct vtd_batch *b, const struct iommu_device *dev,
			  u16 rid, u64 lo, u64 hi)
{
	u64 address;
	u32 order = range_order(lo, hi, &address);

	if (order)
		address |= (BIT(order - 1) - 1) << 12 | INV_TLB_S;
	vtd_batch_add(b,
		      INV_DEVICE_TLB | INV_SID(rid) | INV_TLB_MIP(dev->ats_queue) |
			  (v->ecap & ECAP_DIT ? INV_TLB_PFSID(dev->pf_rid) : 0),
		      address);
}

/* Pages where the unit can select them, else the domain. */
static void batch_iotlb(struct vtd *v, struct vtd_batch *b, u16 did,
			const struct iommu_change *change)
{
	u64 base;
	u32 order = range_order(change->lo, change->hi, &base);
	/* Absence is cached of table entries too (§6.1), and so are tables that were unlinked. */
	bool leaves_only = !change->tables && !change->added;

	vtd_batch_iotlb_domain(v, b, did);
	if (!(v->cap & CAP_PSI) || order > CAP_MAMV(v->cap))
		return;
	b->desc[b->n - 1].lo |= INV_SELECTIVE;
	b->desc[b->n - 1].hi = base | (leaves_only ? INV_IOTLB_IH : 0) | order;
}

static struct iommu_device *owner_of(const struct iommu_unit *u, const struct iommu_domain *dom,
				     u16 rid)
{
	for (struct iommu_device *dev = dom->devices; dev; dev = dev->next)
		for (u32 i = 0; dev->unit == u && i < dev->nrids; i++)
			if (dev->rids[i] == rid)
				return dev;
	return NULL;
}

/* Run the batch; devices whose TLB is dead lose their attachment, the others have been flushed. */
static int run(struct iommu_unit *u, const struct iommu_domain *dom, struct vtd_batch *b)
{
	u16 dead[VTD_BATCH];
	u32 ndead;
	int err = vtd_queue_run(vtd_of(u), b, dead, &ndead);

	while (!err && ndead) {
		struct iommu_device *dev = owner_of(u, dom, dead[--ndead]);

		if (dev && dev->state == IOMMU_DEV_ATTACHED)
			err = vtd_silence(dev);
	}
	b->n = 0;
	return err;
}

static int flush_device_tlbs(struct iommu_unit *u, const struct iommu_domain *dom,
			     const struct iommu_change *change, struct vtd_batch *b)
{
	struct vtd *v = vtd_of(u);
	int err = OK;

	for (struct iommu_device *dev = dom->devices; dev && !err; dev = dev->next) {
		if (dev->unit != u || dev->state != IOMMU_DEV_ATTACHED || !dev->ats)
			continue;
		for (u32 i = 0; i < dev->nrids && !err; i++) {
			if (b->n == VTD_BATCH)
				err = run(u, dom, b);
			vtd_batch_device_tlb(v, b, dev, dev->rids[i], change->lo, change->hi);
		}
	}
	return err;
}

int vtd_flush(struct iommu_unit *u, struct iommu_domain *dom, const struct iommu_change *change)
{
	struct vtd *v = vtd_of(u);
	struct vtd_batch b = {0};
	int err = OK;

	if (!change->removed && !(change->added && v->cap & CAP_CM))
		return vtd_memory_settle(v);
	batch_iotlb(v, &b, dom->id, change);
	if (change->removed) {
		vtd_batch_fence(v, &b);
		err = flush_device_tlbs(u, dom, change, &b);
	}
	return err ? err : run(u, dom, &b);
}
