/* caprock: one tool, git-style verbs. */
#include <stdio.h>
#include <string.h>

#include "profiles/host/verb.h"

static const struct {
	const char *name;
	verb_fn run;
	const char *summary;
} verbs[] = {
#define VERB(fn, name, summary) {name, verb_##fn, summary},
#include "profiles/host/verbs.def"
#undef VERB
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *out)
{
	fprintf(out, "usage: caprock VERB [ARGUMENT...]\n\n");
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-14s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(out,
		"\n'caprock VERB --help' tells of one verb, 'caprock --version' the version.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_YES;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("caprock " CAPROCK_VERSION);
		return EXIT_YES;
	}
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "caprock: there is no verb '%s'; 'caprock help' lists them\n", argv[1]);
	return EXIT_USAGE;
}
