#include "profiles/rules/rule.h"

const struct rule_info info_device_identity = {
    .id = "device-identity",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "What stands at an address is what the profile means: ids and serial number agree.",
    .remedy = "Put the card back into its slot, or name the one that is there.",
};
