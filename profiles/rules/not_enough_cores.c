#include "profiles/rules/rule.h"

const struct rule_info info_not_enough_cores = {
    .id = "not-enough-cores",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_CORES,
    .text = "The machine has the cores that are asked for, besides the hypervisor's.",
    .remedy = "Ask for fewer cores, here or in the other workstations.",
};
