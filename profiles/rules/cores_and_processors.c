#include "profiles/rules/rule.h"

const struct rule_info info_cores_and_processors = {
    .id = "cores-and-processors",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_CORES,
    .text = "A workstation says how many cores it wants, or which processors, not both.",
    .remedy = "Keep one of the two.",
};
