#include "iommu/amdvi/amdvi.h"

/* Attempts to learn whether device TLBs answered while the event log overflows. */
#define LOG_RETRIES 3

/*
 * Quadword 1 of a page command for the smallest aligned power of two that covers [lo, hi]: with
 * S = 1 the lowest clear bit from 12 up tells the size (§2.4.3).
 */
static u64 page_operand(u64 lo, u64 hi)
{
	u64 differ = lo ^ hi;

	if (!(differ >> 12))
		return lo & ~(u64)(PAGE_SIZE - 1);

	/* Half the size; of 2^64 too, which doubles to 0 and makes the operand for everything. */
	u64 half = 1ull << (63 - __builtin_clzll(differ));

	return ((lo & ~(2 * half - 1)) | ((half - 1) & ~(u64)(PAGE_SIZE - 1))) | AMDVI_CMD_PAGES_S;
}

void amdvi_invalidate_domain(struct amdvi *a, u16 domain)
{
	amdvi_command(a, AMDVI_CMD_PAGES | (u64)domain << 32,
		      AMDVI_CMD_PAGES_WHOLE | AMDVI_CMD_PAGES_S | AMDVI_CMD_PAGES_PDE);
}

/* §2.4.4: at most MaxPend requests outstanding; the queue is named by the requester id. */
void amdvi_invalidate_iotlb(struct amdvi *a, const struct iommu_device *dev, u16 rid, u64 q1)
{
	u8 pending = dev->ats_queue ? dev->ats_queue : 32;

	amdvi_command(a, AMDVI_CMD_IOTLB | (u64)rid << 32 | (u64)pending << 24 | rid, q1);
}

/* §2.4.8, or one by one where the unit lacks that command. */
int amdvi_invalidate_everything(struct amdvi *a)
{
	if (a->features & AMDVI_EFR_IA) {
		amdvi_command(a, AMDVI_CMD_ALL, 0);
		return amdvi_wait(a);
	}
	for (u32 id = 0; id < AMDVI_TABLE_ENTRIES; id++) {
		amdvi_invalidate_entry(a, (u16)id);
		amdvi_invalidate_interrupts(a, (u16)id);
		amdvi_invalidate_domain(a, (u16)id);
	}
	return amdvi_wait(a);
}

static bool uses_ats(const struct iommu_device *dev, const struct iommu_unit *u)
{
	return dev->unit == u && dev->ats && dev->state == IOMMU_DEV_ATTACHED;
}

static bool any_ats(const struct iommu_unit *u, const struct iommu_domain *dom)
{
	for (const struct iommu_device *d = dom->devices; d; d = d->next)
		if (uses_ats(d, u))
			return true;
	return false;
}

/* Queue the change for every device TLB of the domain below this unit. */
static void queue_device_tlbs(struct amdvi *a, const struct iommu_domain *dom,
			      const struct iommu_change *change)
{
	for (const struct iommu_device *d = dom->devices; d; d = d->next) {
		if (!uses_ats(d, a->unit))
			continue;
		for (u32 i = 0; i < d->nrids; i++)
			amdvi_invalidate_iotlb(a, d, d->rids[i],
					       page_operand(change->lo, change->hi));
	}
}

static bool timed_out(const struct amdvi *a, u32 from, const struct iommu_device *dev)
{
	for (u32 i = 0; i < dev->nrids; i++)
		if (amdvi_event_timed_out(a, from, dev->rids[i]))
			return true;
	return false;
}

/*
 * The devices' own TLBs. One that does not answer leaves a record in the event log (§2.5.8) and
 * nothing else; a log that overflowed meanwhile may have lost it, so the question is asked again,
 * and a domain that keeps flooding the log loses its ATS devices.
 */
static int flush_device_tlbs(struct amdvi *a, struct iommu_domain *dom,
			     const struct iommu_change *change)
{
	bool unknown = true;
	u32 from = 0;
	int err;

	for (int try = 0; unknown && try < LOG_RETRIES; try++) {
		(void)amdvi_event_restart(a); /* room for what comes; poll() tells of the loss */
		from = amdvi_event_tail(a);
		queue_device_tlbs(a, dom, change);
		err = amdvi_wait(a);
		if (err)
			return err;
		unknown = amdvi_read(a, AMDVI_STATUS) & AMDVI_STS_EVENT_OVERFLOW;
	}
	for (struct iommu_device *d = dom->devices; d; d = d->next) {
		if (!uses_ats(d, a->unit) || (!unknown && !timed_out(a, from, d)))
			continue;
		port_log(
		    LOG_WARN,
		    "%04x:%02x:%02x.%u did not confirm that its TLB is empty: it is blocked until "
		    "it is reset",
		    d->segment, d->rids[0] >> 8, d->rids[0] >> 3 & 31, d->rids[0] & 7);
		err = amdvi_block_mute(d);
		if (err)
			return err;
	}
	return OK;
}

int amdvi_flush(struct iommu_unit *u, struct iommu_domain *dom, const struct iommu_change *change)
{
	struct amdvi *a = amdvi_of(u);
	int err;

	if (!change->removed && !change->tables && !(change->added && u->caps.caches_absent)) {
		port_wmb(); /* new entries are in memory before the device is told of them */
		return OK;
	}
	amdvi_command(a, AMDVI_CMD_PAGES | (u64)dom->id << 32,
		      page_operand(change->lo, change->hi) |
			  (change->tables ? AMDVI_CMD_PAGES_PDE : 0));
	err = amdvi_wait(a);
	if (err || !any_ats(u, dom))
		return err;
	return flush_device_tlbs(a, dom, change);
}
