/*
 * The interrupt-remapping table (§5.1, §9.10): one a unit. An entry belongs to one device and is
 * valid for requests of that device alone; an absent entry blocks.
 */
#include "core/base/mem.h"
#include "iommu/vtd/unit.h"

#define IRQ_ENTRIES_MIN 256u
#define IRQ_ENTRIES_MAX 65536u
#define VECTOR_MIN	16 /* 0..15 are refused by local APICs (SDM 3 §11.5.2) */

static u64 *entry_of(struct vtd *v, u32 index)
{
	return v->irt + 2 * (u64)index;
}

int vtd_irq_table_alloc(struct vtd *v)
{
	struct pool *pool = v->unit->iommu->pool;
	u32 entries = IRQ_ENTRIES_MIN;
	paddr_t table, owner;
	int err;

	while (entries < v->unit->desc.irqs_wanted && entries < IRQ_ENTRIES_MAX)
		entries *= 2;
	err = pool_run(pool, entries * 16 / PAGE_SIZE, &table);
	if (!err)
		err =
		    pool_run(pool, align_up(entries * sizeof(u16), PAGE_SIZE) / PAGE_SIZE, &owner);
	if (err)
		return err;
	v->irt = port_va(table);
	v->irq_owner = port_va(owner);
	v->irq_entries = entries;
	vtd_write_back(v, v->irt, (u64)entries * 16);
	return OK;
}

/* ---- invalidation --------------------------------------------------------------------------- */

static int invalidate(struct vtd *v, u32 first, u32 count)
{
	struct vtd_batch b = {0};

	/* Aligned blocks, as the mask of a descriptor can name them (§6.5.2.7). */
	while (count) {
		u32 order = 0;

		while (order < ECAP_MHMV(v->ecap) && !(first & ((2u << order) - 1)) &&
		       2u << order <= count)
			order++;
		if (b.n == VTD_BATCH)
			return vtd_flush_irq_all(v);
		vtd_batch_add(&b, INV_IEC | INV_IEC_INDEX | INV_IEC_IM(order) | INV_IEC_IIDX(first),
			      0);
		first += 1u << order;
		count -= 1u << order;
	}
	return vtd_queue_run(v, &b, NULL, NULL);
}

/* ---- who owns which entry ------------------------------------------------------------------- */

/* Devices are told apart by their place in the machine's list. */
static u16 owner_tag(const struct iommu_device *dev)
{
	return (u16)(dev - dev->unit->iommu->devices + 1);
}

static int check_owned(struct vtd *v, const struct iommu_device *dev, u32 first, u32 count)
{
	if (!count || first + count > v->irq_entries)
		return ERR_RANGE;
	for (u32 i = first; i < first + count; i++)
		if (v->irq_owner[i] != owner_tag(dev))
			return ERR_PERM;
	return OK;
}

static bool run_is_free(const struct vtd *v, u32 first, u32 count)
{
	for (u32 i = first; i < first + count; i++)
		if (v->irq_owner[i])
			return false;
	return true;
}

int vtd_irq_alloc(struct iommu_device *dev, u16 count, u16 *first)
{
	struct vtd *v = vtd_of(dev->unit);
	u32 step = 1;

	if (dev->state != IOMMU_DEV_ATTACHED)
		return ERR_BUSY;
	if (!v->irt)
		return ERR_UNSUPPORTED;
	if (!count)
		return ERR_INVAL;
	while (step < count)
		step *= 2;
	for (u32 at = 0; at + count <= v->irq_entries; at += step) {
		if (!run_is_free(v, at, count))
			continue;
		for (u32 i = at; i < at + count; i++)
			v->irq_owner[i] = owner_tag(dev);
		*first = (u16)at;
		return OK;
	}
	return ERR_NOMEM;
}

/* Block [first, first + count) and wait until no request uses what was there. */
static int clear(struct vtd *v, u32 first, u32 count)
{
	bool any = false;

	for (u32 i = first; i < first + count; i++) {
		u64 *entry = entry_of(v, i);

		if (!(entry[0] & IRTE_P))
			continue;
		vtd_entry_set(v, entry, 0, 0);
		any = true;
	}
	return any ? invalidate(v, first, count) : OK;
}

int vtd_irq_free(struct iommu_device *dev, u16 first, u16 count)
{
	struct vtd *v = vtd_of(dev->unit);
	int err = check_owned(v, dev, first, count);

	if (!err)
		err = clear(v, first, count);
	for (u32 i = first; !err && i < (u32)first + count; i++)
		v->irq_owner[i] = 0;
	return err;
}

int vtd_irq_release_all(struct vtd *v, struct iommu_device *dev)
{
	u16 tag = owner_tag(dev);
	bool any = false;
	int err;

	for (u32 i = 0; i < v->irq_entries; i++) {
		if (v->irq_owner[i] != tag)
			continue;
		any = true;
		vtd_entry_set(v, entry_of(v, i), 0, 0);
	}
	err = any ? vtd_flush_irq_all(v) : OK;
	for (u32 i = 0; !err && any && i < v->irq_entries; i++)
		if (v->irq_owner[i] == tag)
			v->irq_owner[i] = 0;
	return err;
}

void vtd_irq_block_all(struct vtd *v)
{
	for (u32 i = 0; i < v->irq_entries; i++)
		vtd_entry_set(v, entry_of(v, i), 0, 0);
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Whose requests may use the entry (§9.10: SID, SQ, SVT). */
static u64 source_of(const struct iommu_device *dev)
{
	if (dev->irq_last_bus)
		return IRTE_SVT_BUSES | (u64)dev->irq_first_bus << 8 | dev->irq_last_bus;
	return IRTE_SVT_RID | IRTE_SQ(dev->phantom_bits) | dev->irq_rid;
}

int vtd_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq)
{
	struct vtd *v = vtd_of(dev->unit);
	int err = check_owned(v, dev, index, 1);
	u64 *entry, lo, old;

	if (err)
		return err;
	if (irq->posted.v)
		return ERR_UNSUPPORTED;
	if (irq->vector < VECTOR_MIN || (irq->level && dev->kind != IOMMU_DEV_IOAPIC))
		return ERR_INVAL;
	/* 8-bit destinations: FFh is everybody. */
	if (!v->eim && irq->apic_id >= 0xff)
		return ERR_RANGE;
	/* Fixed delivery, physical destination; xAPIC ids are in bits 15:8 of the field. */
	lo = IRTE_P | IRTE_VECTOR(irq->vector) | (irq->level ? IRTE_TM_LEVEL : 0) |
	     IRTE_DST(v->eim ? irq->apic_id : irq->apic_id << 8);
	entry = entry_of(v, index);
	old = entry[0];
	vtd_entry_set(v, entry, lo, source_of(dev));
	if (!(old & IRTE_P) && !(v->cap & CAP_CM))
		return vtd_memory_settle(v);
	return invalidate(v, index, 1);
}

int vtd_irq_clear(struct iommu_device *dev, u16 index)
{
	struct vtd *v = vtd_of(dev->unit);
	int err = check_owned(v, dev, index, 1);

	return err ? err : clear(v, index, 1);
}

/*
 * Remappable format (§5.1.2.2, §5.1.5.1). SHV is set, so that the messages of a multi-message MSI,
 * which differ in their data, use consecutive entries. An I/O APIC's EOI compares vectors, so its
 * entry carries the vector and trigger mode the remapping entry has now.
 */
int vtd_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out)
{
	struct vtd *v = vtd_of(dev->unit);
	int err = check_owned(v, dev, index, 1);
	u64 lo;

	if (err)
		return err;
	lo = entry_of(v, index)[0];
	out->msi_address =
	    0xfee00000 | (u64)(index & 0x7fff) << 5 | 1 << 4 | 1 << 3 | (u64)(index >> 15) << 2;
	out->msi_data = 0;
	out->ioapic_entry = (u64)(index & 0x7fff) << 49 | 1ull << 48 | (u64)(index >> 15) << 11 |
			    1 << 16 | (lo & IRTE_TM_LEVEL ? 1 << 15 : 0) | IRTE_GET_V(lo);
	return OK;
}
