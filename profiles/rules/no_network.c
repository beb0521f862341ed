#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];

		if (GIVEN(p, stream) && !rule_has_class(c, w, CLASS_NETWORK))
			RULE_REPORT(c, self, PLACE_OF(p, stream),
				    "Give it a network device, or a virtual function of one",
				    "%s is to stream its desktop, but owns no network device",
				    p->name);
	}
}

const struct rule_info info_no_network = {
    .id = "no-network",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_DEVICE,
    .text = "A workstation that streams has a network device.",
    .remedy = "Give it a network device or a virtual function of one.",
    .check = check,
};
