#include "profiles/rules/rule.h"

static void check_device(const struct rule_context *c, const struct rule_info *self, u32 w, u32 i)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];
	const struct facts_function *f = &c->facts->functions[r->functions[i]];
	struct address_text at;

	if (f->boot_display)
		RULE_REPORT(
		    c, self, r->wishes[i]->p.at,
		    "Choose another first display in the firmware's setup (onboard graphics, "
		    "or another slot), or read the hypervisor's messages on the serial port",
		    "%s goes to %s, and the firmware's boot screen is on it: the screen goes "
		    "dark when it is handed over, and its state is not fresh from power-on",
		    address_bdf_text(&at, f->bdf), c->site->workstations[w].name);
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++)
		for (u32 i = 0; i < c->resolved->wants[w].ndevices; i++)
			check_device(c, self, w, i);
}

const struct rule_info info_boot_framebuffer = {
    .id = "boot-framebuffer",
    .severity = SEVERITY_WARNING,
    .finder = FOUND_BY_CHECK,
    .place = AT_DEVICE,
    .text =
	"The GPU that firmware draws the boot screen with is wanted by the hypervisor's own messages.",
    .remedy = "Let firmware start on another GPU, or know that the screen goes dark.",
    .check = check,
};
