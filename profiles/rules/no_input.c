#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];

		if (p->nheads && !GIVEN(p, stream) && !rule_has_class(c, w, CLASS_USB))
			RULE_REPORT(c, self, PLACE_OF(p, heads),
				    "Give it a USB controller (caprock probe lists them with their "
				    "groups), or a 'stream:'",
				    "%s has monitors, but no USB controller for a keyboard and a "
				    "mouse",
				    p->name);
	}
}

const struct rule_info info_no_input = {
    .id = "no-input",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_DEVICE,
    .text = "A workstation with monitors has a USB controller for keyboard and mouse, or streams.",
    .remedy = "Give it a USB controller.",
    .check = check,
};
