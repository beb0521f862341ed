/*
 * Virtual functions at boot: switched on for each card that the plan asks, then functions of the
 * survey like others. They stay on until power-off; the cards stay with the hypervisor,
 * quarantined.
 */
#pragma once

#include "core/metal/machine.h"
#include "core/metal/survey.h"
#include "core/partition/plan.h"
#include "iommu/start.h"

/*
 * Once, before groups are made and units are on. Never fails the boot: a card that gives none says
 * why in machine_function.no_vfs, and the proof refuses those who wanted some. `m` has the memory
 * map.
 */
void virtual_start(struct survey *s, const struct plan *plan, const struct machine *m,
		   const struct firmware *f, const struct iommu_tables *tables);

/* The same reason for all cards that the plan asks, where nothing can be assigned. */
void virtual_refuse(struct survey *s, const struct plan *plan, const char *why);

/* Read the virtual function with that index of the survey. Errors as pci_sriov_read(). */
__must_check int virtual_read(u32 function, struct pci_function *f, struct pci_verdict *v);
