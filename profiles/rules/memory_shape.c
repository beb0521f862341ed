#include "profiles/rules/rule.h"

const struct rule_info info_memory_shape = {
    .id = "memory-shape",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_MEMORY,
    .text = "Memory is dealt out in whole 2 MiB.",
    .remedy = "Ask for a multiple of 2 MiB.",
};
