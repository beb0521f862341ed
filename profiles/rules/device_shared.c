#include "profiles/rules/rule.h"

const struct rule_info info_device_shared = {
    .id = "device-shared",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "A device belongs to one workstation, once.",
    .remedy = "Give it to one of them, or share it by SR-IOV.",
};
