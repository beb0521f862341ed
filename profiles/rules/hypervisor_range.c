#include "profiles/rules/rule.h"

const struct rule_info info_hypervisor_range = {
    .id = "hypervisor-range",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_SITE,
    .text = "The hypervisor's own memory is usable RAM and large enough.",
    .remedy = "Build the plan again with this version.",
};
