/* caprock completion: what a shell needs to complete verbs, options and files. */
#include <stdio.h>

#include "profiles/host/options.h"
#include "profiles/host/verb.h"

/* Options are asked of the verb itself, so that they cannot be out of date. */
static const char bash[] =
    "_caprock()\n"
    "{\n"
    "\tlocal word=${COMP_WORDS[COMP_CWORD]}\n"
    "\tCOMPREPLY=()\n"
    "\tif ((COMP_CWORD == 1)); then\n"
    "\t\tCOMPREPLY=($(compgen -W \"$(caprock help --verbs) help\" -- \"$word\"))\n"
    "\telif [[ ${COMP_WORDS[1]} == help ]]; then\n"
    "\t\tCOMPREPLY=($(compgen -W \"$(caprock help --topics)\" -- \"$word\"))\n"
    "\telif [[ $word == -* ]]; then\n"
    "\t\tCOMPREPLY=($(compgen -W \"$(caprock \"${COMP_WORDS[1]}\" --help 2>/dev/null |\n"
    "\t\t\tgrep -oE -- '(^|[[ ])--?[a-z][a-z-]*' | tr -d '[ ' | sort -u)\" -- \"$word\"))\n"
    "\telse\n"
    "\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
    "\tfi\n"
    "}\n"
    "complete -F _caprock caprock\n";

int verb_completion(int argc, char **argv)
{
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary = "Print a script for bash (and zsh with bashcompinit):\n"
		       "  source <(caprock completion)",
	    .status = "0 printed, 2 usage",
	};
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	fputs(bash, stdout);
	return EXIT_YES;
}
