/* What can be kept apart: paths, groups, remapping units, ranges; and so what is assignable. */
#include <stdio.h>
#include <string.h>

#include "iommu/cover.h"
#include "iommu/group.h"
#include "iommu/unity.h"
#include "passthrough/quirks/quirks.h"
#include "profiles/host/facts/gather.h"

struct isolation {
	struct gather *g;
	struct facts_function *list;
	u32 n;
	struct iommu_function *f;
	struct group_member *member;
};

/* What the IOMMU part needs. Access control counts when it is there: Caprock turns it on. */
static void describe(struct isolation *s)
{
	for (u32 i = 0; i < s->n; i++) {
		const struct facts_function *from = &s->list[i];
		u32 first = facts_find(&s->g->facts, (struct bdf){from->bdf.segment, from->bdf.bus,
								  from->bdf.devfn & 0xf8});

		s->f[i] = (struct iommu_function){
		    .bdf = from->bdf,
		    .vendor = from->vendor,
		    .device = from->device,
		    .class_code = from->class_code,
		    .port = (enum iommu_port)from->port,
		    .bridge = from->header_type == 1,
		    .secondary = from->secondary,
		    .subordinate = from->subordinate,
		    .multifunction =
			(first == FACTS_UNKNOWN ? from : &s->list[first])->multifunction,
		    .acs = from->acs.present,
		    .is_vf = from->is_vf,
		    .pf = from->is_vf ? facts_find(&s->g->facts, from->pf) : NO_FUNCTION,
		    .ats = from->ats,
		    .interrupts = from->msix_vectors ? from->msix_vectors : from->msi_vectors,
		};
	}
	functions_link(s->f, s->n);
}

/* From the function up; a loop of bridges, or too deep a tree, keeps the hops nearest to it. */
static struct pci_path path_of(const struct isolation *s, u32 i)
{
	u8 up[PCI_PATH_MAX];
	struct pci_path p = {.segment = s->f[i].bdf.segment};
	u32 root = i;

	for (u32 b = i; b != NO_FUNCTION && p.depth < PCI_PATH_MAX; b = s->f[b].parent) {
		up[p.depth++] = s->f[b].bdf.devfn;
		root = b;
	}
	p.root_bus = s->f[root].bdf.bus;
	for (u32 k = 0; k < p.depth; k++)
		p.devfn[k] = up[p.depth - 1 - k];
	return p;
}

/* Groups as 0, 1, 2, ... in the order of their first functions. */
static void number_groups(struct isolation *s)
{
	u32 next = 0;

	for (u32 i = 0; i < s->n; i++) {
		u32 first = s->member[i].group;

		s->list[i].group = first == i ? next++ : s->list[first].group;
	}
}

/*
 * Without the capabilities there is no telling what a port is and what it controls: what Linux found
 * out as root at its start is better.
 */
static bool trust_kernel(const struct isolation *s)
{
	bool cut = false;

	for (u32 i = 0; i < s->n; i++) {
		cut |= s->list[i].config_size < 256;
		if (s->list[i].kernel_group == FACTS_UNKNOWN)
			return false;
	}
	return cut && s->g->hardware;
}

static void take_kernel_groups(struct isolation *s)
{
	for (u32 i = 0; i < s->n; i++) {
		u32 first = 0;

		while (s->list[first].kernel_group != s->list[i].kernel_group)
			first++;
		s->member[i] = (struct group_member){first, GROUP_ALONE, NO_FUNCTION};
	}
}

static struct pci_identity identity(const struct facts_function *f)
{
	return (struct pci_identity){
	    .vendor = f->vendor, .device = f->device, .class_code = f->class_code};
}

/*
 * Behind a bridge there is a secondary bus reset; it takes all of the bus along. Virtual functions have
 * neither that nor one by power state at boot (pci_reset_find()). What is known not to work is none.
 */
static void settle_resets(struct isolation *s)
{
	for (u32 i = 0; i < s->n; i++) {
		struct facts_function *f = &s->list[i];
		const struct pci_identity id = identity(f);

		if (f->is_vf)
			f->resets &= ~RESET_PM;
		else if (s->f[i].parent != NO_FUNCTION && !s->f[i].bridge)
			f->resets |= RESET_BUS;
		f->resets = quirks_resets(&id, f->resets);
	}
}

static void assign_ranges(struct isolation *s)
{
	const struct tables *t = &s->g->tables;
	u32 nreserved = s->g->facts.iommu.nreserved, room;
	struct facts_reserved *list = (struct facts_reserved *)s->g->facts.iommu.reserved;
	struct unity_range *ranges;

	if (!t->parsed_dmar && !t->parsed_ivrs)
		return;
	room = unity_collect(t->parsed_dmar, t->parsed_ivrs, s->f, s->n, NULL, 0);
	ranges = chunks_take(&s->g->mem, room + 1, sizeof(*ranges));
	room = unity_collect(t->parsed_dmar, t->parsed_ivrs, s->f, s->n, ranges, room);
	for (u32 i = 0; i < room; i++) {
		struct facts_reserved *r = &list[ranges[i].number];
		struct bdf *functions;

		if (ranges[i].number >= nreserved)
			continue;
		functions = gather_grow(s->g, r->functions, &r->nfunctions, sizeof(*functions));
		functions[r->nfunctions - 1] = s->list[ranges[i].function].bdf;
		r->functions = functions;
	}
}

static bool is_reserved(const struct isolation *s, u32 i)
{
	const struct facts_iommu *io = &s->g->facts.iommu;

	for (u32 k = 0; k < io->nreserved; k++)
		for (u32 j = 0; j < io->reserved[k].nfunctions; j++)
			if (facts_find(&s->g->facts, io->reserved[k].functions[j]) == i)
				return true;
	return false;
}

static bool has_unit(const struct isolation *s, u32 i)
{
	const struct tables *t = &s->g->tables;

	if (t->parsed_dmar)
		return dmar_unit_of(t->parsed_dmar, s->f, s->n, i) != NO_UNIT;
	return ivrs_unit_of(t->parsed_ivrs, s->f, s->n, i) != NO_UNIT;
}

/* Why nothing can be assigned on this machine, NULL when something can. */
static const char *machine_reason(const struct isolation *s)
{
	const struct facts_iommu *io = &s->g->facts.iommu;
	const struct tables *t = &s->g->tables;

	if (!t->parsed_dmar && !t->parsed_ivrs)
		return t->found ? "the firmware's tables describe no IOMMU"
				: "no ACPI tables could be read, so nothing is known of an IOMMU";
	if (!io->units)
		return "the firmware's tables describe no IOMMU";
	if (!io->complete)
		return "the firmware's IOMMU table is damaged";
	if (!io->interrupt_remapping)
		return "the machine cannot remap interrupts";
	return NULL;
}

/* What it is, or lacks, whatever firmware's settings are. NULL: nothing speaks against it. */
static const char *unfit_reason(const struct isolation *s, u32 i)
{
	const struct facts_function *f = &s->list[i];

	if (f->class_code >> 16 == 6)
		return "it is part of the chipset";
	if (f->class_code >> 8 == 0x0806)
		return "it is the IOMMU itself";
	if (f->config_size < 64)
		return "its configuration space could not be read";
	if (!machine_reason(s) && !has_unit(s, i))
		return "no remapping unit covers it, or several claim it";
	return NULL;
}

/* As that, and for what can be helped. */
static const char *own_reason(const struct isolation *s, u32 i)
{
	const struct facts_function *f = &s->list[i];
	const struct pci_identity id = identity(f);

	if (f->header_type)
		return "it is a bridge, and what is behind it can be assigned by itself";
	if (unfit_reason(s, i))
		return unfit_reason(s, i);
	if (machine_reason(s))
		return machine_reason(s);
	if (f->config_size < 256)
		return "its capabilities could not be read, so its resets are not known";
	if (!f->resets)
		return quirks_find(&id).actions & QUIRK_NO_RESET ? "no reset of it is known to work"
								 : "there is no way to reset it";
	return NULL;
}

static const char *other_text(struct gather *g, const struct facts_function *f)
{
	return chunks_print(&g->mem, "%04x:%02x:%02x.%x (%s, %04x:%04x)", f->bdf.segment,
			    f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7,
			    f->class_name ? f->class_name : "class not known", f->vendor,
			    f->device);
}

/* The first other member of its group that is no bridge and, if `stuck`, cannot be assigned. */
static u32 companion(const struct isolation *s, u32 i, bool stuck)
{
	for (u32 k = 0; k < s->n; k++)
		if (k != i && s->list[k].group == s->list[i].group && !s->list[k].header_type &&
		    (!stuck || own_reason(s, k)))
			return k;
	return NO_FUNCTION;
}

static const char *tie_text(struct isolation *s, u32 i)
{
	char text[256];

	group_reason_text(s->f, s->member, i, text, sizeof(text));
	return *text ? chunks_print(&s->g->mem, "; %s", text) : "";
}

static void judge(struct isolation *s, u32 i)
{
	struct facts_function *f = &s->list[i];
	struct chunks *mem = &s->g->mem;
	const char *text = own_reason(s, i);
	u32 other = companion(s, i, true);

	if (!text && other != NO_FUNCTION)
		text = chunks_print(
		    mem, "it shares a group with %s, which is not assignable (%s)%s",
		    other_text(s->g, &s->list[other]), own_reason(s, other), tie_text(s, i));
	f->assignable = !text;
	f->unfit = f->header_type ? NULL : unfit_reason(s, i);
	if (!text && is_reserved(s, i))
		text = "only if the profile lets it keep the memory that firmware reserved for it";
	other = companion(s, i, false);
	if (f->assignable && other != NO_FUNCTION)
		text = chunks_print(mem, "%s%stogether with %s and all of its group%s",
				    text ? text : "", text ? ", " : "",
				    other_text(s->g, &s->list[other]), tie_text(s, i));
	f->because = text ? gather_text(s->g, text) : NULL;
}

void gather_isolation(struct gather *g)
{
	u32 n = g->facts.nfunctions;
	struct isolation s = {
	    .g = g,
	    .list = (struct facts_function *)g->facts.functions,
	    .n = n,
	    .f = chunks_take(&g->mem, n + 1, sizeof(*s.f)),
	    .member = chunks_take(&g->mem, n + 1, sizeof(*s.member)),
	};

	describe(&s);
	for (u32 i = 0; i < n; i++)
		s.list[i].path = path_of(&s, i);
	if (trust_kernel(&s))
		take_kernel_groups(&s);
	else
		group_compute(s.f, n, g->tables.parsed_ivrs, s.member);
	number_groups(&s);
	settle_resets(&s);
	assign_ranges(&s);
	for (u32 i = 0; i < n; i++)
		judge(&s, i);
}
