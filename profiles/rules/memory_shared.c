#include "profiles/rules/rule.h"

const struct rule_info info_memory_shared = {
    .id = "memory-shared",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_MEMORY,
    .text = "No two own the same memory.",
    .remedy = "Build the plan again; addresses are chosen then.",
};
