#include "profiles/rules/rule.h"

const struct rule_info info_name = {
    .id = "name",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_NAME,
    .text = "Names are 1 to 31 of a-z, 0-9 and -, and no two are the same.",
    .remedy = "Choose another name.",
};
