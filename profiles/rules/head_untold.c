#include "profiles/rules/rule.h"

const struct rule_info info_head_untold = {
    .id = "head-untold",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_PLANNING,
    .place = AT_HEAD,
    .text =
	"What a head asks for can be told to the workstation's kernel: Linux, which takes modes as words of its "
	"command line and EDIDs as files in front of its initial RAM disk.",
    .remedy =
	"Name Linux's bzImage and an initial RAM disk, or leave mode and EDID to the workstation.",
};
