#include "profiles/rules/rule.h"

const struct rule_info info_virtual_function = {
    .id = "virtual-function",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "A virtual function has an owner only while its card stays with the hypervisor and is "
	    "asked for that many.",
    .remedy = "Ask the card for virtual functions, or leave them to nobody.",
};
