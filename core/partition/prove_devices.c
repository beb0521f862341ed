#include "core/base/mem.h"
#include "core/partition/proof.h"

#define HOST_BRIDGE_SLOT 0x00
#define LPC_SLOT	 0x1f
#define DEVFN_CHOSEN	 0xff

/* A device of the plan and what the machine has at its place. */
struct device {
	u32 ws, item;
	const char *name; /* of the workstation */
	const struct plan_device *plan;
	u32 index; /* of the function */
	const struct machine_function *f;
	struct function_text at;
};

/* The workstation that a function is assigned to; ~0u: none, or it serves its VFs. */
static u32 assigned_to(const struct proof *p, const struct machine_function *f)
{
	u32 ws;
	const struct plan_device *d = proof_entry(p, f, &ws);

	return d && !d->sriov_vfs ? ws : ~0u;
}

static void check_identity(struct proof *p, const struct device *d)
{
	static const char remedy[] =
	    "Put the card back into its slot, or run caprock probe and build "
	    "again";
	const struct machine_function *f = d->f;
	const struct plan_device *want = d->plan;

	if (f->vendor != want->vendor || f->device != want->device ||
	    f->subvendor != want->subvendor || f->subdevice != want->subdevice)
		refuse(
		    p, RULE_DEVICE_IDENTITY, d->ws, d->item, remedy,
		    "%s for %s is to be %04x:%04x (%04x:%04x), but %04x:%04x (%04x:%04x) is there",
		    d->at.s, d->name, want->vendor, want->device, want->subvendor, want->subdevice,
		    f->vendor, f->device, f->subvendor, f->subdevice);
	else if (want->serial && f->serial != want->serial)
		refuse(p, RULE_DEVICE_IDENTITY, d->ws, d->item, remedy,
		       "%s for %s is to have serial number %016lx, but that card has %016lx",
		       d->at.s, d->name, want->serial, f->serial);
}

static void check_shared(struct proof *p, const struct device *d)
{
	for (u32 v = 0; v <= d->ws; v++) {
		const struct plan_workstation *w = &p->next->workstations[v];
		u32 n = v == d->ws ? d->item : w->ndevices;

		for (u32 i = 0; i < n; i++) {
			if (!pci_path_equal(&w->devices[i].path, &d->plan->path))
				continue;
			refuse(p, RULE_DEVICE_SHARED, d->ws, d->item,
			       "Give it to one of them, or share it by SR-IOV where the card can",
			       v == d->ws ? "%s is named twice, by %s and by %s"
					  : "%s goes to both %s and %s",
			       d->at.s, w->name, d->name);
			return;
		}
	}
}

static bool first_of_group(const struct proof *p, const struct device *d)
{
	const struct plan_workstation *w = &p->next->workstations[d->ws];

	for (u32 i = 0; i < d->item; i++) {
		u32 f = machine_find_function(p->m, &w->devices[i].path);

		if (f != ~0u && !w->devices[i].sriov_vfs && p->m->functions[f].group == d->f->group)
			return false;
	}
	return true;
}

/* What cannot be isolated from each other belongs together; bridges carry no owner. */
static void check_group(struct proof *p, const struct device *d)
{
	if (!first_of_group(p, d))
		return;
	for (u32 i = 0; i < p->m->nfunctions; i++) {
		const struct machine_function *g = &p->m->functions[i];
		struct function_text tg;
		u32 v;

		if (g->group != d->f->group || g == d->f || g->header_type)
			continue;
		v = assigned_to(p, g);
		if (v == d->ws || (v != ~0u && v > d->ws))
			continue; /* together, or said when it is the other's turn */
		refuse(p, RULE_GROUP_SPLIT, d->ws, d->item,
		       "Give both to one workstation, or move the card to a slot below another "
		       "root port",
		       "%s cannot go to %s: it shares a group with %s (%04x:%04x, class %06x), "
		       "which %s%s",
		       d->at.s, d->name, function_text(&tg, g), g->vendor, g->device, g->class_code,
		       v == ~0u ? "the plan leaves to nobody" : "goes to ",
		       v == ~0u ? "" : p->next->workstations[v].name);
	}
}

static bool same_bus(const struct pci_path *a, const struct pci_path *b)
{
	return a->segment == b->segment && a->root_bus == b->root_bus && a->depth >= b->depth &&
	       b->depth > 1 && memcmp(a->devfn, b->devfn, b->depth - 1u) == 0;
}

/* A bus reset takes everything behind the bridge with it. */
static void check_reset(struct proof *p, const struct device *d)
{
	static const char remedy[] =
	    "Use a card with function-level reset, or one alone below its root port";

	if (d->f->resets & (RESET_FLR | RESET_AF_FLR | RESET_PM))
		return;
	if (!(d->f->resets & RESET_BUS) || d->f->path.depth < 2) {
		refuse(p, RULE_NO_RESET, d->ws, d->item, remedy,
		       "%s cannot go to %s: there is no way to reset it, so it would carry one "
		       "owner's data to the next",
		       d->at.s, d->name);
		return;
	}
	for (u32 i = 0; i < p->m->nfunctions; i++) {
		const struct machine_function *g = &p->m->functions[i];
		struct function_text tg;

		if (g == d->f || g->header_type || !same_bus(&g->path, &d->f->path) ||
		    assigned_to(p, g) == d->ws)
			continue;
		refuse(p, RULE_NO_RESET, d->ws, d->item, remedy,
		       "%s can only be reset with its whole bus, and %s on that bus does not go to "
		       "%s",
		       d->at.s, function_text(&tg, g), d->name);
		return;
	}
}

/* Does somebody own memory in the range? *what: who. */
static bool range_owned(const struct plan *plan, u64 base, u64 size, const char **what)
{
	*what = "the hypervisor";
	if (overlap(base, size, plan->hv.base.v, plan->hv.size) ||
	    overlap(base, size, plan->bundle.base.v, plan->bundle.size))
		return true;
	for (u32 w = 0; w < plan->nworkstations; w++) {
		const struct plan_workstation *ws = &plan->workstations[w];

		*what = ws->name;
		if (overlap(base, size, ws->grant.base.v, ws->grant.size))
			return true;
		for (u32 i = 0; i < ws->nram; i++)
			if (overlap(base, size, ws->ram[i].hpa.v, ws->ram[i].size))
				return true;
	}
	return false;
}

static void check_reserved(struct proof *p, const struct device *d)
{
	const struct plan_workstation *ws = &p->next->workstations[d->ws];

	for (u32 i = 0; i < p->m->nreserved; i++) {
		const struct machine_reserved *r = &p->m->reserved[i];
		const char *owner;
		struct range_text t;

		if (r->function != d->index)
			continue;
		if (!d->plan->keep_reserved) {
			refuse(p, RULE_RESERVED_RANGE, d->ws, d->item,
			       "Switch the firmware feature that uses it off (often USB legacy or "
			       "graphics), or let the device keep its range",
			       "%s cannot go to %s: the firmware demands that it keeps reaching %s",
			       d->at.s, d->name, range_text(&t, r->base.v, r->size));
			continue;
		}
		if (range_owned(p->next, r->base.v, r->size, &owner))
			refuse(p, RULE_RESERVED_RANGE, d->ws, d->item,
			       "Build the plan again from this machine's own facts",
			       "%s keeps reaching %s, where memory of %s lies", d->at.s,
			       range_text(&t, r->base.v, r->size), owner);
		for (u32 k = 0; k < ws->nram; k++) {
			if (!overlap(r->base.v, r->size, ws->ram[k].gpa.v, ws->ram[k].size))
				continue;
			refuse(
			    p, RULE_RESERVED_RANGE, d->ws, d->item,
			    "Give the workstation less memory, so that it ends below that address",
			    "%s keeps reaching %s, which are addresses of the memory of %s",
			    d->at.s, range_text(&t, r->base.v, r->size), d->name);
			break;
		}
	}
}

static void check_slot(struct proof *p, const struct device *d)
{
	const struct plan_workstation *ws = &p->next->workstations[d->ws];
	u8 devfn = d->plan->guest_devfn;

	if (devfn == DEVFN_CHOSEN)
		return;
	if (devfn >> 3 == HOST_BRIDGE_SLOT || devfn >> 3 == LPC_SLOT)
		refuse(p, RULE_DEVICE_SLOT, d->ws, d->item, "Choose slots 01 to 1e",
		       "%s is to be %02x.%x in %s, which is a place of the virtual machine's own",
		       d->at.s, devfn >> 3, devfn & 7, d->name);
	for (u32 i = 0; i < d->item; i++)
		if (ws->devices[i].guest_devfn == devfn)
			refuse(p, RULE_DEVICE_SLOT, d->ws, d->item,
			       "Give each device its own place, or none",
			       "two devices of %s are to be %02x.%x, %s is the second", d->name,
			       devfn >> 3, devfn & 7, d->at.s);
}

#define CLASS_DISPLAY 0x03

static bool same_slot(const struct machine_function *a, const struct machine_function *b)
{
	u32 last = a->path.depth - 1u;

	return a->path.segment == b->path.segment && a->path.root_bus == b->path.root_bus &&
	       a->path.depth == b->path.depth && memcmp(a->path.devfn, b->path.devfn, last) == 0 &&
	       a->path.devfn[last] >> 3 == b->path.devfn[last] >> 3;
}

/*
 * A display brings its audio, USB and UCSI functions, even where they could be isolated: its driver
 * switches their power, and a monitor's cable ends in all of them.
 */
static void check_companions(struct proof *p, const struct device *d)
{
	if (d->f->class_code >> 16 != CLASS_DISPLAY || d->f->is_vf)
		return;
	for (u32 i = 0; i < p->m->nfunctions; i++) {
		const struct machine_function *g = &p->m->functions[i];
		struct function_text tg;
		u32 v;

		if (g == d->f || g->header_type || g->is_vf || g->group == d->f->group ||
		    !same_slot(d->f, g))
			continue;
		v = assigned_to(p, g);
		if (v != d->ws)
			refuse(p, RULE_DEVICE_SPLIT, d->ws, d->item,
			       "Give all functions of the card to the same workstation",
			       "%s cannot go to %s without %s (class %06x) of the same card, which "
			       "goes to %s",
			       d->at.s, d->name, function_text(&tg, g), g->class_code,
			       v == ~0u ? "nobody" : p->next->workstations[v].name);
	}
}

static void refuse_missing(struct proof *p, const struct device *d)
{
	const struct machine_function *pf = prove_vf_source(p, &d->plan->path);
	char path[16 + 5 * PCI_PATH_MAX];
	struct function_text t;

	pci_path_text(&d->plan->path, path, sizeof(path));
	if (pf)
		refuse(p, RULE_DEVICE_UNKNOWN, d->ws, d->item,
		       "Do what is said about that card, or run caprock probe and build again",
		       "%s wants the device at %s (%04x:%04x), where this machine has none; it may "
		       "be a virtual function of %s, which gives none",
		       d->name, path, d->plan->vendor, d->plan->device, function_text(&t, pf));
	else
		refuse(p, RULE_DEVICE_UNKNOWN, d->ws, d->item,
		       "Put the card back into its slot, or run caprock probe and build again",
		       "%s wants the device at %s (%04x:%04x), where this machine has none",
		       d->name, path, d->plan->vendor, d->plan->device);
}

static void check_device(struct proof *p, u32 w, u32 i)
{
	const struct plan_workstation *ws = &p->next->workstations[w];
	struct device d = {.ws = w, .item = i, .name = ws->name, .plan = &ws->devices[i]};

	d.index = machine_find_function(p->m, &d.plan->path);
	if (d.index == ~0u) {
		refuse_missing(p, &d);
		return;
	}
	d.f = &p->m->functions[d.index];
	function_text(&d.at, d.f);
	check_identity(p, &d);
	check_shared(p, &d);
	check_slot(p, &d);
	if (d.f->header_type) {
		refuse(p, RULE_DEVICE_BRIDGE, w, i, "Give the devices behind it instead",
		       "%s cannot go to %s: it is a bridge", d.at.s, d.name);
		return;
	}
	if (d.f->unfit) {
		refuse(p, RULE_DEVICE_UNFIT, w, i, "Use another card, or another slot",
		       "%s cannot go to %s: %s", d.at.s, d.name, d.f->unfit);
		return;
	}
	if (d.f->boot_medium)
		refuse(p, RULE_BOOT_MEDIUM, w, i,
		       "Boot the hypervisor from another controller, or leave this one to nobody",
		       "%s cannot go to %s: the hypervisor's own boot medium hangs on it", d.at.s,
		       d.name);
	prove_virtual(p, w, i, d.f);
	if (d.plan->sriov_vfs)
		return; /* it stays with the hypervisor */
	check_group(p, &d);
	check_companions(p, &d);
	prove_bars(p, w, i, d.f);
	check_reset(p, &d);
	check_reserved(p, &d);
}

void prove_devices(struct proof *p)
{
	for (u32 w = 0; w < p->next->nworkstations; w++) {
		const struct plan_workstation *ws = &p->next->workstations[w];

		if (ws->ndevices && !p->m->iommu)
			refuse(
			    p, RULE_NO_IOMMU, w, ~0u,
			    "Switch on VT-d (Intel) or IOMMU (AMD) in the firmware's setup",
			    "%s has devices, but the machine has no working IOMMU to hold them in",
			    ws->name);
		else if (ws->ndevices && !p->m->interrupt_remapping)
			refuse(
			    p, RULE_NO_INTERRUPT_REMAPPING, w, ~0u,
			    "Switch on interrupt remapping (often x2APIC) in the firmware's setup",
			    "%s has devices, but the machine cannot remap interrupts: they could "
			    "reach every core",
			    ws->name);
		for (u32 i = 0; i < ws->ndevices; i++)
			check_device(p, w, i);
	}
}
