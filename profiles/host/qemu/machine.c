#include <stdlib.h>
#include <string.h>

#include "profiles/host/qemu/machine.h"

#define LOW_MAX	  0xb0000000ull
#define LOW_SPLIT GIB(2)

static void make_memory(struct qemu_machine *q, const struct qemu_options *o)
{
	u64 low = o->memory >= LOW_MAX ? LOW_SPLIT : o->memory;
	u64 kept = o->firmware ? o->firmware : min_u64(MIB(128), align_down(low / 16, MIB(1)));
	struct machine_memory *r = q->memory;

	*r++ = (struct machine_memory){PADDR(0), KIB(636), MEMORY_RAM, 0};
	*r++ = (struct machine_memory){PADDR(MIB(1)), low - kept - MIB(1), MEMORY_RAM, 0};
	*r++ = (struct machine_memory){PADDR(low - kept), kept, MEMORY_RESERVED, 0};
	if (o->memory > low)
		*r++ = (struct machine_memory){PADDR(GIB(4)), o->memory - low, MEMORY_RAM, 0};
	q->machine.memory = q->memory;
	q->machine.nmemory = (u32)(r - q->memory);
}

bool qemu_machine_make(struct qemu_machine *q, const struct qemu_options *o)
{
	if (!o->cpus || !o->threads || (o->threads & (o->threads - 1)) || o->cpus % o->threads ||
	    o->memory < MIB(64))
		return false;
	*q = (struct qemu_machine){
	    .machine =
		{
		    .vendor = "AuthenticAMD",
		    .virtualization = true,
		    .nested_paging = true,
		    .x2apic = true,
		    .iommu = o->iommu,
		    .interrupt_remapping = o->iommu,
		    .phys_bits = 40,
		    .ncpus = o->cpus,
		    .nfunctions = o->nfunctions,
		},
	};
	q->cpus = calloc(o->cpus, sizeof(*q->cpus));
	q->functions = calloc(o->nfunctions + 1, sizeof(*q->functions));
	if (!q->cpus || !q->functions) {
		qemu_machine_free(q);
		return false;
	}
	for (u32 i = 0; i < o->cpus; i++)
		q->cpus[i] = (struct machine_cpu){
		    .apic_id = i,
		    .core = i / o->threads,
		    .thread = i % o->threads,
		};
	if (o->nfunctions)
		memcpy(q->functions, o->functions, o->nfunctions * sizeof(*q->functions));
	q->machine.cpus = q->cpus;
	q->machine.functions = q->functions;
	make_memory(q, o);
	return true;
}

void qemu_machine_free(struct qemu_machine *q)
{
	free(q->cpus);
	free(q->functions);
	*q = (struct qemu_machine){0};
}
