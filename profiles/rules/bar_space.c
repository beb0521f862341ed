#include "core/base/err.h"
#include "core/partition/layout.h"
#include "profiles/rules/rule.h"

/* Windows of 32 and 64 bits, as the workstation's machine will lay them out. */
static void check_workstation(const struct rule_context *c, const struct rule_info *self, u32 w)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];
	const struct want *want = &c->resolved->wants[w];
	u64 need32 = 0, need64 = 0;
	struct layout l;

	for (u32 i = 0; i < want->ndevices; i++) {
		const struct facts_function *f = &c->facts->functions[r->functions[i]];

		for (u32 k = 0; k < f->nbars; k++) {
			if (f->bars[k].io)
				continue;
			if (f->bars[k].is64)
				need64 += f->bars[k].size;
			else
				need32 += f->bars[k].size;
		}
	}
	if (layout_make(want->memory, need32, need64, LAYOUT_ECAM_BUSES,
			c->machine->phys_bits ? c->machine->phys_bits : 40, &l) == ERR_RANGE)
		RULE_REPORT(
		    c, self, PLACE_OF(&c->site->workstations[w], devices),
		    "Give it fewer cards or less memory, or switch Resizable BAR off in the "
		    "firmware's setup",
		    "the devices of %s need %lu MiB of 32-bit and %lu MiB of 64-bit windows, "
		    "which do not fit beside %lu MiB of memory within %u address bits",
		    want->name, need32 >> 20, need64 >> 20, want->memory >> 20,
		    c->machine->phys_bits);
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++)
		check_workstation(c, self, w);
}

const struct rule_info info_bar_space = {
    .id = "bar-space",
    .severity = SEVERITY_ERROR,
    .finder = FOUND_BY_CHECK,
    .place = AT_DEVICE,
    .text = "The address windows of its devices fit a workstation's address space.",
    .remedy = "Give it fewer or smaller cards, less memory, or switch Resizable BAR off.",
    .check = check,
};
