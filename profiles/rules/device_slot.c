#include "profiles/rules/rule.h"

const struct rule_info info_device_slot = {
    .id = "device-slot",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Places on a workstation's bus are free and not its machine's own.",
    .remedy = "Choose slots 01 to 1e, each once.",
};
