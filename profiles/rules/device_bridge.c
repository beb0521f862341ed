#include "profiles/rules/rule.h"

const struct rule_info info_device_bridge = {
    .id = "device-bridge",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Bridges go to nobody.",
    .remedy = "Give the devices behind it instead.",
};
