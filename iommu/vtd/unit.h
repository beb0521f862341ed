/* What the files of the VT-d driver share. */
#pragma once

#include "iommu/vtd/regs.h"
#include "iommu/vtd/vtd.h"

/* One invalidation descriptor; 256-bit queues zero the rest (§6.5.2). */
struct vtd_desc {
	u64 lo, hi;
};

/*
 * Descriptors to run together. A fence goes where later ones depend on earlier ones: hardware may
 * otherwise overlap them (§6.5.2.11).
 */
#define VTD_BATCH 32
struct vtd_batch {
	u32 n;
	struct vtd_desc desc[VTD_BATCH];
};

struct vtd_queue {
	u64 *ring;
	volatile u32 *status; /* [0] the wait's, [1] the fences' */
	u32 entries, width;   /* width in bytes: 16 or 32 */
	u32 tail;	      /* entry number */
	u32 sequence;
	bool running;
};

#define VTD_FOUND 8

struct vtd {
	struct iommu_unit *unit;
	u64 cap, ecap;
	bool scalable; /* legacy translation is missing: scalable mode (§3.4.3) */
	bool eim;      /* 32-bit interrupt destinations */
	u64 *root;
	struct vtd_queue queue;
	u64 *irt;	 /* entries of two words */
	u16 *irq_owner;	 /* per entry: number of its device + 1, 0: free */
	u32 irq_entries; /* power of two */
	u32 fault_next;	 /* record to look at first */
	u64 give_up_ns;	 /* 0: wait without limit; else port_time_ns() to stop at (quiesce) */
	u32 nfound;	 /* what the driver itself has to report by poll() */
	struct iommu_fault found[VTD_FOUND];
	bool found_dropped; /* more than VTD_FOUND of it */
	bool lost;	    /* records overflowed, nobody was told yet */
};

static inline struct vtd *vtd_of(struct iommu_unit *u)
{
	return u->priv;
}

/* ---- memory the unit reads ------------------------------------------------------------------ */

/* [p, p + n) of root, context, PASID or interrupt table was written: make it reach the unit. */
static inline void vtd_write_back(struct vtd *v, const void *p, size_t n)
{
	if (!(v->ecap & ECAP_C))
		port_cache_flush(p, n);
}

/* Change a 16-byte entry of which the unit may read any part at any time. */
void vtd_entry_set(struct vtd *v, u64 *entry, u64 lo, u64 hi);

/* Everything written so far is in memory before the unit looks again (§6.8). */
__must_check int vtd_memory_settle(struct vtd *v);

/* ---- commands (§11.4.4) --------------------------------------------------------------------- */

/* Set or clear one lasting bit (TE, EAFL, QIE, IRE, CFI), unless it is so already. */
__must_check int vtd_command(struct vtd *v, u32 bit, bool set);
/* SRTP, SIRTP or WBF, to its completion. */
__must_check int vtd_command_once(struct vtd *v, u32 bit);
/* A register's masked bits get to `want`. ERR_TIMEOUT: they did not in a second; unit FAILED. */
__must_check int vtd_register_await(struct vtd *v, u32 reg, u32 mask, u32 want);

/* ---- queue ---------------------------------------------------------------------------------- */

/* Set up and start our queue; the ring's page exists, the firmware's queue is off. */
__must_check int vtd_queue_start(struct vtd *v);

void vtd_batch_add(struct vtd_batch *b, u64 lo, u64 hi);
void vtd_batch_fence(struct vtd *v, struct vtd_batch *b);
void vtd_batch_iotlb_domain(struct vtd *v, struct vtd_batch *b, u16 did);

/*
 * Run all of the batch and wait until it is done. Requesters whose TLB did not answer are removed
 * from the batch, the rest is run again, and they are returned: *ndead of them in dead[]
 * (VTD_BATCH long; NULL when the batch has no device-TLB descriptor). ERR_IO: the unit refused a
 * descriptor twice; it is FAILED then.
 */
__must_check int vtd_queue_run(struct vtd *v, struct vtd_batch *b, u16 *dead, u32 *ndead);

/* Global invalidation of context, PASID cache and IOTLB, in that order (§6.6). */
__must_check int vtd_flush_all(struct vtd *v);
__must_check int vtd_flush_irq_all(struct vtd *v);

/* ---- the rest ------------------------------------------------------------------------------- */

/* Fill the root table, whose page exists: absent context entries for every bus with requesters. */
__must_check int vtd_context_alloc(struct vtd *v);
void vtd_context_block_all(struct vtd *v);
__must_check int vtd_attach(struct iommu_device *dev, struct iommu_domain *dom);
__must_check int vtd_block(struct iommu_device *dev, bool silent);
__must_check int vtd_flush(struct iommu_unit *u, struct iommu_domain *dom,
			   const struct iommu_change *change);
/* An attached device whose TLB does not answer: blocked without asking it, and reported. */
__must_check int vtd_silence(struct iommu_device *dev);
/*
 * Put the device-TLB invalidation of [lo, hi] for one requester into the batch (§6.5.2.5). After
 * IOTLB invalidations and a fence, else the TLB could fill itself from what they have yet to drop.
 */
void vtd_batch_device_tlb(struct vtd *v, struct vtd_batch *b, const struct iommu_device *dev,
			  u16 rid, u64 lo, u64 hi);

__must_check int vtd_irq_table_alloc(struct vtd *v);
__must_check int vtd_irq_release_all(struct vtd *v, struct iommu_device *dev);
void vtd_irq_block_all(struct vtd *v);
__must_check int vtd_irq_alloc(struct iommu_device *dev, u16 count, u16 *first);
__must_check int vtd_irq_free(struct iommu_device *dev, u16 first, u16 count);
__must_check int vtd_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq);
__must_check int vtd_irq_clear(struct iommu_device *dev, u16 index);
__must_check int vtd_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out);

/* Keep something the driver found itself for poll(). */
void vtd_report(struct vtd *v, enum iommu_fault_kind kind, u16 code, const char *reason,
		const u16 *rid);
/* One record, as the hardware wrote it (§11.4.14). Takes any 16 bytes. */
void vtd_fault_decode(u16 segment, u64 lo, u64 hi, struct iommu_fault *out);
void vtd_faults_discard(struct vtd *v);
__must_check int vtd_arm_faults(struct iommu_unit *u, u32 apic_id, u8 vector);
__must_check int vtd_poll(struct iommu_unit *u, struct iommu_fault *out);
