#include "profiles/rules/rule.h"

const struct rule_info info_device_sriov = {
    .id = "device-sriov",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text =
	"Virtual functions are asked of cards that have SR-IOV, and so many of them. At boot: and "
	"that have room and ids for them.",
    .remedy = "Ask another card, for fewer, or for the whole one.",
};
