#include "profiles/rules/rule.h"

const struct rule_info info_not_enough_memory = {
    .id = "not-enough-memory",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_MEMORY,
    .text = "The machine has the memory that is asked for, besides the hypervisor's.",
    .remedy = "Ask for less memory, here or in the other workstations.",
};
