#include "profiles/rules/rule.h"

const struct rule_info info_doubled_key = {
    .id = "doubled-key",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "A key stands once in its map.",
    .remedy = "Keep one of the two.",
};
