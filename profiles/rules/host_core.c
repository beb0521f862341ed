#include "profiles/rules/rule.h"

const struct rule_info info_host_core = {
    .id = "host-core",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_SITE,
    .text = "The core that the machine boots on is the hypervisor's.",
    .remedy = "Build the plan from this machine's own facts.",
};
