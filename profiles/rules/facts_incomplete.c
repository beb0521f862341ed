#include "profiles/rules/rule.h"

static void check(const struct rule_context *c, const struct rule_info *self)
{
	if (c->facts && c->facts->nmissing)
		RULE_REPORT(
		    c, self, PLACE_OF(c->site, machine),
		    "Run caprock probe again as root, or as the machine file's 'missing' says",
		    "the machine file lacks facts (%u of its parts); the first: %s",
		    c->facts->nmissing, c->facts->missing[0]);
}

const struct rule_info info_facts_incomplete = {
    .id = "facts-incomplete",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_SITE,
    .text =
	"The machine file holds all facts: some are seen only by root, or with the card bound to vfio-pci.",
    .remedy = "Run caprock probe again as its own list says.",
    .check = check,
};
