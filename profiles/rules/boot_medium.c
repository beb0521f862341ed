#include "profiles/rules/rule.h"

const struct rule_info info_boot_medium = {
    .id = "boot-medium",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "The controller of the hypervisor's own boot medium goes to nobody.",
    .remedy = "Boot from another controller, or leave this one.",
};
