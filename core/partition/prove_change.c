#include "core/base/str.h"
#include "core/partition/proof.h"

static bool same_range(const struct plan_range *a, const struct plan_range *b)
{
	return a->base.v == b->base.v && a->size == b->size;
}

/* What runs keeps what it has; to change a workstation it is first taken out of the plan. */
void prove_change(struct proof *p)
{
	const struct plan *current = p->current, *next = p->next;

	if (!same_range(&current->hv, &next->hv) || !same_range(&current->bundle, &next->bundle) ||
	    current->host_cpu != next->host_cpu)
		refuse(p, RULE_RUNNING_CHANGED, ~0u, ~0u, "Reboot the machine with the new plan",
		       "the hypervisor's own memory and core cannot change while it runs");
	for (u32 w = 0; w < next->nworkstations; w++) {
		const struct plan_workstation *ws = &next->workstations[w];

		for (u32 v = 0; v < current->nworkstations; v++) {
			const struct plan_workstation *was = &current->workstations[v];

			if (!str_equal(ws->name, was->name) || plan_workstation_equal(ws, was))
				continue;
			refuse(p, RULE_RUNNING_CHANGED, w, ~0u,
			       "Stop it first, then start it as the new plan has it",
			       "%s runs and the new plan changes what it has", ws->name);
		}
	}
}
