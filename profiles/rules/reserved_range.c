#include "profiles/rules/rule.h"

const struct rule_info info_reserved_range = {
    .id = "reserved-range",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "A device for which firmware demands memory (RMRR, IVMD) goes away only knowingly.",
    .remedy = "Switch the firmware feature off, or say keep-reserved.",
};
