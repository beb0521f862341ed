#include "profiles/rules/rule.h"

const struct rule_info info_cpu_shared = {
    .id = "cpu-shared",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_CORES,
    .text = "A processor belongs to one workstation, once.",
    .remedy = "Give each processor to one.",
};
