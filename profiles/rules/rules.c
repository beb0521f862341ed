#include "core/base/str.h"
#include "profiles/rules/rule.h"

const struct rule_info *const rules[] = {
#define RULE_FILE(name) &info_##name,
#include "profiles/rules/rules.def"
#undef RULE_FILE
};

const u32 nrules = ARRAY_SIZE(rules);

const struct rule_info *rule_find(const char *id)
{
	for (u32 i = 0; i < nrules; i++)
		if (str_equal(rules[i]->id, id))
			return rules[i];
	return NULL;
}

const char *rule_place_name(enum rule_place p)
{
	static const char *const names[] = {
	    [AT_FILE] = "the file",
	    [AT_KEY] = "the key or value",
	    [AT_SITE] = "the site",
	    [AT_WORKSTATION] = "the workstation",
	    [AT_NAME] = "name",
	    [AT_CORES] = "cores or processors",
	    [AT_MEMORY] = "memory",
	    [AT_KERNEL] = "kernel",
	    [AT_DEVICE] = "entry of devices",
	    [AT_HEAD] = "entry of heads",
	};

	return (unsigned)p < ARRAY_SIZE(names) ? names[p] : "somewhere";
}

const char *rule_finder_name(enum rule_finder f)
{
	static const char *const names[] = {"reading", "planning", "the proof, again at boot",
					    "a check of the tool"};

	return (unsigned)f < ARRAY_SIZE(names) ? names[f] : "somebody";
}

struct place rule_place_of(const struct rule_info *rule, const struct site *s,
			   const struct resolved *resolved, u32 ws, u32 item)
{
	const struct profile *w;

	if (ws >= s->nworkstations)
		return s->p.at;
	w = &s->workstations[ws];
	switch (rule ? rule->place : AT_WORKSTATION) {
	case AT_SITE:
		return s->p.at;
	case AT_NAME:
		return PLACE_OF(w, name);
	case AT_CORES:
		return w->processors.n ? PLACE_OF(w, processors) : PLACE_OF(w, cores);
	case AT_MEMORY:
		return PLACE_OF(w, memory);
	case AT_KERNEL:
		return PLACE_OF(w, kernel);
	case AT_DEVICE:
		if (item < resolved->wants[ws].ndevices)
			return resolved->workstations[ws].wishes[item]->p.at;
		return PLACE_OF(w, devices);
	case AT_HEAD:
		return PLACE_OF(w, heads);
	default:
		return w->p.at;
	}
}

void rules_check(const struct rule_context *c)
{
	for (u32 i = 0; i < nrules; i++)
		if (rules[i]->check)
			rules[i]->check(c, rules[i]);
}
