#include "profiles/rules/rule.h"

/* Bytes of a piece of RAM that lie on another node than `node`. */
static u64 far_bytes(const struct machine *m, const struct plan_ram *r, u32 node)
{
	u64 end = r->hpa.v + r->size, far = 0;

	for (u32 i = 0; i < m->nmemory; i++) {
		u64 from = max_u64(m->memory[i].base.v, r->hpa.v);
		u64 to = min_u64(m->memory[i].base.v + m->memory[i].size, end);

		if (from < to && m->memory[i].node != node)
			far += to - from;
	}
	return far;
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && c->plan && w < c->site->nworkstations; w++) {
		const struct plan_workstation *ws = &c->plan->workstations[w];
		u32 node = rule_gpu_node(c, w);
		u64 far = 0;

		for (u32 i = 0; node != FACTS_UNKNOWN && i < ws->nram; i++)
			far += far_bytes(c->machine, &ws->ram[i], node);
		if (far)
			RULE_REPORT(
			    c, self, PLACE_OF(&c->site->workstations[w], memory),
			    "Ask for less memory here or where it is not needed near that "
			    "node, or move the card to a slot of the other node",
			    "%lu MiB of the %lu MiB of %s lie away from NUMA node %u, where "
			    "its GPU is",
			    far >> 20, plan_memory(ws) >> 20, ws->name, node);
	}
}

const struct rule_info info_memory_far = {
    .id = "memory-far",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_MEMORY,
    .text = "A workstation's memory is on the NUMA node of its GPU.",
    .remedy = "Let it have less, or give what is near to the one that needs it.",
    .check = check,
};
