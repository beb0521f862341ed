/*
 * Quarantine is where every device is when it is nobody's: all its DMA and interrupts are blocked,
 * which is what iommu_start() leaves and iommu_detach() returns to. The one exception is a device
 * listed as keeping the ranges its firmware asked for: it reaches these, one to one, and nothing
 * else, until it is attached to its workstation (whose domain then holds them too).
 */
#pragma once

#include "iommu/domain.h"
#include "iommu/unity.h"

struct quarantine {
	struct iommu_domain domain;
	struct iommu_device *dev;
};

/*
 * Put `dev` into a quarantine that keeps ranges[0 .. n). All of them must have been decided
 * UNITY_KEEP. Tables come from `pool`. On error the device is blocked altogether.
 */
__must_check int quarantine_enter(struct quarantine *q, struct iommu_device *dev,
				  const struct unity_range *ranges, u32 n, struct pool *pool);

/* Block it altogether and give the tables back: before it is attached elsewhere. */
__must_check int quarantine_leave(struct quarantine *q);

/* Map ranges one to one in the domain of the workstation that the device goes to. */
__must_check int quarantine_carry_over(struct iommu_domain *d, const struct unity_range *ranges,
				       u32 n);
