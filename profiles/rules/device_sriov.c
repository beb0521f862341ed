#include "profiles/rules/rule.h"

const struct rule_info info_device_sriov = {
    .id = "device-sriov",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Virtual functions are asked of cards that have SR-IOV.",
    .remedy = "Ask another card, or for the whole one.",
};
