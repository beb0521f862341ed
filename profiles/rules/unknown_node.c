#include "profiles/rules/rule.h"

const struct rule_info info_unknown_node = {
    .id = "unknown-node",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_KEY,
    .text = "The NUMA node to be near to exists.",
    .remedy = "Choose a node that caprock probe lists.",
};
