/*
 * The invalidation queue (§6.5.2): one batch at a time, each ended by a wait descriptor whose
 * status write tells that all before it is done. There is no limit to that wait: a unit that lost
 * an invalidation has lost isolation. Only what the unit itself reports ends it.
 */
#include "core/base/mem.h"
#include "iommu/vtd/unit.h"

#define STATUS_OF_FENCES 1

/* Look at the fault status register once in so many looks at the status word. */
#define LOOKS_PER_CHECK 16

/* Two time-outs that name nobody, and all device TLBs of the batch count as dead. */
#define ANONYMOUS_MAX 2

int vtd_queue_start(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;
	struct vtd_queue *q = &v->queue;
	int err;

	/* Scalable mode takes 256-bit descriptors only (§6.5.2). One page of either. */
	q->width = v->scalable ? 32 : 16;
	q->entries = PAGE_SIZE / q->width;
	q->tail = 0;
	port_mmio_write64(m, REG_IQT, 0);
	port_mmio_write64(m, REG_IQA, port_pa(q->ring).v | (v->scalable ? IQA_DW : 0));
	err = vtd_command(v, GCMD_QIE, true);
	q->running = !err;
	return err;
}

void vtd_batch_add(struct vtd_batch *b, u64 lo, u64 hi)
{
	b->desc[b->n++] = (struct vtd_desc){lo, hi};
}

/*
 * Later descriptors start when earlier ones are done. Every wait writes some status, because a unit
 * may refuse one that does not.
 */
void vtd_batch_fence(struct vtd *v, struct vtd_batch *b)
{
	u64 status = port_pa((const void *)&v->queue.status[STATUS_OF_FENCES]).v;

	vtd_batch_add(b, INV_WAIT | INV_WAIT_SW | INV_WAIT_FN, status);
}

/* Requests already let through are drained: none is on its way when the wait ends (§6.5.4). */
static u64 drain_flags(const struct vtd *v)
{
	return (v->cap & CAP_DWD ? INV_IOTLB_DW : 0) | (v->cap & CAP_DRD ? INV_IOTLB_DR : 0);
}

void vtd_batch_iotlb_domain(struct vtd *v, struct vtd_batch *b, u16 did)
{
	vtd_batch_add(b, INV_IOTLB | INV_DOMAIN | INV_DID(did) | drain_flags(v), 0);
}

static void put(struct vtd *v, u32 at, u64 lo, u64 hi)
{
	struct vtd_queue *q = &v->queue;
	u64 *slot = q->ring + (u64)(at % q->entries) * (q->width / sizeof(u64));

	slot[0] = lo;
	slot[1] = hi;
}

/* Write the batch and its wait from entry `at` on. The ring holds nothing else unfinished. */
static u32 put_all(struct vtd *v, const struct vtd_batch *b, u32 at)
{
	u64 status = port_pa((const void *)v->queue.status).v;

	for (u32 i = 0; i < b->n; i++)
		put(v, at + i, b->desc[i].lo, b->desc[i].hi);
	put(v, at + b->n, INV_WAIT | INV_WAIT_SW | INV_WAIT_DATA(v->queue.sequence), status);
	/* The unit reads the descriptors as soon as it sees the tail. */
	port_wmb();
	return (at + b->n + 1) % v->queue.entries;
}

/*
 * Invalidation queue error (§6.5.2.10): the head stays at the descriptor that was refused. Memory
 * may have lost a bit, so it is written once more; a second refusal is a defect.
 */
static int refused(struct vtd *v, const struct vtd_batch *b, u32 at, u32 *times)
{
	const struct mmio *m = &v->unit->regs;
	u32 info = (u32)IQERCD_IQEI(port_mmio_read64(m, REG_IQERCD));

	vtd_report(v, IOMMU_FAULT_COMMAND, (u16)info, "invalidation descriptor refused", NULL);
	if (++*times > 1) {
		port_log(
		    LOG_ERROR,
		    "VT-d unit %u refuses an invalidation (reason %u, head %#llx): it is not used "
		    "any more",
		    v->unit->index, info, (unsigned long long)port_mmio_read64(m, REG_IQH));
		v->unit->state = IOMMU_UNIT_FAILED;
		v->queue.running = false;
		return ERR_IO;
	}
	put_all(v, b, at);
	port_mmio_write32(m, REG_FSTS, FSTS_IQE);
	return OK;
}

/* OK; ERR_IO: refused; ERR_BUSY: a device TLB timed out, *sid says whose as far as is known. */
static int submit(struct vtd *v, const struct vtd_batch *b, u16 *sid)
{
	const struct mmio *m = &v->unit->regs;
	struct vtd_queue *q = &v->queue;
	u32 at = q->tail, looks = 0, times = 0, fsts;
	int err;

	q->sequence++;
	q->tail = put_all(v, b, at);
	port_mmio_write64(m, REG_IQT, (u64)q->tail * q->width);
	while (q->status[0] != q->sequence) {
		port_relax();
		if (++looks % LOOKS_PER_CHECK)
			continue;
		fsts = port_mmio_read32(m, REG_FSTS);
		if (fsts & FSTS_ITE) {
			*sid = (u16)IQERCD_ITESID(port_mmio_read64(m, REG_IQERCD));
			/* Waits that were under way are aborted; the queue goes on after this. */
			port_mmio_write32(m, REG_FSTS, FSTS_ITE);
			return ERR_BUSY;
		}
		if (fsts & FSTS_IQE) {
			err = refused(v, b, at, &times);
			if (err)
				return err;
		}
		if (v->give_up_ns && port_time_ns() > v->give_up_ns)
			return ERR_TIMEOUT;
	}
	/* What the unit did comes before what is done with the memory it no longer reaches. */
	port_mb();
	return OK;
}

/* Take `sid`'s device-TLB descriptors out of the batch and name it dead. False: it has none. */
static bool bury(struct vtd_batch *b, u16 sid, u16 *dead, u32 *ndead)
{
	u32 kept = 0, n = b->n;

	for (u32 i = 0; i < n; i++)
		if (INV_TYPE(b->desc[i].lo) != INV_DEVICE_TLB ||
		    (u16)GET(b->desc[i].lo, 47, 32) != sid)
			b->desc[kept++] = b->desc[i];
	b->n = kept;
	if (kept == n)
		return false;
	dead[(*ndead)++] = sid;
	return true;
}

/* The first requester at or after entry *i of the batch that has a device-TLB descriptor. */
static bool next_device(const struct vtd_batch *b, u32 *i, u16 *sid)
{
	for (; *i < b->n; ++*i)
		if (INV_TYPE(b->desc[*i].lo) == INV_DEVICE_TLB) {
			*sid = (u16)GET(b->desc[*i].lo, 47, 32);
			return true;
		}
	return false;
}

/*
 * A time-out that names nobody of ours (older hardware does not say whose): ask each device alone.
 * When that finds none either and it happens again, all of them are given up.
 */
static int bury_anonymous(struct vtd *v, struct vtd_batch *b, u32 times, u16 *dead, u32 *ndead)
{
	u32 i = 0;
	u16 sid, named;

	while (next_device(b, &i, &sid)) {
		struct vtd_batch alone = {.n = 1, .desc = {b->desc[i]}};
		int err = submit(v, &alone, &named);

		if (err && err != ERR_BUSY)
			return err;
		if ((err == ERR_BUSY || times > ANONYMOUS_MAX) && bury(b, sid, dead, ndead))
			continue; /* entry i is another one now */
		i++;
	}
	return OK;
}

int vtd_queue_run(struct vtd *v, struct vtd_batch *b, u16 *dead, u32 *ndead)
{
	u32 anonymous = 0;
	u16 sid;
	int err;

	if (ndead)
		*ndead = 0;
	if (!v->queue.running)
		return ERR_IO;
	err = vtd_memory_settle(v);
	while (!err) {
		err = submit(v, b, &sid);
		if (err != ERR_BUSY)
			return err;
		/* Nobody was asked: someone else's answer came too late. Once more. */
		err = OK;
		if (dead && !bury(b, sid, dead, ndead))
			err = bury_anonymous(v, b, ++anonymous, dead, ndead);
	}
	return err;
}

int vtd_flush_all(struct vtd *v)
{
	struct vtd_batch b = {0};

	vtd_batch_add(&b, INV_CONTEXT | INV_GLOBAL, 0);
	vtd_batch_fence(v, &b);
	if (v->scalable) {
		vtd_batch_add(&b, INV_PASID | INV_PASID_GLOBAL, 0);
		vtd_batch_fence(v, &b);
	}
	vtd_batch_add(&b, INV_IOTLB | INV_GLOBAL | drain_flags(v), 0);
	return vtd_queue_run(v, &b, NULL, NULL);
}

int vtd_flush_irq_all(struct vtd *v)
{
	struct vtd_batch b = {0};

	vtd_batch_add(&b, INV_IEC, 0);
	return vtd_queue_run(v, &b, NULL, NULL);
}
