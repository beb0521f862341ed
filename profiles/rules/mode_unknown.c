#include "profiles/rules/rule.h"

static bool offers(const struct facts_output *o, const struct display_mode *m)
{
	for (u32 i = 0; i < o->nmodes; i++)
		if (o->modes[i].width == m->width && o->modes[i].height == m->height &&
		    (o->modes[i].millihertz + 500) / 1000 == m->hz)
			return true;
	return false;
}

static void check_head(const struct rule_context *c, const struct rule_info *self, u32 w, u32 h)
{
	const struct profile *p = &c->site->workstations[w];
	const struct profile_head *head = &p->heads[h];
	const struct facts_output *o, *nearest;

	if (!head->output || !head->mode.width || head->edid)
		return;
	o = rule_find_output(c, w, head->output, &nearest);
	if (!o || !o->connected || !o->nmodes || offers(o, &head->mode))
		return;
	RULE_REPORT(c, self, PLACE_OF(head, mode),
		    "Choose a mode that caprock probe lists, or show an 'edid:' that has it",
		    "the monitor at %s of %s does not offer %ux%u@%u", o->name, p->name,
		    head->mode.width, head->mode.height, head->mode.hz);
}

static void check(const struct rule_context *c, const struct rule_info *self)
{
	for (u32 w = 0; c->facts && w < c->site->nworkstations; w++)
		for (u32 h = 0; h < c->site->workstations[w].nheads; h++)
			check_head(c, self, w, h);
}

const struct rule_info info_mode_unknown = {
    .id = "mode-unknown",
    .severity = SEVERITY_ADVICE,
    .finder = FOUND_BY_CHECK,
    .place = AT_HEAD,
    .text = "A head's mode is one that its monitor offers.",
    .remedy = "Choose a mode that caprock probe lists, or another monitor.",
    .check = check,
};
