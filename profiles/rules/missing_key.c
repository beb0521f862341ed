#include "profiles/rules/rule.h"

const struct rule_info info_missing_key = {
    .id = "missing-key",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "Keys without a default are given.",
    .remedy = "Add the key.",
};
