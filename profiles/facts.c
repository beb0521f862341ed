#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "passthrough/quirks/quirks.h"
#include "profiles/facts.h"

static bool same_bdf(struct bdf a, struct bdf b)
{
	return a.segment == b.segment && a.bus == b.bus && a.devfn == b.devfn;
}

u32 facts_find(const struct facts *f, struct bdf bdf)
{
	for (u32 i = 0; i < f->nfunctions; i++)
		if (same_bdf(f->functions[i].bdf, bdf))
			return i;
	return FACTS_UNKNOWN;
}

static u64 count_reserved(const struct facts *f)
{
	u64 n = 0;

	for (u32 i = 0; i < f->iommu.nreserved; i++)
		n += f->iommu.reserved[i].nfunctions;
	return n;
}

u64 facts_machine_memory(const struct facts *f)
{
	return 4 * 16 + f->processors.ncpus * sizeof(struct machine_cpu) +
	       f->nmemory * sizeof(struct machine_memory) +
	       f->nfunctions * sizeof(struct machine_function) +
	       count_reserved(f) * sizeof(struct machine_reserved);
}

static u32 node_or_0(u32 node)
{
	return node == FACTS_UNKNOWN ? 0 : node;
}

static int copy_cpus(const struct facts_processors *p, struct machine_cpu *to, struct machine *out)
{
	out->boot_cpu = FACTS_UNKNOWN;
	for (u32 i = 0; i < p->ncpus; i++) {
		const struct facts_cpu *c = &p->cpus[i];

		to[i] = (struct machine_cpu){c->apic_id, c->package, c->core, c->thread,
					     node_or_0(c->node)};
		if (c->apic_id == p->boot_apic_id)
			out->boot_cpu = i;
		for (u32 k = 0; k < i; k++)
			if (to[k].apic_id == c->apic_id)
				return ERR_INVAL;
	}
	out->cpus = to;
	out->ncpus = p->ncpus;
	return p->ncpus && out->boot_cpu == FACTS_UNKNOWN ? ERR_NOENT : OK;
}

static void copy_memory(const struct facts *f, struct machine_memory *to, struct machine *out)
{
	for (u32 i = 0; i < f->nmemory; i++)
		to[i] = (struct machine_memory){PADDR(f->memory[i].base), f->memory[i].size,
						(enum memory_kind)f->memory[i].kind,
						node_or_0(f->memory[i].node)};
	out->memory = to;
	out->nmemory = f->nmemory;
}

/* A file may be older than a row of the table, and the boot goes by the table. */
static u8 resets_left(const struct facts_function *g)
{
	const struct pci_identity id = {
	    .vendor = g->vendor, .device = g->device, .class_code = g->class_code};

	return quirks_resets(&id, g->resets);
}

static struct machine_function copy_function(const struct facts_function *g)
{
	struct machine_function m = {
	    .bdf = g->bdf,
	    .path = g->path,
	    .vendor = g->vendor,
	    .device = g->device,
	    .subvendor = g->subvendor,
	    .subdevice = g->subdevice,
	    .class_code = g->class_code,
	    .serial = g->serial,
	    .header_type = g->header_type,
	    .resets = resets_left(g),
	    .msi = g->msi_vectors != 0,
	    .msix_vectors = g->msix_vectors,
	    .ats = g->ats,
	    .vfs = g->sriov.total,
	    .is_vf = g->is_vf,
	    .boot_display = g->boot_display,
	    .boot_medium = g->boot_medium,
	    .unfit = g->unfit,
	    .group = g->group,
	    .node = node_or_0(g->node),
	    .rom_size = g->rom_size,
	};

	for (u32 i = 0; i < g->nbars; i++) {
		const struct facts_bar *b = &g->bars[i];

		if (b->index < ARRAY_SIZE(m.bar))
			m.bar[b->index] =
			    (struct machine_bar){b->base, b->size, b->io, b->is64, b->prefetch};
	}
	return m;
}

/* Which of its card's virtual functions: their ids go up with their numbers (PCIe 5.0 §9.2.1.2). */
static u16 vf_number(const struct facts *f, u32 i)
{
	const struct facts_function *g = &f->functions[i];
	u16 number = 0;

	for (u32 k = 0; k < f->nfunctions; k++)
		number += f->functions[k].is_vf && same_bdf(f->functions[k].pf, g->pf) &&
			  bdf_rid(f->functions[k].bdf) < bdf_rid(g->bdf);
	return number;
}

static int copy_functions(const struct facts *f, struct machine_function *to, struct machine *out)
{
	for (u32 i = 0; i < f->nfunctions; i++) {
		const struct facts_function *g = &f->functions[i];

		if (facts_find(f, g->bdf) != i)
			return ERR_INVAL;
		to[i] = copy_function(g);
		if (!g->is_vf)
			continue;

		u32 pf = facts_find(f, g->pf);

		if (pf == FACTS_UNKNOWN)
			return ERR_NOENT;
		to[i].pf = (u16)pf;
		to[i].vf = vf_number(f, i);
	}
	out->functions = to;
	out->nfunctions = f->nfunctions;
	return OK;
}

static void copy_reserved(const struct facts *f, struct machine_reserved *to, struct machine *out)
{
	u32 n = 0;

	for (u32 i = 0; i < f->iommu.nreserved; i++) {
		const struct facts_reserved *r = &f->iommu.reserved[i];

		for (u32 k = 0; k < r->nfunctions; k++) {
			u32 function = facts_find(f, r->functions[k]);

			if (function != FACTS_UNKNOWN)
				to[n++] =
				    (struct machine_reserved){function, PADDR(r->base), r->size};
		}
	}
	out->reserved = to;
	out->nreserved = n;
}

int facts_machine(const struct facts *f, struct arena *a, struct machine *out)
{
	const struct facts_processors *p = &f->processors;
	struct machine_cpu *cpus = arena_take(a, p->ncpus, sizeof(*cpus));
	struct machine_memory *memory = arena_take(a, f->nmemory, sizeof(*memory));
	struct machine_function *functions = arena_take(a, f->nfunctions, sizeof(*functions));
	struct machine_reserved *reserved = arena_take(a, count_reserved(f), sizeof(*reserved));
	size_t vendor = p->vendor ? str_len(p->vendor) : 0;
	int err;

	*out = (struct machine){
	    .virtualization = p->virtualization,
	    .nested_paging = p->nested_paging,
	    .x2apic = p->x2apic,
	    .iommu = f->iommu.units && f->iommu.complete,
	    .interrupt_remapping = f->iommu.interrupt_remapping,
	    .phys_bits = p->phys_bits,
	};
	if (!cpus || !memory || !functions || !reserved)
		return ERR_NOMEM;
	if (vendor >= sizeof(out->vendor))
		return ERR_INVAL;
	if (vendor)
		memcpy(out->vendor, p->vendor, vendor);
	err = copy_cpus(p, cpus, out);
	if (err)
		return err;
	copy_memory(f, memory, out);
	err = copy_functions(f, functions, out);
	if (err)
		return err;
	copy_reserved(f, reserved, out);
	return OK;
}
