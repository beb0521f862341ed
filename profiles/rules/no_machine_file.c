#include "profiles/rules/rule.h"

const struct rule_info info_no_machine_file = {
    .id = "no-machine-file",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_DEVICE,
    .text = "A site whose workstations own devices names the machine that has them.",
    .remedy = "Write the facts with caprock probe and name the file.",
};
