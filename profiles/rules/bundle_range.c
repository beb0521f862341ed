#include "profiles/rules/rule.h"

const struct rule_info info_bundle_range = {
    .id = "bundle-range",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_SITE,
    .text = "The place of the boot bundle is usable RAM, large enough and nobody else's.",
    .remedy = "Build the boot medium again.",
};
