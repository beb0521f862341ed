/*
 * rulecheck DAMAGE SITE: check the site, break its plan in one way and print what the proof says, as
 * `caprock check` would: for rules that no profile can break, because the planner never does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/study/study.h"
#include "tests/fake/damage.h"

static struct plan before;

/* More workstations than the machine has processors: the first one again and again. */
static void too_large(struct plan *p, u32 ncpus)
{
	struct plan_workstation *all = calloc(ncpus + 1, sizeof(*all));

	for (u32 i = 0; all && i <= ncpus; i++)
		all[i] = p->workstations[0];
	p->workstations = all;
	p->nworkstations = ncpus + 1;
}

/* What runs has another serial number than the plan gives it. */
static void running_changed(const struct plan *p)
{
	struct plan_workstation *ws = calloc(1, sizeof(*ws));

	before = *p;
	*ws = p->workstations[0];
	ws->serial = "another";
	before.workstations = ws;
	before.nworkstations = 1;
}

static bool break_plan(struct study *s, const char *how)
{
	if (!strcmp(how, "too-large")) {
		too_large(&s->plan, s->machine.ncpus);
		return true;
	}
	if (!strcmp(how, "running-changed")) {
		running_changed(&s->plan);
		return true;
	}
	for (u32 i = 0; i < ndamages; i++)
		if (!strcmp(damages[i].name, how))
			return damages[i].plan(&s->plan);
	return false;
}

int main(int argc, char **argv)
{
	struct study s;

	if (argc != 3)
		return 2;
	if (!study_all(&s, argv[2])) {
		study_print(&s, stdout);
		return 2;
	}
	if (!break_plan(&s, argv[1])) {
		fprintf(stderr,
			"rulecheck: there is no damage '%s', or the plan lacks what it breaks\n",
			argv[1]);
		return 2;
	}
	s.nfound = 0;
	study_prove(&s, before.nworkstations ? &before : NULL);
	study_print(&s, stdout);
	return s.r.errors ? 3 : 0;
}
