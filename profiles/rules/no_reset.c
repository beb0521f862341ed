#include "profiles/rules/rule.h"

const struct rule_info info_no_reset = {
    .id = "no-reset",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text =
	"A device can be reset without another owner's, or it would carry data from one to the next.",
    .remedy = "Use a card with function-level reset, or one alone below its port.",
};
