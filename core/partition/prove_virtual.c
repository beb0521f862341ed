/* SR-IOV: cards that give virtual functions, and who has those. */
#include "core/base/mem.h"
#include "core/partition/proof.h"

const struct plan_device *proof_entry(const struct proof *p, const struct machine_function *f,
				      u32 *ws)
{
	for (*ws = 0; *ws < p->next->nworkstations; ++*ws) {
		const struct plan_workstation *w = &p->next->workstations[*ws];

		for (u32 i = 0; i < w->ndevices; i++)
			if (pci_path_equal(&w->devices[i].path, &f->path))
				return &w->devices[i];
	}
	*ws = ~0u;
	return NULL;
}

static void check_asked(struct proof *p, u32 ws, u32 item, const struct machine_function *f)
{
	static const char remedy[] = "Ask for virtual functions only of a card with SR-IOV, for at "
				     "least one and no more than it has";
	const struct plan_workstation *w = &p->next->workstations[ws];
	const struct plan_device *d = &w->devices[item];
	struct function_text t;

	if (!f->vfs)
		refuse(p, RULE_DEVICE_SRIOV, ws, item, remedy,
		       "%s is to give %u virtual functions for %s, but has no SR-IOV",
		       function_text(&t, f), d->num_vfs, w->name);
	else if (!d->num_vfs)
		refuse(p, RULE_DEVICE_SRIOV, ws, item, remedy,
		       "%s is to give %u virtual functions for %s, but that is no number",
		       function_text(&t, f), d->num_vfs, w->name);
	else if (d->num_vfs > f->vfs)
		refuse(p, RULE_DEVICE_SRIOV, ws, item, remedy,
		       "%s is to give %u virtual functions for %s, but has %u",
		       function_text(&t, f), d->num_vfs, w->name, f->vfs);
	else if (f->no_vfs)
		refuse(
		    p, RULE_DEVICE_SRIOV, ws, item,
		    "Switch on SR-IOV, ARI and addresses above 4 GiB in the firmware's setup, or "
		    "use another slot",
		    "%s is to give %u virtual functions for %s, but %s", function_text(&t, f),
		    d->num_vfs, w->name, f->no_vfs);
}

/*
 * The physical function makes its virtual ones and ends them when it is reset (PCIe 5.0 §9.2.2.3,
 * §9.3.3.3.1), so it stays with the hypervisor, which is asked for them, as long as anybody has
 * one.
 */
static void check_owned(struct proof *p, u32 ws, u32 item, const struct machine_function *f)
{
	const struct machine_function *pf =
	    f->pf < p->m->nfunctions ? &p->m->functions[f->pf] : NULL;
	const char *name = p->next->workstations[ws].name;
	const struct plan_device *owned = NULL;
	struct function_text at, t;
	u32 owner = ~0u;

	function_text(&at, f);
	if (pf)
		owned = proof_entry(p, pf, &owner);
	if (owned && !owned->sriov_vfs)
		refuse(p, RULE_VIRTUAL_FUNCTION, ws, item,
		       "Ask the card for virtual functions, so that it stays with the hypervisor, "
		       "or leave its virtual functions to nobody",
		       "%s cannot go to %s: it is a virtual function of %s, which goes to %s as a "
		       "whole and would take it along with each reset",
		       at.s, name, function_text(&t, pf), p->next->workstations[owner].name);
	else if (pf && pf->vfs_on)
		return; /* it is there, also where the workstation that asked for it is refused */
	else if (!owned)
		refuse(p, RULE_VIRTUAL_FUNCTION, ws, item,
		       "Ask that card for virtual functions in one of the workstations",
		       "%s cannot go to %s: it is a virtual function of %s, which nobody asks for "
		       "any, so that there will be none",
		       at.s, name, pf ? function_text(&t, pf) : "a card that is not there");
	else if (f->vf >= owned->num_vfs)
		refuse(
		    p, RULE_VIRTUAL_FUNCTION, ws, item,
		    "Ask that card for more virtual functions, or take one of the first",
		    "%s cannot go to %s: it is number %u of the virtual functions of %s, which %s "
		    "asks for %u",
		    at.s, name, f->vf + 1u, function_text(&t, pf),
		    p->next->workstations[owner].name, owned->num_vfs);
}

void prove_virtual(struct proof *p, u32 ws, u32 item, const struct machine_function *f)
{
	const struct plan_workstation *w = &p->next->workstations[ws];
	const struct plan_device *d = &w->devices[item];
	struct function_text t;

	if (d->sriov_vfs)
		check_asked(p, ws, item, f);
	else if (d->num_vfs)
		refuse(p, RULE_DEVICE_SRIOV, ws, item, "Build the plan again",
		       "%s is to give %u virtual functions for %s, but goes to it as a whole",
		       function_text(&t, f), d->num_vfs, w->name);
	else if (f->vfs_on)
		refuse(p, RULE_VIRTUAL_FUNCTION, ws, item, "Start the machine again with that plan",
		       "%s cannot go to %s as a whole: its virtual functions are switched on",
		       function_text(&t, f), w->name);
	else if (f->is_vf)
		check_owned(p, ws, item, f);
}

static bool beside(const struct pci_path *a, const struct pci_path *b)
{
	return a->segment == b->segment && a->root_bus == b->root_bus && a->depth == b->depth &&
	       memcmp(a->devfn, b->devfn, a->depth - 1u) == 0;
}

const struct machine_function *prove_vf_source(const struct proof *p, const struct pci_path *path)
{
	for (u32 w = 0; w < p->next->nworkstations; w++) {
		const struct plan_workstation *ws = &p->next->workstations[w];

		for (u32 i = 0; i < ws->ndevices; i++) {
			u32 f = machine_find_function(p->m, &ws->devices[i].path);

			if (ws->devices[i].sriov_vfs && f != ~0u && p->m->functions[f].no_vfs &&
			    beside(&p->m->functions[f].path, path))
				return &p->m->functions[f];
		}
	}
	return NULL;
}
