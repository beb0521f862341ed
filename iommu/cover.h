/*
 * Which remapping unit a function's requests pass: the DRHD whose scope names it or a bridge above
 * it (VT-d 4.1 §8.3.1), or the IVHD that claims its device id (48882 §5.2.2).
 */
#pragma once

#include "iommu/function.h"
#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"

#define NO_UNIT (~0u)

/*
 * Does the scope mean f[i]? A path begins on any bus the firmware numbered, so it is followed by bus
 * numbers as they are now; a bridge's scope means all below it too.
 */
bool scope_covers(const struct iommu_function *f, u32 n, u32 i, u16 segment,
		  const struct dmar_scope *s);

/*
 * Index into d->units or v->units of the one unit for f[i]. NO_UNIT when none covers it or, by a
 * firmware mistake, several claim it with equal right: such a function cannot be assigned. A VF
 * passes its physical function's unit.
 */
u32 dmar_unit_of(const struct dmar *d, const struct iommu_function *f, u32 n, u32 i);
u32 ivrs_unit_of(const struct ivrs *v, const struct iommu_function *f, u32 n, u32 i);
