#include "profiles/rules/rule.h"

const struct rule_info info_grant_size = {
    .id = "grant-size",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_MEMORY,
    .text = "The memory set aside for tables and state suffices.",
    .remedy = "Build the plan again with this version.",
};
