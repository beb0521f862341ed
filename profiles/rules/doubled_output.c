#include "core/base/str.h"
#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];

		for (u32 h = 0; h < p->nheads; h++)
			for (u32 k = 0; k < h; k++)
				if (p->heads[h].output &&
				    str_same(p->heads[h].output, p->heads[k].output))
					RULE_REPORT(c, self, PLACE_OF(&p->heads[h], output),
						    "Name another output for one of them",
						    "two heads of %s are on output %s", p->name,
						    p->heads[h].output);
	}
}

const struct rule_info info_doubled_output = {
    .id = "doubled-output",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_CHECK,
    .place = AT_HEAD,
    .text = "An output serves one head.",
    .remedy = "Name another output for one of them.",
    .check = check,
};
