/* Do a machine file's facts agree with each other? What the file's writer always keeps. */
#include "profiles/host/facts/read.h"
#include "profiles/host/facts/write.h"

struct check {
	const struct facts *f;
	const struct yaml_node *root;
	struct reporter *r;
};

/* Place of item i of a list below the root, or of its nearest parent that there is. */
static struct place item_place(const struct check *c, const char *object, const char *list, u32 i)
{
	const struct yaml_node *n = object ? yaml_find(c->root, object) : c->root;
	const struct yaml_node *items = n ? yaml_find(n, list) : NULL;
	u32 k = 0;

	if (!items)
		return n ? n->at : c->root->at;
	yaml_for_each(item, items) if (k++ == i) return item->at;
	return items->at;
}

#define REMEDY "Run caprock probe again, or mend the file by hand"

static void check_cpus(const struct check *c)
{
	const struct facts_processors *p = &c->f->processors;
	bool boot = !p->ncpus;

	for (u32 i = 0; i < p->ncpus; i++) {
		struct place at = item_place(c, "processors", "cpus", i);

		boot |= p->cpus[i].apic_id == p->boot_apic_id;
		for (u32 k = 0; k < i; k++)
			if (p->cpus[k].apic_id == p->cpus[i].apic_id)
				report(c->r, "machine-file", SEVERITY_ERROR, at, REMEDY,
				       "there are two processors with APIC id %u",
				       p->cpus[i].apic_id);
	}
	if (!boot)
		report(c->r, "machine-file", SEVERITY_ERROR, item_place(c, "processors", "", 0),
		       REMEDY, "boot_apic_id is %u, and no processor has it", p->boot_apic_id);
	if (p->phys_bits > 52)
		report(c->r, "out-of-range", SEVERITY_ERROR, item_place(c, "processors", "", 0),
		       REMEDY, "phys_bits is %u, and no processor has more than 52", p->phys_bits);
}

static void check_vendor(const struct check *c)
{
	const char *v = c->f->processors.vendor;
	u32 n = 0;

	while (v && v[n])
		n++;
	if (n > 12)
		report(c->r, "out-of-range", SEVERITY_ERROR, item_place(c, "processors", "", 0),
		       REMEDY, "the vendor '%.40s' has more than the 12 characters of CPUID", v);
}

static void check_memory(const struct check *c)
{
	u64 end = 0;

	for (u32 i = 0; i < c->f->nmemory; i++) {
		const struct facts_memory *m = &c->f->memory[i];

		if (!m->size || m->size > ~0ull - m->base)
			report(
			    c->r, "out-of-range", SEVERITY_ERROR, item_place(c, NULL, "memory", i),
			    REMEDY,
			    "a memory range at 0x%lx is empty or passes the end of all addresses",
			    (unsigned long)m->base);
		else if (m->base < end)
			report(c->r, "machine-file", SEVERITY_ERROR,
			       item_place(c, NULL, "memory", i),
			       "Sort the ranges, and let none overlap another",
			       "the memory range at 0x%lx begins before the one above it ends",
			       (unsigned long)m->base);
		else
			end = m->base + m->size;
	}
}

static void check_iommu(const struct check *c)
{
	const struct facts_iommu *io = &c->f->iommu;

	if (io->units != io->nunits)
		report(c->r, "machine-file", SEVERITY_ERROR, item_place(c, "iommu", "", 0), REMEDY,
		       "units is %u, and unit_list has %u", io->units, io->nunits);
	if (io->rmrr != io->nreserved)
		report(c->r, "machine-file", SEVERITY_ERROR, item_place(c, "iommu", "", 0), REMEDY,
		       "rmrr is %u, and reserved has %u", io->rmrr, io->nreserved);
	for (u32 i = 0; i < io->nreserved; i++)
		for (u32 k = 0; k < io->reserved[i].nfunctions; k++) {
			char bdf[BDF_TEXT];

			if (facts_find(c->f, io->reserved[i].functions[k]) == FACTS_UNKNOWN)
				report(
				    c->r, "machine-file", SEVERITY_ERROR,
				    item_place(c, "iommu", "reserved", i), REMEDY,
				    "a reserved range is for %s, which is not among the functions",
				    bdf_text(io->reserved[i].functions[k], bdf));
		}
}

static void check_bars(const struct check *c, const struct facts_function *f, struct place at)
{
	char bdf[BDF_TEXT];
	u32 next = 0;

	for (u32 i = 0; i < f->nbars; i++) {
		const struct facts_bar *b = &f->bars[i];

		if (b->index > 5 || b->index < next)
			report(c->r, "machine-file", SEVERITY_ERROR, at, REMEDY,
			       "%s has BAR %u where none can be", bdf_text(f->bdf, bdf), b->index);
		next = b->index + 1u + b->is64;
		if (b->size & (b->size - 1) || b->size > ~0ull - b->base)
			report(
			    c->r, "out-of-range", SEVERITY_ERROR, at, REMEDY,
			    "the size of BAR %u of %s is no power of two, or passes the end of all "
			    "addresses",
			    b->index, bdf_text(f->bdf, bdf));
	}
}

static void check_function(const struct check *c, u32 i)
{
	const struct facts_function *f = &c->f->functions[i];
	struct place at = item_place(c, NULL, "functions", i);
	char bdf[BDF_TEXT], pf[BDF_TEXT];

	if (facts_find(c->f, f->bdf) != i)
		report(c->r, "machine-file", SEVERITY_ERROR, at, REMEDY,
		       "there are two functions %s", bdf_text(f->bdf, bdf));
	if (f->is_vf && facts_find(c->f, f->pf) == FACTS_UNKNOWN)
		report(c->r, "machine-file", SEVERITY_ERROR, at, REMEDY,
		       "%s is a virtual function of %s, which is not among the functions",
		       bdf_text(f->bdf, bdf), bdf_text(f->pf, pf));
	if (f->class_code > 0xffffff || f->msix_vectors > 2048)
		report(c->r, "out-of-range", SEVERITY_ERROR, at, REMEDY,
		       "%s has a class code of more than 24 bits or more than 2048 MSI-X vectors",
		       bdf_text(f->bdf, bdf));
	check_bars(c, f, at);
}

void facts_check(const struct facts *f, const struct yaml_node *root, struct reporter *r)
{
	struct check c = {f, root, r};

	check_cpus(&c);
	check_vendor(&c);
	check_memory(&c);
	check_iommu(&c);
	for (u32 i = 0; i < f->nfunctions; i++)
		check_function(&c, i);
	for (u32 i = 0; i < f->ngpus; i++) {
		char bdf[BDF_TEXT];

		if (facts_find(f, f->gpus[i].bdf) == FACTS_UNKNOWN)
			report(r, "machine-file", SEVERITY_ERROR, item_place(&c, NULL, "gpus", i),
			       REMEDY, "the GPU %s is not among the functions",
			       bdf_text(f->gpus[i].bdf, bdf));
	}
}
