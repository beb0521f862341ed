/*
 * The machine's remapping units: found by DMAR or IVRS, taken over at boot with everything blocked,
 * their faults taken on the host core.
 */
#pragma once

#include "core/metal/machine.h"
#include "core/metal/survey.h"
#include "core/partition/plan.h"
#include "iommu/domain.h"

/*
 * Survey the machine, switch on the virtual functions that the plan asks for, take controllers
 * over, switch the units on. The plan is not proven yet: of it, that is all that is used. Never
 * fails the boot: without working units the log says why, and the proof refuses assignments. `out`
 * gets functions, reserved ranges, iommu and interrupt_remapping. Call once, on the host core,
 * after configuration space is mapped and the other cores are up.
 */
void remap_start(const struct boot_info *b, const struct firmware *f, const struct plan *plan,
		 struct machine *out);

/* Units that are on, all of them, with interrupt remapping; NULL: nothing can be assigned. */
struct iommu *remap_iommu(void);

/* What was found, and the device behind the function with that index; NULL: no unit covers it. */
const struct survey *remap_survey(void);
struct iommu_device *remap_device(u32 function);

/*
 * Let `domain` reach what the firmware demands for that function, which the plan says it keeps and
 * prove() has found to be nobody's memory. Errors as iommu_map().
 */
__must_check int remap_keep(u32 function, struct iommu_domain *domain);

/* Take fault records; host core. True: there may be more. */
bool remap_poll(void);

/* Everything blocked, for the time after a crash or before a reset. */
void remap_quiesce(void);
