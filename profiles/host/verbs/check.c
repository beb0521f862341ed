/* caprock check [--json] SITE */
#include <stdio.h>

#include "profiles/host/options.h"
#include "profiles/host/study/study.h"
#include "profiles/host/verb.h"

int verb_check(int argc, char **argv)
{
	bool json = false;
	const char *site = NULL;
	const struct option_row rows[] = {
	    {"json", NULL, OPTION_FLAG, &json,
	     "a list of {rule, severity, file, line, column, text, remedy}"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Read a site, its workstations and its machine; apply every rule; show all that is\n"
		"wrong in one run. Nothing is written and no machine is touched.",
	    .operand = "SITE",
	    .operand_at = &site,
	    .rows = rows,
	    .n = 1,
	    .status =
		"0 nothing is in the way, 3 refused, 2 usage. Warnings and advice refuse nothing.",
	};
	struct study s;
	bool good;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	good = study_all(&s, site);
	if (json)
		study_print_json(&s, stdout);
	else
		study_print(&s, stdout);
	if (good && !json)
		printf("%s: good: %u workstation%s\n", site, s.site->nworkstations,
		       s.site->nworkstations == 1 ? "" : "s");
	status = study_status(&s);
	study_free(&s);
	return status;
}
