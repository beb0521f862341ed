#include "profiles/rules/rule.h"

const struct rule_info info_no_iommu = {
    .id = "no-iommu",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Devices are given away only on a machine whose IOMMU can hold them.",
    .remedy = "Switch on VT-d or AMD's IOMMU in the firmware's setup.",
};
