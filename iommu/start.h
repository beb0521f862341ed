/*
 * From tables and functions to running units with everything quarantined.
 *
 *	iommu_describe()  arrays of units and devices; nothing is touched
 *	iommu_start()     every unit probed, taken over, enabled: all DMA and interrupts blocked
 *
 * Before iommu_start() the caller has taken firmware-owned controllers over (USB hand-off, SMIs
 * off) and switched bus mastering off everywhere, so that nothing is in flight towards memory that
 * the firmware's tables may still let through.
 */
#pragma once

#include "iommu/function.h"
#include "iommu/iommu.h"
#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"

#define NO_DEVICE (~0u)

struct iommu_tables {
	const struct dmar *dmar; /* exactly one of the two */
	const struct ivrs *ivrs;
};

/*
 * Fill io->units and io->devices (in pages of `pool`, which io keeps) for the n functions `f`.
 * device_of[i] becomes the index of f[i]'s device, NO_DEVICE when it is a bridge or no single unit
 * covers it: it stays blocked, or is not behind an IOMMU at all, and cannot be assigned.
 *
 * `group` holds the group of each function (group.h); `x2apic`: the cores run in x2APIC mode.
 * ERR_UNSUPPORTED: the tables describe no unit, or are not complete (port_log says which).
 */
__must_check int iommu_describe(struct iommu *io, const struct iommu_ops *ops,
				const struct iommu_tables *tables, const struct iommu_function *f,
				u32 n, const u32 *group, bool x2apic, struct pool *pool,
				u32 *device_of);

/*
 * All units on, everything blocked. On error some units may be on and block everything; no domain
 * can be made then, and so nothing assigned.
 */
__must_check int iommu_start(struct iommu *io);

/* Every unit told to be quiet before a warm reset; the first error is returned, all are told. */
__must_check int iommu_quiesce(struct iommu *io);

/* The device that sends requests with that id, NULL when it is none we know. */
struct iommu_device *iommu_find(const struct iommu *io, u16 segment, u16 rid);

/* The I/O APIC's or HPET's device by its number, NULL when the tables name none. */
struct iommu_device *iommu_find_special(const struct iommu *io, enum iommu_device_kind kind, u8 id);
