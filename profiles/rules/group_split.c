#include "profiles/rules/rule.h"

const struct rule_info info_group_split = {
    .id = "group-split",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Functions that cannot be kept apart go to one workstation.",
    .remedy = "Give both to one, or move the card below another root port.",
};
