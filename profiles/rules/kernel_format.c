#include "profiles/rules/rule.h"

const struct rule_info info_kernel_format = {
    .id = "kernel-format",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_CHECK,
    .place = AT_KERNEL,
    .text =
	"The kernel is one that the hypervisor can start: bzImage (protocol 2.12 or later) or ELF64 with a PVH note.",
    .remedy = "Name the right file.",
};
