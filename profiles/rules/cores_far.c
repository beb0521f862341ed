#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && c->plan && w < c->site->nworkstations; w++) {
		const struct plan_workstation *ws = &c->plan->workstations[w];
		u32 node = rule_gpu_node(c, w), far = 0;

		for (u32 i = 0; node != FACTS_UNKNOWN && i < ws->ncpus; i++) {
			u32 cpu = machine_find_cpu(c->machine, ws->cpus[i]);

			far += cpu != ~0u && c->machine->cpus[cpu].node != node;
		}
		if (far)
			RULE_REPORT(
			    c, self, rule_place_of(self, c->site, c->resolved, w, ~0u),
			    "Ask for fewer cores here or where they are not needed near that "
			    "node, or move the card to a slot of the other node",
			    "%u of the %u processors of %s are away from NUMA node %u, where "
			    "its GPU is",
			    far, ws->ncpus, ws->name, node);
	}
}

const struct rule_info info_cores_far = {
    .id = "cores-far",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_CORES,
    .text = "A workstation's cores are on the NUMA node of its GPU.",
    .remedy = "Ask for fewer, or give the near ones to the one that needs them.",
    .check = check,
};
