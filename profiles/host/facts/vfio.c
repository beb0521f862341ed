/* For functions bound to vfio-pci: what the kernel itself would let a user have. */
#include <string.h>

#include "passthrough/host/vfio.h"
#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/write.h"

static void copy(struct gather *g, struct facts_vfio *to, const struct vfio_answers *a)
{
	struct facts_region *regions = chunks_take(&g->mem, a->nregions + 1, sizeof(*regions));
	struct facts_interrupts *irqs = chunks_take(&g->mem, a->ninterrupts + 1, sizeof(*irqs));

	for (u32 i = 0; i < a->nregions; i++)
		regions[i] = (struct facts_region){a->regions[i].index, a->regions[i].size,
						   a->regions[i].read, a->regions[i].write,
						   a->regions[i].mmap};
	for (u32 i = 0; i < a->ninterrupts; i++)
		irqs[i] = (struct facts_interrupts){a->interrupts[i].index, a->interrupts[i].count};
	to->viable = a->viable;
	to->reset = a->reset;
	to->regions = regions;
	to->nregions = a->nregions;
	to->interrupts = irqs;
	to->ninterrupts = a->ninterrupts;
}

void gather_vfio(struct gather *g)
{
	struct facts_function *list = (struct facts_function *)g->facts.functions;

	for (u32 i = 0; i < g->facts.nfunctions; i++) {
		struct vfio_answers answers;
		char why[160], bdf[BDF_TEXT];

		if (!list[i].driver || strcmp(list[i].driver, "vfio-pci") != 0)
			continue;
		list[i].vfio.bound = true;
		if (list[i].kernel_group == FACTS_UNKNOWN) {
			gather_missing(g, "VFIO's answers for %s: Linux has it in no IOMMU group",
				       bdf_text(list[i].bdf, bdf));
			continue;
		}
		if (!vfio_ask(list[i].bdf, list[i].kernel_group, &answers, why, sizeof(why)))
			gather_missing(g, "VFIO's answers for %s: %s; root may ask for them",
				       bdf_text(list[i].bdf, bdf), why);
		copy(g, &list[i].vfio, &answers);
	}
}
