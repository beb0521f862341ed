#include "profiles/rules/rule.h"

const struct rule_info info_device_bar = {
    .id = "device-bar",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "What a device's BARs name is the device's alone: neither memory nor another device's.",
    .remedy = "Switch on Above 4G Decoding, update the firmware, or take the card out.",
};
