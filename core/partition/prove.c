#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/str.h"
#include "core/partition/proof.h"

static const char *const names[RULE_COUNT] = {
#define RULE(id, name) [id] = name,
#include "core/partition/rules.def"
#undef RULE
};

const char *rule_name(enum rule r)
{
	return (unsigned)r < RULE_COUNT ? names[r] : "unknown-rule";
}

void refuse(struct proof *p, enum rule rule, u32 ws, u32 item, const char *remedy,
	    const char *format, ...)
{
	struct refusal r = {.rule = rule, .workstation = ws, .item = item};
	va_list ap;

	va_start(ap, format);
	vfmt(r.text, sizeof(r.text), format, ap);
	va_end(ap);
	fmt(r.remedy, sizeof(r.remedy), "%s", remedy);
	p->refusals++;
	if (p->sink)
		p->sink(p->ctx, &r);
}

const char *range_text(struct range_text *t, u64 base, u64 size)
{
	fmt(t->s, sizeof(t->s), "[%#lx, %#lx)", base, base + size);
	return t->s;
}

const char *function_text(struct function_text *t, const struct machine_function *f)
{
	fmt(t->s, sizeof(t->s), "%04x:%02x:%02x.%x", f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3,
	    f->bdf.devfn & 7);
	return t->s;
}

/*
 * Everything after this compares things pairwise; a plan that no machine could carry must not keep
 * it busy.
 */
static bool check_size(struct proof *p)
{
	const struct plan *plan = p->next;
	u32 before = p->refusals;

	if (plan->nworkstations > p->m->ncpus)
		refuse(p, RULE_TOO_LARGE, ~0u, ~0u, "Plan fewer workstations",
		       "the plan has %u workstations, the machine %u processors",
		       plan->nworkstations, p->m->ncpus);
	for (u32 w = 0; w < plan->nworkstations && p->refusals == before; w++) {
		const struct plan_workstation *ws = &plan->workstations[w];

		if (ws->ncpus > p->m->ncpus)
			refuse(p, RULE_TOO_LARGE, w, ~0u, "Give it fewer cores",
			       "%s has %u virtual processors, the machine %u", ws->name, ws->ncpus,
			       p->m->ncpus);
		if (ws->nram > PLAN_RAM_MAX)
			refuse(p, RULE_TOO_LARGE, w, ~0u, "Make its memory of fewer pieces",
			       "the memory of %s comes in %u pieces, %u is the limit", ws->name,
			       ws->nram, PLAN_RAM_MAX);
		if (ws->ndevices > p->m->nfunctions)
			refuse(p, RULE_TOO_LARGE, w, ~0u, "Leave out the devices it names twice",
			       "%s has %u devices, the machine %u", ws->name, ws->ndevices,
			       p->m->nfunctions);
	}
	return p->refusals == before;
}

static void check_names(struct proof *p)
{
	const struct plan *plan = p->next;

	for (u32 w = 0; w < plan->nworkstations; w++) {
		const char *name = plan->workstations[w].name;
		size_t n = str_len(name);
		bool good = n >= 1 && n <= PLAN_NAME_MAX;

		for (size_t i = 0; i < n && good; i++)
			good = (name[i] >= 'a' && name[i] <= 'z') ||
			       (name[i] >= '0' && name[i] <= '9') || name[i] == '-';
		if (!good)
			refuse(p, RULE_NAME, w, ~0u, "Use 1 to 31 of the characters a-z, 0-9 and -",
			       "workstation %u is named \"%s\"", w, name);
		for (u32 v = 0; v < w; v++)
			if (str_equal(name, plan->workstations[v].name))
				refuse(p, RULE_NAME, w, ~0u, "Give each workstation its own name",
				       "two workstations are named %s", name);
	}
}

int prove(const struct machine *m, const struct plan *current, const struct plan *next,
	  refusal_sink sink, void *ctx)
{
	struct proof p = {.m = m, .current = current, .next = next, .sink = sink, .ctx = ctx};

	if (!m->virtualization || !m->nested_paging)
		refuse(
		    &p, RULE_NO_VIRTUALIZATION, ~0u, ~0u,
		    "Switch on SVM (AMD) or VT-x (Intel) in the firmware's setup; processors from "
		    "before 2010 lack it",
		    m->virtualization
			? "the processor has no nested paging (NPT, or EPT with unrestricted "
			  "guest)"
			: "hardware virtualization is absent or switched off by the firmware");
	if (check_size(&p)) {
		check_names(&p);
		prove_cpus(&p);
		prove_memory(&p);
		prove_devices(&p);
		if (current)
			prove_change(&p);
	}
	return p.refusals ? ERR_PERM : OK;
}
