#include "profiles/rules/rule.h"

const struct rule_info info_cpu_unknown = {
    .id = "cpu-unknown",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_CORES,
    .text = "The processors that are named exist.",
    .remedy = "Choose among those that caprock probe lists.",
};
