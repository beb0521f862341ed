#include "profiles/rules/rule.h"

const struct rule_info info_no_virtualization = {
    .id = "no-virtualization",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_SITE,
    .text =
	"The processor has virtualization with nested paging, and firmware has not switched it off.",
    .remedy = "Switch on SVM or VT-x in the firmware's setup.",
};
