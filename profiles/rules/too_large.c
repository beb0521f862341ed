#include "profiles/rules/rule.h"

const struct rule_info info_too_large = {
    .id = "too-large",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_SITE,
    .text = "A plan asks for no more workstations, processors and devices than the machine has.",
    .remedy = "Plan fewer.",
};
