#include "iommu/amdvi/amdvi.h"

/* A small table shares the page of its struct amdvi_irqs: from this offset to the page's end. */
#define INNER_OFFSET 2048u
#define INNER_BYTES  (PAGE_SIZE - INNER_OFFSET)

_Static_assert(sizeof(struct amdvi_irqs) <= INNER_OFFSET, "the small table needs its room");

static u32 entry_bytes(const struct amdvi *a)
{
	return amdvi_ga(a) ? 16 : 4;
}

static bool test(const u64 *bits, u32 n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static void assign(u64 *bits, u32 n, bool on)
{
	u64 bit = 1ull << n % 64;

	bits[n / 64] = on ? bits[n / 64] | bit : bits[n / 64] & ~bit;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static u8 table_length(const struct iommu_device *dev)
{
	u8 length = 0;

	while (1u << length < dev->interrupts && 1u << length < AMDVI_IRQ_MAX)
		length++;
	return length;
}

int amdvi_irqs_get(struct iommu_device *dev, struct iommu_domain *dom)
{
	u8 length = table_length(dev);
	u32 bytes = entry_bytes(amdvi_of(dev->unit)) << length;
	struct amdvi_irqs *irqs;
	paddr_t self, table;
	int err = pool_page(dom->pt.pool, &self);

	if (err)
		return err;
	table = PADDR(self.v + INNER_OFFSET);
	if (bytes > INNER_BYTES) {
		err = pool_run(dom->pt.pool, (bytes + PAGE_SIZE - 1) / PAGE_SIZE, &table);
		if (err) {
			pool_put(dom->pt.pool, self);
			return err;
		}
	}
	irqs = port_va(self);
	*irqs = (struct amdvi_irqs){
	    .length = length, .separate = bytes > INNER_BYTES, .self = self, .table = table};
	dev->priv = irqs;
	return OK;
}

void amdvi_irqs_put(struct iommu_device *dev, struct pool *pool)
{
	struct amdvi_irqs *irqs = dev->priv;
	u32 bytes = entry_bytes(amdvi_of(dev->unit)) << irqs->length;

	dev->priv = NULL;
	for (u32 at = 0; irqs->separate && at < bytes; at += PAGE_SIZE)
		pool_put(pool, PADDR(irqs->table.v + at));
	pool_put(pool, irqs->self);
}

u128 amdvi_irqs_dte(const struct amdvi_irqs *irqs)
{
	return amdvi_half(AMDVI_DTE_IV | (u64)irqs->length << AMDVI_DTE_LEN_SHIFT | irqs->table.v |
			      AMDVI_DTE_INTCTL_REMAP,
			  0);
}

/* ---- entries --------------------------------------------------------------------------------- */

/* Physical destination, fixed delivery, not guest mode; 0: blocked, and recorded when used. */
static u128 entry_make(bool ga, const struct iommu_irq *irq)
{
	if (ga)
		return amdvi_half(
		    AMDVI_IRTE_REMAP | (irq->apic_id & 0xffffffull) << AMDVI_IRTE_DEST_SHIFT,
		    irq->vector | (u64)(irq->apic_id >> 24) << AMDVI_IRTE128_DEST_HIGH);
	return AMDVI_IRTE_REMAP | irq->apic_id << AMDVI_IRTE_DEST_SHIFT |
	       (u32)irq->vector << AMDVI_IRTE32_VECTOR;
}

/* From the old value to the new one in one access, the only one the unit could see. */
static void entry_store(const struct amdvi *a, const struct amdvi_irqs *irqs, u16 index, u128 new)
{
	if (amdvi_ga(a)) {
		u128 *p = (u128 *)port_va(irqs->table) + index;
		u128 old = *p;

		while (!port_cmpxchg128(p, &old, new))
			;
	} else {
		((volatile u32 *)port_va(irqs->table))[index] = (u32) new;
	}
}

static int entries_changed(const struct iommu_device *dev)
{
	struct amdvi *a = amdvi_of(dev->unit);

	for (u32 i = 0; i < dev->nrids; i++)
		amdvi_invalidate_interrupts(a, dev->rids[i]);
	return amdvi_wait(a);
}

static bool run_is_free(const struct amdvi_irqs *irqs, u32 first, u32 count)
{
	for (u32 n = first; n < first + count; n++)
		if (test(irqs->taken, n))
			return false;
	return true;
}

int amdvi_irq_alloc(struct iommu_device *dev, u16 count, u16 *first)
{
	struct amdvi_irqs *irqs = dev->priv;
	u32 align = 1;

	if (dev->state != IOMMU_DEV_ATTACHED)
		return ERR_BUSY;
	if (!count)
		return ERR_INVAL;
	while (align < count)
		align <<= 1;
	for (u32 start = 0; start + count <= 1u << irqs->length; start += align) {
		if (!run_is_free(irqs, start, count))
			continue;
		for (u32 n = 0; n < count; n++)
			assign(irqs->taken, start + n, true);
		*first = (u16)start;
		return OK;
	}
	return ERR_NOMEM;
}

static bool allotted(const struct iommu_device *dev, u32 first, u32 count)
{
	const struct amdvi_irqs *irqs = dev->priv;

	if (dev->state != IOMMU_DEV_ATTACHED || !count || first + count > 1u << irqs->length)
		return false;
	for (u32 n = 0; n < count; n++)
		if (!test(irqs->taken, first + n))
			return false;
	return true;
}

static int clear(struct iommu_device *dev, u32 first, u32 count)
{
	struct amdvi_irqs *irqs = dev->priv;

	for (u32 n = first; n < first + count; n++) {
		entry_store(amdvi_of(dev->unit), irqs, (u16)n, 0);
		assign(irqs->level, n, false);
	}
	return entries_changed(dev);
}

int amdvi_irq_free(struct iommu_device *dev, u16 first, u16 count)
{
	struct amdvi_irqs *irqs = dev->priv;
	int err;

	if (!allotted(dev, first, count))
		return ERR_PERM;
	err = clear(dev, first, count);
	for (u32 n = 0; n < count && !err; n++)
		assign(irqs->taken, first + n, false);
	return err;
}

int amdvi_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq)
{
	struct amdvi *a = amdvi_of(dev->unit);
	struct amdvi_irqs *irqs = dev->priv;

	if (!allotted(dev, index, 1))
		return ERR_PERM;
	if (irq->posted.v)
		return ERR_UNSUPPORTED;
	/* 8-bit destinations: FFh is everybody. */
	if (irq->apic_id >= 0xff && !(a->control & AMDVI_CTL_XT_EN))
		return ERR_RANGE;
	entry_store(a, irqs, index, entry_make(amdvi_ga(a), irq));
	assign(irqs->level, index, irq->level);
	return entries_changed(dev);
}

int amdvi_irq_clear(struct iommu_device *dev, u16 index)
{
	if (!allotted(dev, index, 1))
		return ERR_PERM;
	return clear(dev, index, 1);
}

/*
 * The index travels in MSI data 10:0, or in vector and delivery mode of a redirection entry
 * (§2.2.5.1); which device's table it is an index of, the requester id says. Addresses carry nothing.
 */
int amdvi_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out)
{
	const struct amdvi_irqs *irqs = dev->priv;

	if (!allotted(dev, index, 1))
		return ERR_PERM;
	*out = (struct iommu_message){
	    .msi_address = 0xfee00000,
	    .msi_data = index,
	    .ioapic_entry = index | 1ull << 16 | (u64)test(irqs->level, index) << 15,
	};
	return OK;
}
