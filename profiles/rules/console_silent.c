#include "core/base/str.h"
#include "profiles/rules/rule.h"

static bool contains(const char *text, const char *part)
{
	size_t n = str_len(part);

	for (; *text; text++) {
		size_t i = 0;

		while (i < n && text[i] == part[i])
			i++;
		if (i == n)
			return true;
	}
	return false;
}

static bool looks_like_linux(const struct profile *p)
{
	return p->kernel && (p->command_line[0] || contains(p->kernel, "vmlinu") ||
			     contains(p->kernel, "bzImage"));
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; w < c->site->nworkstations; w++) {
		const struct profile *p = &c->site->workstations[w];

		if (p->console && looks_like_linux(p) &&
		    !contains(p->command_line, "console=ttyS0"))
			RULE_REPORT(
			    c, self, PLACE_OF(p, command_line),
			    "Add 'console=ttyS0' to 'command-line', or write 'console: no'",
			    "the kernel of %s is not told to use its serial port, so its log "
			    "stays empty",
			    p->name);
	}
}

const struct rule_info info_console_silent = {
    .id = "console-silent",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_WORKSTATION,
    .text =
	"A Linux kernel is told to talk on the serial port, or nobody sees why it does not start.",
    .remedy = "Add console=ttyS0 to the command line, or say console: no.",
    .check = check,
};
