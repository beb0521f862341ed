#include "profiles/rules/rule.h"

const struct rule_info info_bad_value = {
    .id = "bad-value",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "Values have the form of their key: units, addresses, words.",
    .remedy = "Write it as the message shows.",
};
