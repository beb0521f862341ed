#include "profiles/rules/rule.h"

const struct rule_info info_smt_split = {
    .id = "smt-split",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_CORES,
    .text = "The threads of one core have one owner: they share caches and buffers.",
    .remedy = "Give all threads of a core to one workstation.",
};
