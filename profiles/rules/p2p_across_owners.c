#include "profiles/rules/rule.h"

const struct rule_info info_p2p_across_owners = {
    .id = "p2p-across-owners",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_DEVICE,
    .text = "Devices reach each other directly only within one workstation.",
    .remedy = "Give both devices to one workstation, or do without.",
};
