#include "core/base/str.h"
#include "profiles/nearest.h"
#include "profiles/rules/rule.h"

u32 rule_gpu_node(const struct rule_context *c, u32 w)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];

	for (u32 i = 0; i < c->resolved->wants[w].ndevices; i++) {
		const struct facts_function *f = &c->facts->functions[r->functions[i]];

		if (class_matches(CLASS_DISPLAY, f->class_code))
			return f->node;
	}
	return FACTS_UNKNOWN;
}

bool rule_has_class(const struct rule_context *c, u32 w, enum wish_class class)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];

	for (u32 i = 0; i < c->resolved->wants[w].ndevices; i++)
		if (class_matches(class, c->facts->functions[r->functions[i]].class_code))
			return true;
	return false;
}

/* The next GPU of a workstation whose outputs are known, from *i on. */
static const struct facts_gpu *next_gpu(const struct rule_context *c, u32 w, u32 *i)
{
	const struct resolved_workstation *r = &c->resolved->workstations[w];

	while (*i < c->resolved->wants[w].ndevices) {
		struct bdf at = c->facts->functions[r->functions[(*i)++]].bdf;

		for (u32 g = 0; g < c->facts->ngpus; g++) {
			const struct facts_gpu *gpu = &c->facts->gpus[g];

			if (gpu->noutputs && gpu->bdf.segment == at.segment &&
			    gpu->bdf.bus == at.bus && gpu->bdf.devfn == at.devfn)
				return gpu;
		}
	}
	return NULL;
}

bool rule_outputs(const struct rule_context *c, u32 w, u32 *n)
{
	const struct facts_gpu *gpu;
	bool known = false;

	*n = 0;
	for (u32 i = 0; (gpu = next_gpu(c, w, &i));) {
		*n += gpu->noutputs;
		known = true;
	}
	return known;
}

const struct facts_output *rule_find_output(const struct rule_context *c, u32 w, const char *name,
					    const struct facts_output **nearest)
{
	const struct facts_gpu *gpu;
	u32 best = ~0u;

	*nearest = NULL;
	for (u32 i = 0; (gpu = next_gpu(c, w, &i));)
		for (u32 k = 0; k < gpu->noutputs; k++) {
			const struct facts_output *o = &gpu->outputs[k];
			u32 d = edit_distance(name, o->name);

			if (str_equal(name, o->name))
				return o;
			if (d < best) {
				best = d;
				*nearest = o;
			}
		}
	return NULL;
}
