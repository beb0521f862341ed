#include "profiles/rules/rule.h"

static void check_head(const struct rule_context *c, const struct rule_info *self, u32 w, u32 h)
{
	const struct profile *p = &c->site->workstations[w];
	const struct profile_head *head = &p->heads[h];
	const struct facts_output *nearest;

	if (!head->output || rule_find_output(c, w, head->output, &nearest) || !nearest)
		return;
	RULE_REPORT(c, self, PLACE_OF(head, output),
		    "Choose an output that caprock probe lists for that GPU",
		    "no GPU of %s has an output %s; %s would be one", p->name, head->output,
		    nearest->name);
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++)
		for (u32 h = 0; h < c->site->workstations[w].nheads; h++)
			check_head(c, self, w, h);
}

const struct rule_info info_unknown_output = {
    .id = "unknown-output",
    .severity = SEVERITY_WARNING,
    .finder = FOUND_BY_CHECK,
    .place = AT_HEAD,
    .text = "The outputs that heads name are on the workstation's GPUs.",
    .remedy = "Choose an output that caprock probe lists.",
    .check = check,
};
