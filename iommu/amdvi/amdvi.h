/*
 * The AMD-Vi driver: one struct amdvi a unit (an IVHD), behind iommu_unit.priv.
 *
 *   unit.c     capabilities, take-over from firmware, enable, quiesce, its own interrupt
 *   command.c  the command buffer; nothing is ever given up on
 *   device.c   the device table: attach and block
 *   flush.c    a domain's pages, and the devices' own TLBs
 *   irq.c      interrupt tables
 *   event.c    the event log
 *
 * Sections cited are those of the IOMMU specification, 48882 revision 3.
 */
#pragma once

#include "iommu/amdvi/regs.h"
#include "iommu/iommu.h"

extern const struct iommu_ops amdvi_ops;

/*
 * The command buffer and the word that COMPLETION_WAIT stores to. The unit's head register is never
 * consulted: the store is what says that a batch is done.
 */
struct amdvi_ring {
	u64 *entry;   /* two quadwords each */
	u32 tail;     /* next free entry */
	u32 batch;    /* first entry not yet known to be done */
	u64 sequence; /* of the last wait */
	volatile u64 *done;
	paddr_t done_pa;
	int error; /* sticky until amdvi_wait() returns it */
};

struct amdvi_log {
	volatile u64 *entry;
	u32 head; /* next entry to take */
	bool lost;
};

struct amdvi {
	struct iommu_unit *unit;
	u64 features; /* bits that both the IVRS and the register promise */
	u64 control;  /* what we want in the control register */
	u128 *table;  /* the segment's device table: 65536 entries of two halves */
	paddr_t table_pa;
	paddr_t ring_pa, log_pa;
	struct amdvi_ring ring;
	struct amdvi_log log;
};

static inline struct amdvi *amdvi_of(const struct iommu_unit *u)
{
	return u->priv;
}

static inline bool amdvi_ga(const struct amdvi *a)
{
	return a->control & AMDVI_CTL_GA_EN;
}

static inline u64 amdvi_read(const struct amdvi *a, u32 reg)
{
	return port_mmio_read64(&a->unit->regs, reg);
}

static inline void amdvi_write(const struct amdvi *a, u32 reg, u64 v)
{
	port_mmio_write64(&a->unit->regs, reg, v);
}

/* ---- command.c ------------------------------------------------------------------------------- */

#define AMDVI_RING_ENTRIES 256u
#define AMDVI_RING_LENGTH  8u /* log2 */
#define AMDVI_LOG_ENTRIES  512u
#define AMDVI_LOG_LENGTH   9u /* log2 */

/* Queue one command. When the ring fills up, waits for what is in it; an error stays for the wait. */
void amdvi_command(struct amdvi *a, u64 q0, u64 q1);

/*
 * Tell the unit of what was queued and wait, without limit, until it is all done and the DMA it let
 * through before has reached memory. A ring that the unit stopped with an error is restarted once
 * with the same commands; when it stops again: ERR_IO, and the unit is FAILED.
 */
__must_check int amdvi_wait(struct amdvi *a);

static inline void amdvi_invalidate_entry(struct amdvi *a, u16 rid)
{
	amdvi_command(a, AMDVI_CMD_DEVTAB | rid, 0);
}

static inline void amdvi_invalidate_interrupts(struct amdvi *a, u16 rid)
{
	amdvi_command(a, AMDVI_CMD_INTERRUPTS | rid, 0);
}

/* ---- device.c -------------------------------------------------------------------------------- */

#define AMDVI_TABLE_ENTRIES 65536u
#define AMDVI_TABLE_BYTES   ((u64)AMDVI_TABLE_ENTRIES * AMDVI_DTE_BYTES)
#define AMDVI_BLOCKED_ID    0u /* the domain id of blocked entries; domains have 1 and up */

/* Fill a table no unit uses yet: everything blocked. */
void amdvi_table_init(u128 *table);
/* Block every entry of a table in use; the caller invalidates. */
void amdvi_table_block(struct amdvi *a);

__must_check int amdvi_attach(struct iommu_device *dev, struct iommu_domain *dom);
__must_check int amdvi_block(struct iommu_device *dev, bool silent);
/* The same for a device whose own TLB does not answer: it is not asked again. */
__must_check int amdvi_block_mute(struct iommu_device *dev);

/* ---- flush.c --------------------------------------------------------------------------------- */

/* Queue: forget all of a domain's pages and non-leaf entries. */
void amdvi_invalidate_domain(struct amdvi *a, u16 domain);
/* Queue: make the device's own TLB forget all of `rid`. */
void amdvi_invalidate_iotlb(struct amdvi *a, const struct iommu_device *dev, u16 rid, u64 q1);
/* Queue and wait: forget everything. */
__must_check int amdvi_invalidate_everything(struct amdvi *a);

__must_check int amdvi_flush(struct iommu_unit *u, struct iommu_domain *dom,
			     const struct iommu_change *change);

/* ---- irq.c ----------------------------------------------------------------------------------- */

/*
 * A device's interrupt table; all its requester ids share it. Lies in its own page, with room for a
 * small table.
 */
struct amdvi_irqs {
	u8 length;     /* log2 of its entries */
	bool separate; /* the table has pages of its own */
	paddr_t table, self;
	u64 taken[AMDVI_IRQ_MAX / 64];
	u64 level[AMDVI_IRQ_MAX / 64]; /* set for a level-triggered I/O APIC pin */
};

/* A table for `dev`, about to be attached to `dom`: all entries blocked, none taken. */
__must_check int amdvi_irqs_get(struct iommu_device *dev, struct iommu_domain *dom);
/* Give it back; the unit cannot read it any more. */
void amdvi_irqs_put(struct iommu_device *dev, struct pool *pool);
/* The upper half of a device table entry that points to it. */
u128 amdvi_irqs_dte(const struct amdvi_irqs *irqs);

__must_check int amdvi_irq_alloc(struct iommu_device *dev, u16 count, u16 *first);
__must_check int amdvi_irq_free(struct iommu_device *dev, u16 first, u16 count);
__must_check int amdvi_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq);
__must_check int amdvi_irq_clear(struct iommu_device *dev, u16 index);
__must_check int amdvi_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out);

/* ---- event.c --------------------------------------------------------------------------------- */

__must_check int amdvi_poll(struct iommu_unit *u, struct iommu_fault *out);
/* One record, as the hardware wrote it. Takes any 16 bytes. */
void amdvi_event_decode(u16 segment, u64 q0, u64 q1, struct iommu_fault *out);

/* The entry the next record goes to. */
u32 amdvi_event_tail(const struct amdvi *a);
/* Did `rid`'s device fail to answer an invalidation, by the records from entry `from` on? */
bool amdvi_event_timed_out(const struct amdvi *a, u32 from, u16 rid);
/* The log overflowed and stopped: empty and restart it. False: it had not. */
bool amdvi_event_restart(struct amdvi *a);
