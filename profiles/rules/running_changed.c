#include "profiles/rules/rule.h"

const struct rule_info info_running_changed = {
    .id = "running-changed",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_WORKSTATION,
    .text = "What runs keeps what it has.",
    .remedy = "Stop the workstation first.",
};
