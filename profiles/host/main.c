/* caprock: one tool, git-style verbs. */
#include <stdio.h>
#include <string.h>

#include "profiles/host/docs/docs.h"
#include "profiles/host/verb.h"
#include "profiles/nearest.h"

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
	fprintf(
	    out,
	    "\n'caprock VERB --help' tells of one verb, 'caprock help TOPIC' of the language and its rules:\n"
	    "'profile', 'rules', a part of the language ('workstation') or a rule ('smt-split').\n");
}

static int help_topics(void)
{
	puts("profile\nrules");
	for (u32 i = 0; schemas[i]; i++)
		puts(schemas[i]->name);
	for (u32 i = 0; i < nrules; i++)
		puts(rules[i]->id);
	return EXIT_YES;
}

static int help(const char *topic)
{
	const struct rule_info *rule = topic ? rule_find(topic) : NULL;

	if (!topic) {
		usage(stdout);
	} else if (!strcmp(topic, "--verbs")) {
		for (size_t i = 0; i < VERBS; i++)
			puts(verbs[i].name);
	} else if (!strcmp(topic, "--topics")) {
		help_topics();
	} else if (!strcmp(topic, "profile")) {
		docs_language(stdout);
	} else if (!strcmp(topic, "rules")) {
		docs_rules(stdout);
	} else if (rule) {
		docs_rule(rule, stdout);
	} else if (!docs_struct(topic, stdout)) {
		fprintf(stderr,
			"caprock: there is no topic '%s'; 'caprock help' names some, 'caprock help "
			"--topics' all\n",
			topic);
		return EXIT_USAGE;
	}
	return EXIT_YES;
}

static int no_verb(const char *word)
{
	u32 guess = nearest_word(word, &verbs[0].name, VERBS, sizeof(verbs[0]));

	if (guess == ~0u)
		fprintf(stderr, "caprock: there is no verb '%s'; 'caprock help' lists them\n",
			word);
	else
		fprintf(stderr, "caprock: there is no verb '%s'; did you mean '%s'?\n", word,
			verbs[guess].name);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version")) {
		puts("caprock " CAPROCK_VERSION);
		return EXIT_YES;
	}
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	return no_verb(argv[1]);
}
