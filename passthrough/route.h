/*
 * A guest's MSI message, and who it means.
 *
 * The guest writes an address and data as for its own APICs (SDM vol. 3 §10.11): virtual ids, dense
 * from 0. Only fixed and lowest-priority delivery, edge, with vectors from 16, to this workstation's
 * cores become an interrupt entry; everything else is refused where it is written, so that no guest
 * can have SMI, NMI, INIT or ExtINT sent, or reach a core that is not its own.
 */
#pragma once

#include "core/base/err.h"
#include "core/vcpu/pdev.h"
#include "iommu/domain.h"

enum route_refusal {
	ROUTE_OK,
	ROUTE_ADDRESS,	/* not in FEExxxxxh, or remappable format, which is the hypervisor's */
	ROUTE_DELIVERY, /* delivery mode other than fixed and lowest priority */
	ROUTE_TRIGGER,	/* level */
	ROUTE_VECTOR,	/* below 16 */
	ROUTE_TARGET,	/* no core has that id */
	ROUTE_REFUSALS,
};

/* What it says, not yet whom it means. */
struct route_message {
	u32 destination; /* virtual APIC id or logical id; 15 bits where the guest was offered them */
	bool logical;
	bool lowest; /* any one core of those meant; else all */
	u8 vector;
};

/*
 * Decode. `extended`: the guest was told (Hyper-V or KVM CPUID leaf) that address bits 11:5 are
 * destination bits 14:8; else they must be 0 to be understood.
 */
enum route_refusal route_decode(const struct pdev_guest_msi *m, bool extended,
				struct route_message *out);

const char *route_refusal_text(enum route_refusal r);

/* The virtual core a message is for: one, because an entry has one physical destination. */
struct route_cores {
	/*
	 * Fill in the lowest-numbered virtual core that `m` reaches by the guest's APICs as they are
	 * (logical ids among them); false: none. lapic_next_target() serves.
	 */
	bool (*first)(void *ctx, const struct route_message *m, u32 *vcpu);
	void *ctx;
	const u32 *apic_ids; /* physical APIC id of each virtual core */
	u32 ncpus;
	bool extended;
};

/* Counts of what was refused, by reason. Only grow. */
struct route_counts {
	u64 refused[ROUTE_REFUSALS];
};

/* From message to entry contents. ERR_PERM, counted, when it is refused. */
__must_check int route_resolve(const struct route_cores *c, const struct pdev_guest_msi *m,
			       struct iommu_irq *out, struct route_counts *count);

/*
 * The interrupts of one attached device: as many entries as it can use, from `first` on, all blocked
 * until they are set.
 */
struct route_device {
	struct iommu_device *dev; /* NULL: closed */
	u16 first, count;
	struct route_counts counts;
};

/* Allot `count` entries (at least 1). Errors as iommu_irq_alloc(). */
__must_check int route_open(struct route_device *r, struct iommu_device *dev, u16 count);
/* Free them; on OK nothing of the device's arrives any more. */
__must_check int route_close(struct route_device *r);

/*
 * What pdev_ops->route and unroute do: point entry `index` where the message says, and give what to
 * program into the device. ERR_PERM refused (the entry is blocked then), ERR_RANGE no such entry,
 * ERR_BUSY closed.
 */
__must_check int route_set(struct route_device *r, const struct route_cores *c, u32 index,
			   const struct pdev_guest_msi *m, struct pdev_host_msi *out);
__must_check int route_clear(struct route_device *r, u32 index);
