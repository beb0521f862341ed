#include "profiles/rules/rule.h"

const struct rule_info info_identity_ambiguous = {
    .id = "identity-ambiguous",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_DEVICE,
    .text = "A device that is named by ids or class is the only one of its kind.",
    .remedy = "Add its address or serial number.",
};
