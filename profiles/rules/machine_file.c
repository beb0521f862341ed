#include "profiles/rules/rule.h"

const struct rule_info info_machine_file = {
    .id = "machine-file",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_FILE,
    .text = "The machine file holds facts that agree with each other.",
    .remedy = "Write it again with caprock probe of this version.",
};
