/*
 * Cards whose virtual functions (VFs) the hypervisor switches on: what has to be true of the
 * machine around a card for that, beyond the card's own capability (passthrough/pci/sriov.h).
 */
#pragma once

#include "iommu/function.h"
#include "passthrough/pci/sriov.h"

struct virtual_range {
	u64 base, size; /* bytes */
};

/* The machine as it is before the VFs are there. */
struct virtual_world {
	/*
	 * All functions, index for index, linked (functions_link()); BARs as the firmware left
	 * them.
	 */
	const struct machine_function *functions;
	const struct iommu_function *requesters;
	u32 n;
	const struct machine_memory *memory; /* the firmware's map */
	u32 nmemory;
	const struct virtual_range *fixed; /* what else has addresses: ECAM, IOMMU units */
	u32 nfixed;
};

struct virtual_card {
	struct pci_function pf;
	struct pci_sriov sriov; /* points to pf: the card stays where it is */
	u32 function;		/* index of the PF */
	u32 first;		/* index of VF 0 once they are listed; the others follow */
};

/*
 * Read the PF with that index, have the port above forward its VFs' requests, place their BARs and
 * switch `count` of them on. Nobody may use the PF, whose BARs are sized. VFs answer from
 * c->sriov.until on.
 *
 * Errors as pci_sriov_plan() and pci_sriov_enable(); ERR_EXIST: a VF's id is another function's;
 * ERR_NOMEM: there is no room for the BARs. v->text: a clause about the card.
 */
__must_check int virtual_enable(struct virtual_card *c, const struct virtual_world *w, u32 function,
				u16 count, struct pci_verdict *v);

/*
 * Give every BAR of s a base: the firmware's, where all are routed to the card's bus and nothing
 * else is there; else room of our own.
 *
 * Below a bridge that is what is free in its windows. On a root bus nothing but ACPI's namespace
 * tells what is routed there, which the hypervisor does not run; so it is what is left of the 1 MiB
 * blocks in which the firmware has put something on the same bus, 1 MiB being the least a bridge
 * forwards. ERR_NOMEM, with v->text.
 */
__must_check int virtual_place(struct pci_sriov *s, const struct virtual_world *w, u32 function,
			       struct pci_verdict *v);
