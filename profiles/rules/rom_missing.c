#include "profiles/rules/rule.h"

static void check_device(const struct rule_context *c, const struct rule_info *self, u32 w, u32 i)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];
	const struct facts_function *f = &c->facts->functions[r->functions[i]];
	struct address_text at;

	if (!class_matches(CLASS_DISPLAY, f->class_code) || f->is_vf ||
	    c->resolved->wants[w].devices[i].rom)
		return;
	if (f->rom == FACTS_ROM_BAD || f->rom == FACTS_ROM_SHADOW)
		RULE_REPORT(c, self, r->wishes[i]->p.at,
			    "Save the card's ROM while another card is the first display, and name "
			    "the file as 'rom:'",
			    "the ROM of %s for %s %s, and no file stands in for it",
			    address_bdf_text(&at, f->bdf), c->site->workstations[w].name,
			    f->rom == FACTS_ROM_BAD ? "cannot be read"
						    : "is only the firmware's used copy");
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++)
		for (u32 i = 0; i < c->resolved->wants[w].ndevices; i++)
			check_device(c, self, w, i);
}

const struct rule_info info_rom_missing = {
    .id = "rom-missing",
    .severity = SEVERITY_WARNING,
    .finder = FOUND_BY_CHECK,
    .place = AT_DEVICE,
    .text = "A GPU's ROM can be read, or a file is given: drivers and firmware need it.",
    .remedy = "Dump the ROM on another machine or slot and name it as rom.",
    .check = check,
};
