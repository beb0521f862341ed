#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/partition/machine.h"

size_t pci_path_text(const struct pci_path *p, char *buf, size_t size)
{
	size_t n = fmt(buf, size, "%04x:%02x", p->segment, p->root_bus);

	for (unsigned i = 0; i < p->depth && i < PCI_PATH_MAX; i++)
		n += fmt(buf + (n < size ? n : size), n < size ? size - n : 0, "/%02x.%x",
			 p->devfn[i] >> 3, p->devfn[i] & 7);
	return n;
}

bool pci_path_equal(const struct pci_path *a, const struct pci_path *b)
{
	return a->segment == b->segment && a->root_bus == b->root_bus && a->depth == b->depth &&
	       a->depth <= PCI_PATH_MAX && memcmp(a->devfn, b->devfn, a->depth) == 0;
}

u32 machine_find_function(const struct machine *m, const struct pci_path *path)
{
	for (u32 i = 0; i < m->nfunctions; i++)
		if (pci_path_equal(&m->functions[i].path, path))
			return i;
	return ~0u;
}

u32 machine_find_cpu(const struct machine *m, u32 apic_id)
{
	/* On most machines ids count up from 0. */
	if (apic_id < m->ncpus && m->cpus[apic_id].apic_id == apic_id)
		return apic_id;
	for (u32 i = 0; i < m->ncpus; i++)
		if (m->cpus[i].apic_id == apic_id)
			return i;
	return ~0u;
}

bool machine_is_ram(const struct machine *m, paddr_t base, u64 size)
{
	u64 pos = base.v;

	if (!size || size - 1 > ~0ull - base.v)
		return false;

	u64 last = base.v + (size - 1);

	for (u32 i = 0; i < m->nmemory; i++) {
		const struct machine_memory *r = &m->memory[i];

		if (r->kind != MEMORY_RAM || !r->size || pos < r->base.v ||
		    pos - r->base.v >= r->size)
			continue;
		if (last - r->base.v < r->size)
			return true;
		pos = r->base.v + r->size;
	}
	return false;
}

bool machine_same_core(const struct machine_cpu *a, const struct machine_cpu *b)
{
	return a->package == b->package && a->core == b->core;
}
