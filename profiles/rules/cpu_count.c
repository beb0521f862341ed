#include "profiles/rules/rule.h"

const struct rule_info info_cpu_count = {
    .id = "cpu-count",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_CORES,
    .text = "A workstation has a processor.",
    .remedy = "Give it at least one core.",
};
