#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];
		u32 outputs;

		if (!rule_outputs(c, w, &outputs) || p->nheads <= outputs)
			continue;
		RULE_REPORT(c, self, PLACE_OF(p, heads),
			    "Ask for fewer heads, or give it a GPU with more outputs",
			    "%s has %u heads, its GPUs have %u outputs", p->name, p->nheads,
			    outputs);
	}
}

const struct rule_info info_too_many_heads = {
    .id = "too-many-heads",
    .severity = SEVERITY_WARNING,
    .finder = FOUND_BY_CHECK,
    .place = AT_HEAD,
    .text = "A workstation has no more heads than its GPUs have outputs.",
    .remedy = "Ask for fewer heads, or give it another GPU.",
    .check = check,
};
