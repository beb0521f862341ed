/*
 * The PCI functions of the machine as the boot finds them: facts for the proof (struct
 * machine_function) and for the IOMMU part (struct iommu_function), index for index.
 */
#pragma once

#include "core/partition/machine.h"
#include "iommu/function.h"
#include "iommu/tables/ivrs.h"
#include "passthrough/pci/sriov.h"

struct survey {
	u32 n;
	struct machine_function *functions;
	struct iommu_function *requesters;
};

/*
 * Walk every bus of every segment configuration space reaches, in heap pages. On the way each
 * function's interrupts by wire, address translation and phantom ids are switched off, and access
 * control of ports and multi-function devices is switched on, so that the groups are those of the
 * machine as it will run. Sizes BARs: nothing else may use a device meanwhile.
 * ERR_NOMEM: the heap does not hold so many functions.
 */
__must_check int survey_find(struct survey *s);

/*
 * Append the virtual functions of function `pf`, which are on and answer by now; both arrays move.
 * On an error nothing is appended, and v->text is a clause about the card.
 */
__must_check int survey_add_vfs(struct survey *s, u32 pf, const struct pci_sriov *sriov,
				struct pci_verdict *v);

/* Give every function its isolation group; `ivrs` may be NULL. */
__must_check int survey_group(struct survey *s, const struct ivrs *ivrs);

/* Mark the function whose BAR holds the firmware's framebuffer at `base` (0: there is none). */
void survey_mark_display(struct survey *s, u64 base);
