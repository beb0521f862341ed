/*
 * Root, context and PASID entries: which table a requester's addresses go through (§9.1 to §9.6).
 *
 * Absent is the blocked state. Context tables exist from take-over on for every bus that has
 * requesters, so attaching needs no memory in legacy mode; other buses have no root entry.
 * In scalable mode a device also gets a PASID directory and table with one entry, PASID 0, which
 * is what requests without PASID use (§9.4, RID_PASID).
 */
#include "core/base/mem.h"
#include "iommu/vtd/unit.h"

/* Requesters of one device that are invalidated one by one; more go by their domain. */
#define SELECTIVE_MAX 8

static bool bus_listed(const struct iommu_unit *u, u64 bus)
{
	return u->desc.buses[bus / 64] >> (bus % 64) & 1;
}

static int table_alloc(struct vtd *v, u64 *root_entry)
{
	paddr_t page;
	int err = pool_page(v->unit->iommu->pool, &page);

	if (!err) {
		vtd_write_back(v, port_va(page), PAGE_SIZE);
		*root_entry = page.v | ENTRY_P;
	}
	return err;
}

/* Scalable root entries point to two tables, devices 0..15 and 16..31 (§9.2). */
int vtd_context_alloc(struct vtd *v)
{
	int err = OK;

	for (u64 bus = 0; bus < 256 && !err; bus++) {
		if (!bus_listed(v->unit, bus))
			continue;
		err = table_alloc(v, &v->root[2 * bus]);
		if (!err && v->scalable)
			err = table_alloc(v, &v->root[2 * bus + 1]);
	}
	vtd_write_back(v, v->root, PAGE_SIZE);
	return err;
}

void vtd_context_block_all(struct vtd *v)
{
	for (u64 bus = 0; bus < 256; bus++)
		vtd_entry_set(v, &v->root[2 * bus], 0, 0);
}

/* NULL: the requester's bus has no context table. */
static u64 *entry_of(struct vtd *v, u16 rid)
{
	u64 devfn = rid & 0xff;
	u64 root = v->root[2 * (u64)(rid >> 8) + (v->scalable ? devfn >> 7 : 0)];
	u64 *table;

	if (!(root & ENTRY_P))
		return NULL;
	table = port_va(PADDR(root & PAGE_MASK));
	return v->scalable ? table + 4 * (devfn & 0x7f) : table + 2 * devfn;
}

/* ---- invalidation (§6.5.3) ------------------------------------------------------------------ */

static void batch_context(struct vtd_batch *b, const struct iommu_device *dev, u16 did)
{
	if (dev->nrids > SELECTIVE_MAX) {
		vtd_batch_add(b, INV_CONTEXT | INV_DOMAIN | INV_DID(did), 0);
		return;
	}
	for (u32 i = 0; i < dev->nrids; i++)
		vtd_batch_add(b, INV_CONTEXT | INV_SELECTIVE | INV_DID(did) | INV_SID(dev->rids[i]),
			      0);
}

/*
 * The device's entries changed; `did` is the domain they had, 0 when they were absent: that is what
 * caching mode tags absent entries with (§6.1). Its former translations go with the entries.
 */
static int invalidate(struct vtd *v, const struct iommu_device *dev, u16 did, u16 iotlb_did)
{
	struct vtd_batch b = {0};

	batch_context(&b, dev, did);
	vtd_batch_fence(v, &b);
	if (v->scalable) {
		vtd_batch_add(&b, INV_PASID | INV_DID(did), 0);
		vtd_batch_fence(v, &b);
	}
	vtd_batch_iotlb_domain(v, &b, iotlb_did);
	return vtd_queue_run(v, &b, NULL, NULL);
}

/* ---- entries -------------------------------------------------------------------------------- */

/* PASID directory and table for one device, in pages of its workstation (§9.5, §9.6). */
static int pasid_alloc(struct vtd *v, struct iommu_device *dev, const struct iommu_domain *dom)
{
	struct pool *pool = dom->pt.pool;
	paddr_t dir, table;
	u64 *entry;
	int err = pool_page(pool, &dir);

	if (err)
		return err;
	err = pool_page(pool, &table);
	if (err) {
		pool_put(pool, dir);
		return err;
	}
	entry = port_va(table);
	entry[0] = dom->pt.root.v | PASID_PGTT_SECOND_STAGE | PASID_AW(dom->pt.levels) | ENTRY_P;
	entry[1] = dom->id | (v->ecap & ECAP_SMPWCS ? PASID_PWSNP : 0);
	vtd_write_back(v, entry, PAGE_SIZE);
	dev->priv = port_va(dir);
	*(u64 *)dev->priv = table.v | ENTRY_P;
	vtd_write_back(v, dev->priv, PAGE_SIZE);
	return OK;
}

/* No walker can reach the pages any more. */
static void pasid_free(struct iommu_device *dev, const struct iommu_domain *dom)
{
	u64 *dir = dev->priv;

	pool_put(dom->pt.pool, PADDR(dir[0] & PAGE_MASK));
	pool_put(dom->pt.pool, port_pa(dir));
}

static void set_absent(struct vtd *v, const struct iommu_device *dev, bool silent)
{
	for (u32 i = 0; i < dev->nrids; i++) {
		u64 *entry = entry_of(v, dev->rids[i]);

		if (entry)
			vtd_entry_set(v, entry, silent ? ENTRY_FPD : 0, 0);
	}
}

static int set_present(struct vtd *v, const struct iommu_device *dev,
		       const struct iommu_domain *dom)
{
	u64 lo = ENTRY_P, hi = 0;
	int err;

	if (v->scalable) {
		lo |= port_pa(dev->priv).v | (dev->ats ? SM_CONTEXT_DTE : 0);
	} else {
		lo |= dom->pt.root.v | (dev->ats ? CONTEXT_TT_DEVICE_TLB : 0);
		hi = CONTEXT_AW(dom->pt.levels) | CONTEXT_DID(dom->id);
	}
	/* What the entries point to is in memory before they are. */
	err = vtd_memory_settle(v);
	for (u32 i = 0; !err && i < dev->nrids; i++)
		vtd_entry_set(v, entry_of(v, dev->rids[i]), lo, hi);
	return err;
}

static int attach_check(struct vtd *v, const struct iommu_device *dev,
			const struct iommu_domain *dom)
{
	const struct iommu_caps *caps = &dev->unit->caps;

	if (dev->unit->state != IOMMU_UNIT_ENABLED)
		return ERR_IO;
	if (dev->state == IOMMU_DEV_ATTACHED)
		return ERR_BUSY;
	if (!dom->id || dom->id >= caps->max_domains || !(caps->levels >> dom->pt.levels & 1))
		return ERR_RANGE;
	if (dev->ats && !caps->ats)
		return ERR_UNSUPPORTED;
	for (u32 i = 0; i < dev->nrids; i++)
		if (!entry_of(v, dev->rids[i])) {
			port_log(LOG_ERROR,
				 "VT-d unit %u: requester %04x:%04x is on a bus without devices",
				 v->unit->index, dev->segment, dev->rids[i]);
			return ERR_NOENT;
		}
	return OK;
}

int vtd_attach(struct iommu_device *dev, struct iommu_domain *dom)
{
	struct vtd *v = vtd_of(dev->unit);
	int err = attach_check(v, dev, dom);

	if (!err && v->scalable)
		err = pasid_alloc(v, dev, dom);
	if (err)
		return err;
	err = set_present(v, dev, dom);
	/* Absent entries are in no cache but in caching mode (§6.1). */
	if (!err)
		err = v->cap & CAP_CM ? invalidate(v, dev, 0, dom->id) : vtd_memory_settle(v);
	if (err) {
		/* The unit is FAILED: the pages stay where it may still look for them. */
		set_absent(v, dev, false);
		return err;
	}
	dev->domain = dom;
	dev->state = IOMMU_DEV_ATTACHED;
	return OK;
}

/* ---- blocking ------------------------------------------------------------------------------- */

static int block_detached(struct vtd *v, struct iommu_device *dev, bool silent)
{
	int err;

	set_absent(v, dev, silent);
	err = v->cap & CAP_CM ? invalidate(v, dev, 0, 0) : vtd_memory_settle(v);
	if (!err)
		dev->state = silent ? IOMMU_DEV_SILENCED : IOMMU_DEV_BLOCKED;
	return err;
}

/* All a device's TLBs hold, after its context entries are gone. True: one did not answer. */
static int flush_device_tlbs(struct vtd *v, const struct iommu_device *dev, bool *died)
{
	u16 dead[VTD_BATCH];
	u32 ndead;

	*died = false;
	for (u32 i = 0; i < dev->nrids; i++) {
		struct vtd_batch b = {0};
		int err;

		vtd_batch_device_tlb(v, &b, dev, dev->rids[i], 0, ~0ull);
		err = vtd_queue_run(v, &b, dead, &ndead);
		if (err)
			return err;
		*died |= ndead > 0;
	}
	return OK;
}

static int block_attached(struct vtd *v, struct iommu_device *dev, bool silent, bool ask_tlb)
{
	struct iommu_domain *dom = dev->domain;
	bool died = false;
	int err;

	set_absent(v, dev, silent);
	err = invalidate(v, dev, dom->id, dom->id);
	if (!err && dev->ats && ask_tlb)
		err = flush_device_tlbs(v, dev, &died);
	if (!err)
		err = vtd_irq_release_all(v, dev);
	if (err)
		return err;
	if (v->scalable)
		pasid_free(dev, dom);
	dev->domain = NULL;
	dev->state = silent ? IOMMU_DEV_SILENCED : IOMMU_DEV_BLOCKED;
	if (!died)
		return OK;
	vtd_report(v, IOMMU_FAULT_DEVICE_TLB, 0, "device-TLB invalidation time-out", &dev->rids[0]);
	return block_detached(v, dev, true);
}

int vtd_silence(struct iommu_device *dev)
{
	struct vtd *v = vtd_of(dev->unit);

	/* Translated requests are refused without a context entry: a stale TLB reaches nothing. */
	vtd_report(v, IOMMU_FAULT_DEVICE_TLB, 0, "device-TLB invalidation time-out", &dev->rids[0]);
	return block_attached(v, dev, true, false);
}

int vtd_block(struct iommu_device *dev, bool silent)
{
	struct vtd *v = vtd_of(dev->unit);

	if (!v || !v->root)
		return ERR_IO;
	return dev->state == IOMMU_DEV_ATTACHED ? block_attached(v, dev, silent, true)
						: block_detached(v, dev, silent);
}
