#include "profiles/rules/rule.h"

const struct rule_info info_device_split = {
    .id = "device-split",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "A display goes away with all functions of its card: its driver switches their power.",
    .remedy = "Give all functions of the card to one workstation.",
};
