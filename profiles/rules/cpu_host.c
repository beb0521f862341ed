#include "profiles/rules/rule.h"

const struct rule_info info_cpu_host = {
    .id = "cpu-host",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_CORES,
    .text = "The core that the machine boots on, with its threads, goes to no workstation.",
    .remedy = "Leave it to the hypervisor.",
};
