#include "profiles/rules/rule.h"

const struct rule_info info_yaml_syntax = {
    .id = "yaml-syntax",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_LANGUAGE,
    .place = AT_FILE,
    .text = "A file is YAML, without anchors, aliases, tags and second documents.",
    .remedy = "Mend the line and the one before: indentation, colons, brackets, quotes.",
};
