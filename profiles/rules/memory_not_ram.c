#include "profiles/rules/rule.h"

const struct rule_info info_memory_not_ram = {
    .id = "memory-not-ram",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_MEMORY,
    .text = "What is dealt out is usable RAM of this machine.",
    .remedy = "Build the plan from this machine's own facts.",
};
