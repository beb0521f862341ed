#include "profiles/rules/rule.h"

const struct rule_info info_out_of_range = {
    .id = "out-of-range",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "Values lie within the limits of their key.",
    .remedy = "Choose a value within the limits.",
};
