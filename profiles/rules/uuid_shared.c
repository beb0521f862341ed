#include "core/base/mem.h"
#include "core/base/str.h"
#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];

		for (u32 v = 0; v < w; v++)
			if (!memcmp(p->uuid, c->site->workstations[v].uuid, sizeof(p->uuid)) &&
			    !str_same(p->name, c->site->workstations[v].name)) {
				RULE_REPORT(
				    c, self, PLACE_OF(p, uuid),
				    "Leave 'uuid' out: each workstation gets one of its own",
				    "%s and %s have the same UUID", c->site->workstations[v].name,
				    p->name);
				break;
			}
	}
}

const struct rule_info info_uuid_shared = {
    .id = "uuid-shared",
    .severity = SEVERITY_WARNING,
    .finder = FOUND_BY_CHECK,
    .place = AT_WORKSTATION,
    .text =
	"No two workstations have the same UUID: licences and management tell them apart by it.",
    .remedy = "Leave it out: each gets its own.",
    .check = check,
};
