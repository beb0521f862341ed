#include "profiles/rules/rule.h"

const struct rule_info info_device_unknown = {
    .id = "device-unknown",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "The devices that are named exist.",
    .remedy = "Choose among those that caprock probe lists, or put the card back.",
};
