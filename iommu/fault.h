/*
 * Faults: taken from the units on the host core, told in one line each, counted, and stopped where
 * a device makes nothing else.
 *
 * A line has the device, its workstation, the address and what was wrong:
 *	0000:01:00.0 (seismic-1): write to 0x7f0001000 blocked: nothing is mapped there [VT-d 5h,
 *	the write bit ...]
 */
#pragma once

#include "iommu/iommu.h"

#define FAULT_LINES_A_SECOND 10	  /* of one device; the rest is counted and summed up */
#define FAULT_STORM	     1000 /* faults of one device in a second: it is blocked silently */
#define FAULT_TEXT	     256

struct iommu_fault_handler {
	/* The workstation's name; NULL is never returned. */
	const char *(*owner_name)(void *ctx, u32 owner);
	/*
	 * `dev` of `owner` was blocked by us, because of a storm or because its TLB did not answer:
	 * it has left its domain and stays silent until it is reset and attached again. `line` says
	 * why. May be NULL.
	 */
	void (*blocked)(void *ctx, struct iommu_device *dev, u32 owner, const char *line);
	/* Called for each fault of a known device, after it was counted. May be NULL. */
	void (*fault)(void *ctx, struct iommu_device *dev, const struct iommu_fault *f);
	void *ctx;
};

/* The line, without its end. `owner` "" : nobody's. Always terminated. */
void iommu_fault_text(const struct iommu_fault *f, const char *driver, const char *owner, char *out,
		      size_t size);

/*
 * Take at most `budget` records from all units, on the host core. Returns how many there were (as
 * many as budget: call again), or the first error of a unit; the other units are served all the
 * same.
 */
__must_check int iommu_faults_take(struct iommu *io, const struct iommu_fault_handler *h,
				   u32 budget);
