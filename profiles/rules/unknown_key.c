#include "profiles/rules/rule.h"

const struct rule_info info_unknown_key = {
    .id = "unknown-key",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "Only keys of the language stand in a profile; nothing is ignored.",
    .remedy = "Use the key that the message proposes.",
};
