#include "profiles/rules/rule.h"

const struct rule_info info_unknown_file = {
    .id = "unknown-file",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_KEY,
    .text = "Files that are named can be read.",
    .remedy = "Name a file beside the one that names it, or by its whole path.",
};
