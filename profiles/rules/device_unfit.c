#include "profiles/rules/rule.h"

const struct rule_info info_device_unfit = {
    .id = "device-unfit",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "What the board itself needs, and what no IOMMU unit can hold, goes to nobody.",
    .remedy = "Use another card, or another slot.",
};
