/* caprock schema: the language for editors and pages. */
#include <string.h>

#include "profiles/host/docs/docs.h"
#include "profiles/host/options.h"
#include "profiles/host/verb.h"

int verb_schema(int argc, char **argv)
{
	bool markdown = false, man = false;
	const struct option_row rows[] = {
	    {"markdown", NULL, OPTION_FLAG, &markdown, "docs/profiles.md"},
	    {"man", NULL, OPTION_FLAG, &man, "the manual page caprock-profile(5)"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Print the language of profiles: a JSON schema of site files for editors, or pages.",
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 printed, 2 usage",
	};
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	if (markdown)
		docs_markdown(stdout);
	else if (man)
		docs_man_profile(stdout);
	else
		docs_json_schema(stdout);
	return EXIT_YES;
}
