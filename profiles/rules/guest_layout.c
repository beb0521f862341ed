#include "profiles/rules/rule.h"

const struct rule_info info_guest_layout = {
    .id = "guest-layout",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_MEMORY,
    .text = "A workstation's memory fits the address space of its machine.",
    .remedy = "Ask for a multiple of 2 MiB, at least 64 MiB.",
};
