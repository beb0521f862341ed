#include <stdlib.h>
#include <string.h>

#include "core/base/types.h"
#include "profiles/host/options.h"
#include "profiles/host/verb.h"
#include "profiles/nearest.h"

static void print_usage(const struct verb_usage *u, FILE *out)
{
	fprintf(out, "usage: caprock %s", u->verb);
	for (size_t i = 0; i < u->n; i++)
		fprintf(out, " [%s%s%s%s]", u->rows[i].name[1] ? "--" : "-", u->rows[i].name,
			u->rows[i].argument ? " " : "",
			u->rows[i].argument ? u->rows[i].argument : "");
	fprintf(out, "%s%s\n", u->operand ? " " : "", u->operand ? u->operand : "");
}

static void print_help(const struct verb_usage *u)
{
	char words[64];

	print_usage(u, stdout);
	printf("\n%s\n", u->summary);
	if (u->n)
		putchar('\n');
	for (size_t i = 0; i < u->n; i++) {
		snprintf(words, sizeof(words), "%s%s %s", u->rows[i].name[1] ? "--" : "-",
			 u->rows[i].name, u->rows[i].argument ? u->rows[i].argument : "");
		printf("  %-20s %s\n", words, u->rows[i].help);
	}
	printf("\nexit status: %s\n", u->status);
}

static int unknown(const struct verb_usage *u, const char *word)
{
	const char *name = word + strspn(word, "-");
	u32 guess =
	    nearest_word(name, u->rows ? &u->rows[0].name : NULL, (u32)u->n, sizeof(u->rows[0]));

	if (guess == ~0u)
		fprintf(stderr, "caprock %s: '%s' was not expected; try --help\n", u->verb, word);
	else
		fprintf(stderr, "caprock %s: there is no '%s'; did you mean '%s%s'?\n", u->verb,
			word, u->rows[guess].name[1] ? "--" : "-", u->rows[guess].name);
	return EXIT_USAGE;
}

static bool read_size(const char *s, u64 *out)
{
	static const char units[] = "KMGT";
	char *end;
	const char *unit;
	unsigned long long v = strtoull(s, &end, 10);

	while (*end == ' ')
		end++;
	unit = *end ? strchr(units, *end & ~32) : NULL;
	if (end == s || *s == '-' || !unit || (end[1] && strcmp(end + 1, "iB")))
		return false;
	*out = v << 10 * (u32)(unit - units + 1);
	return *out >> 10 * (u32)(unit - units + 1) == v;
}

static bool read_value(const struct option_row *o, const char *text)
{
	char *end;
	unsigned long v;

	switch (o->kind) {
	case OPTION_TEXT:
		*(const char **)o->at = text;
		return true;
	case OPTION_SIZE:
		return read_size(text, o->at);
	case OPTION_NUMBER:
		v = strtoul(text, &end, 10);
		*(unsigned *)o->at = (unsigned)v;
		return end != text && !*end && *text != '-' && v <= 0xffffffff;
	default:
		return false;
	}
}

static const struct option_row *find(const struct verb_usage *u, const char *name, size_t n)
{
	for (size_t i = 0; i < u->n; i++)
		if (strlen(u->rows[i].name) == n && !strncmp(u->rows[i].name, name, n))
			return &u->rows[i];
	return NULL;
}

/* One option and its value; how many words it took, 0 after a fault. */
static int take(const struct verb_usage *u, char **argv)
{
	const char *word = argv[0], *name = word + (word[1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '='), *value;
	const struct option_row *o = find(u, name, equals ? (size_t)(equals - name) : strlen(name));

	if (!o || (word[1] == '-') != (o->name[1] != '\0')) {
		unknown(u, word);
		return 0;
	}
	if (o->kind == OPTION_FLAG) {
		*(bool *)o->at = true;
		return 1;
	}
	value = equals ? equals + 1 : argv[1];
	if (!value || !read_value(o, value)) {
		fprintf(stderr, "caprock %s: '%s' needs %s%s%s\n", u->verb, word, o->argument,
			value ? ", not " : "", value ? value : "");
		return 0;
	}
	return equals ? 1 : 2;
}

int options_read(const struct verb_usage *u, int argc, char **argv)
{
	for (int i = 1; i < argc;) {
		int n = 1;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(u);
			return EXIT_YES;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			n = take(u, argv + i);
		} else if (u->operand_at && !*u->operand_at) {
			*u->operand_at = argv[i];
		} else {
			unknown(u, argv[i]);
			n = 0;
		}
		if (!n)
			return EXIT_USAGE;
		i += n;
	}
	if (u->operand_at && !*u->operand_at && u->operand[0] != '[') {
		print_usage(u, stderr);
		return EXIT_USAGE;
	}
	return OPTIONS_GO;
}
