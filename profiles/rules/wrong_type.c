#include "profiles/rules/rule.h"

const struct rule_info info_wrong_type = {
    .id = "wrong-type",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "A text, a list and a map stand where each belongs.",
    .remedy = "Write what the message asks for.",
};
