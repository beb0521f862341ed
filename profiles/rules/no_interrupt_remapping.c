#include "profiles/rules/rule.h"

const struct rule_info info_no_interrupt_remapping = {
    .id = "no-interrupt-remapping",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PROOF,
    .place = AT_DEVICE,
    .text = "Devices are given away only where their interrupts are remapped.",
    .remedy = "Switch on interrupt remapping (often x2APIC) in the firmware's setup.",
};
