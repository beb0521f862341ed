#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/metal/memory.h"
#include "core/metal/pci.h"
#include "core/metal/survey.h"
#include "core/port.h"
#include "iommu/group.h"
#include "passthrough/pci/function.h"
#include "passthrough/quirks/quirks.h"

/* Source validation, request and completion redirect, upstream forwarding (PCIe 5.0 §7.7.8.2). */
#define ACS_WANTED	  0x1du
#define DEVCTL_PHANTOM	  (1u << 9)
#define ATS_CAPABILITY	  4
#define ATS_CONTROL	  6
#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_IOMMU	  0x0806

/* ---- one function ---------------------------------------------------------------------------- */

/* Access control on, as far as the function has it. True: all it has of what matters is on. */
static bool switch_on_acs(const struct pci_function *f)
{
	u16 at = f->at.acs;
	u32 has, on;

	if (!at)
		return false;
	has = pci_read(f, at + 4, 2) & ACS_WANTED;
	on = pci_read(f, at + PCI_ACS_CONTROL, 2);
	pci_write(f, at + PCI_ACS_CONTROL, 2, on | has);
	return (pci_read(f, at + PCI_ACS_CONTROL, 2) & has) == has;
}

static void read_express(const struct pci_function *f, struct iommu_function *r)
{
	u16 at = f->at.express, ats = f->at.ats;
	u32 control;

	r->port = PORT_CONVENTIONAL;
	if (!at)
		return;
	r->port = iommu_port_type((u16)pci_read(f, at + PCI_EXP_FLAGS, 2));
	r->phantom_bits = pci_read(f, at + PCI_EXP_DEVCAP, 4) >> 3 & 3;
	control = pci_read(f, at + PCI_EXP_DEVCTL, 2);
	pci_write(f, at + PCI_EXP_DEVCTL, 2, control & ~DEVCTL_PHANTOM);
	r->acs = switch_on_acs(f);
	if (!ats)
		return;
	r->ats = true;
	r->ats_queue = pci_read(f, ats + ATS_CAPABILITY, 2) & 0x1f;
	pci_write(f, ats + ATS_CONTROL, 2, pci_read(f, ats + ATS_CONTROL, 2) & 0x7fff);
}

static const char *keep_text(const char *text)
{
	paddr_t pa;
	size_t n = str_len(text) + 1;

	if (pool_run(&heap, 1, &pa))
		return "its configuration space is not sound";
	memcpy(port_va(pa), text, n);
	return port_va(pa);
}

/* The chipset's own functions are left as they are: windows that others live in lie in their BARs. */
static const char *chipset(struct pci_function *f)
{
	u32 class_code = pci_read(f, PCI_CLASS, 4) >> 16;

	if (class_code != CLASS_HOST_BRIDGE && class_code != CLASS_IOMMU)
		return NULL;
	f->header_type = pci_read(f, PCI_HEADER_TYPE, 1) & 0x7f;
	if (pci_identity_read(f, &f->id))
		return "it does not answer";
	return "it is part of the chipset";
}

static struct pci_function scratch; /* too large for a stack */

/* Facts of what has been read into *p; what would act by itself is switched off on the way. */
static void take_facts(struct pci_function *p, struct machine_function *f, struct iommu_function *r)
{
	struct bdf first = {p->bdf.segment, p->bdf.bus, p->bdf.devfn & 0xf8};

	quirks_apply(p, false);
	pci_function_facts(p, f);
	*r = (struct iommu_function){
	    .bdf = p->bdf,
	    .vendor = f->vendor,
	    .device = f->device,
	    .class_code = f->class_code,
	    .bridge = f->header_type == 1,
	    .multifunction = !p->is_vf && port_pci_read(first, PCI_HEADER_TYPE, 1) >> 7,
	    .interrupts = (u16)max_u64(max_u64(1u << p->msi_log2, f->msix_vectors), 1),
	};
	if (r->bridge) {
		r->secondary = (u8)port_pci_read(p->bdf, PCI_SECONDARY, 1);
		r->subordinate = (u8)port_pci_read(p->bdf, PCI_SUBORDINATE, 1);
	}
	read_express(p, r);
	pci_write(p, PCI_COMMAND, 2, pci_read(p, PCI_COMMAND, 2) | PCI_COMMAND_INTX_OFF);
}

static void read_function(struct bdf bdf, struct machine_function *f, struct iommu_function *r)
{
	struct pci_verdict v;

	scratch = (struct pci_function){.bdf = bdf};
	*f = (struct machine_function){.bdf = bdf, .unfit = chipset(&scratch)};
	if (!f->unfit && pci_function_read(&scratch, &v))
		f->unfit = keep_text(v.text);
	take_facts(&scratch, f, r);
}

/* ---- all of them ------------------------------------------------------------------------------ */

typedef void (*visit)(struct survey *s, struct bdf bdf);

static void count(struct survey *s, struct bdf bdf)
{
	s->n++;
}

static void describe(struct survey *s, struct bdf bdf)
{
	read_function(bdf, &s->functions[s->n], &s->requesters[s->n]);
	s->n++;
}

static void visit_device(struct survey *s, struct bdf bdf, visit v)
{
	if (port_pci_read(bdf, PCI_VENDOR, 2) == 0xffff)
		return;
	v(s, bdf);
	if (!(port_pci_read(bdf, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTI))
		return;
	for (bdf.devfn++; bdf.devfn & 7; bdf.devfn++)
		if (port_pci_read(bdf, PCI_VENDOR, 2) != 0xffff)
			v(s, bdf);
}

/*
 * Root buses are told by ACPI's namespace alone, which the hypervisor does not run; so every bus is
 * asked, and a root bus is one that is below no bridge.
 */
static void visit_all(struct survey *s, visit v)
{
	struct pci_buses b;

	s->n = 0;
	for (u32 i = 0; pci_buses(i, &b); i++)
		for (u32 bus = b.first; bus <= b.last; bus++)
			for (u32 device = 0; device < 32; device++)
				visit_device(s, (struct bdf){b.segment, (u8)bus, (u8)(device << 3)},
					     v);
}

/* From the function up to its root bus; false when the bridges are nested too deep. */
static bool make_path(const struct survey *s, u32 i, struct pci_path *out)
{
	u32 depth = 0, at;

	for (at = i; at != NO_FUNCTION; at = s->requesters[at].parent)
		if (depth++ == PCI_PATH_MAX)
			return false;
	*out = (struct pci_path){.segment = s->requesters[i].bdf.segment, .depth = (u8)depth};
	for (at = i; at != NO_FUNCTION; at = s->requesters[at].parent) {
		out->devfn[--depth] = s->requesters[at].bdf.devfn;
		out->root_bus = s->requesters[at].bdf.bus;
	}
	return true;
}

/* As the table of quirks has it: what is said to work and does not is none. */
static void leave_resets(struct machine_function *f)
{
	const struct pci_identity id = {
	    .vendor = f->vendor, .device = f->device, .class_code = f->class_code};

	f->resets = quirks_resets(&id, f->resets);
}

/* What follows from where they lie, from the first new one on. */
static void finish(struct survey *s, u32 first)
{
	functions_link(s->requesters, s->n);
	for (u32 i = first; i < s->n; i++) {
		struct machine_function *f = &s->functions[i];

		if (!make_path(s, i, &f->path))
			port_log(LOG_WARN, "%04x:%02x:%02x.%x lies behind more than %u bridges",
				 f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7,
				 PCI_PATH_MAX);
		s->requesters[i].path = f->path;
		/* The bridge above it can reset its whole bus. */
		if (f->path.depth > 1 && !f->header_type && !f->is_vf)
			f->resets |= RESET_BUS;
		leave_resets(f);
	}
}

int survey_find(struct survey *s)
{
	*s = (struct survey){0};
	visit_all(s, count);
	s->functions = pool_bytes(&heap, (s->n + 1) * sizeof(*s->functions));
	s->requesters = pool_bytes(&heap, (s->n + 1) * sizeof(*s->requesters));
	if (!s->functions || !s->requesters)
		return ERR_NOMEM;
	visit_all(s, describe);
	finish(s, 0);
	return OK;
}

/* ---- virtual functions ----------------------------------------------------------------------- */

static int grow(struct survey *s, u32 more)
{
	struct machine_function *f = pool_bytes(&heap, (s->n + more + 1) * sizeof(*f));
	struct iommu_function *r = pool_bytes(&heap, (s->n + more + 1) * sizeof(*r));

	if (!f || !r)
		return ERR_NOMEM;
	memcpy(f, s->functions, s->n * sizeof(*f));
	memcpy(r, s->requesters, s->n * sizeof(*r));
	s->functions = f;
	s->requesters = r;
	return OK;
}

int survey_add_vfs(struct survey *s, u32 pf, const struct pci_sriov *sriov, struct pci_verdict *v)
{
	u32 first = s->n;
	int err = grow(s, sriov->count);

	if (err)
		return pci_fail(v, err, "the hypervisor's own memory does not hold so many");
	for (u16 i = 0; i < sriov->count; i++) {
		struct machine_function *f = &s->functions[first + i];
		struct iommu_function *r = &s->requesters[first + i];
		char why[sizeof(v->text)];

		err = pci_sriov_read(sriov, i, &scratch, v);
		if (err) {
			fmt(why, sizeof(why), "%s", v->text);
			return pci_fail(v, err, "number %u of them cannot be used: %s", i + 1u,
					why);
		}
		*f = (struct machine_function){.bdf = scratch.bdf};
		take_facts(&scratch, f, r);
		f->is_vf = r->is_vf = true;
		f->pf = (u16)pf;
		f->vf = i;
		r->pf = pf;
	}
	s->n += sriov->count;
	finish(s, first);
	s->functions[pf].vfs_on = true;
	return OK;
}

int survey_group(struct survey *s, const struct ivrs *ivrs)
{
	struct group_member *member = pool_bytes(&heap, (s->n + 1) * sizeof(*member));
	char why[320];

	if (!member)
		return ERR_NOMEM;
	group_compute(s->requesters, s->n, ivrs, member);
	for (u32 i = 0; i < s->n; i++) {
		s->functions[i].group = member[i].group;
		group_reason_text(s->requesters, member, i, why, sizeof(why));
		if (why[0])
			port_log(LOG_DEBUG, "group %u: %s", member[i].group, why);
	}
	return OK;
}

void survey_mark_display(struct survey *s, u64 base)
{
	for (u32 i = 0; base && i < s->n; i++)
		for (u32 b = 0; b < ARRAY_SIZE(s->functions[i].bar); b++) {
			const struct machine_bar *bar = &s->functions[i].bar[b];

			if (!bar->io && base - bar->base < bar->size)
				s->functions[i].boot_display = true;
		}
}
