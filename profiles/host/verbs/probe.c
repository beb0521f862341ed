/* caprock probe: a machine's facts, for people, for the other verbs (YAML) and for programs (JSON). */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/listing.h"
#include "profiles/host/facts/write.h"
#include "profiles/host/verb.h"

static const char help[] =
    "usage: caprock probe [-o FILE] [--json] [--lspci FILE] [--acpi DIR]\n\n"
    "Find out what this machine has: processors, memory, IOMMUs, PCI functions with their isolation\n"
    "groups, displays. Without options a page for people is printed; run as root to see all.\n\n"
    "  -o FILE        write the machine file (YAML) that site files name; '-' is standard output\n"
    "  --json         write JSON instead, to standard output unless -o names a file\n"
    "  --lspci FILE   read PCI functions from a dump by 'lspci -vvxxxx' instead of this machine\n"
    "  --acpi DIR     read raw ACPI tables from DIR instead of this machine\n\n"
    "With a dump nothing of this machine itself is looked at. Exit status: 0 facts were written, even if\n"
    "some are missing (which ones is said); 3 a dump or table is damaged: the facts hold what could be\n"
    "read; 2 wrong usage, or a file cannot be read or written.\n";

struct options {
	struct gather_options gather;
	const char *out;
	bool json, help;
};

static bool read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"json", no_argument, NULL, 'j'},	    {"lspci", required_argument, NULL, 'l'},
	    {"acpi", required_argument, NULL, 'a'}, {"output", required_argument, NULL, 'o'},
	    {"help", no_argument, NULL, 'h'},	    {0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1)
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'l':
			o->gather.lspci = optarg;
			break;
		case 'a':
			o->gather.acpi = optarg;
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'h':
			o->help = true;
			break;
		default:
			return false;
		}
	if (optind < argc)
		fprintf(stderr, "caprock: probe: '%s' was not expected; try --help\n",
			argv[optind]);
	return optind == argc;
}

static bool readable(const char *path, const char *mode)
{
	FILE *f = path ? fopen(path, mode) : NULL;

	if (path && !f)
		fprintf(stderr, "caprock: %s: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	return !path || f;
}

static bool write_facts(const struct facts *f, const struct options *o)
{
	bool to_file = o->out && strcmp(o->out, "-") != 0, good;
	FILE *out = to_file ? fopen(o->out, "w") : stdout;

	if (!out) {
		fprintf(stderr, "caprock: %s: %s\n", o->out, strerror(errno));
		return false;
	}
	if (o->json)
		good = facts_write_json(f, out);
	else if (o->out)
		good = facts_write_yaml(f, out);
	else
		good = true;
	if (to_file)
		good &= !fclose(out);
	if (good && (to_file || (!o->json && !o->out)))
		facts_list(f, stdout);
	good &= !fflush(stdout) && !ferror(stdout);
	if (!good)
		fprintf(stderr, "caprock: %s: %s\n", to_file ? o->out : "standard output",
			errno ? strerror(errno) : "not everything could be written");
	return good;
}

int verb_probe(int argc, char **argv)
{
	struct options o = {0};
	struct gather g;
	int status;

	if (!read_options(argc, argv, &o))
		return EXIT_USAGE;
	if (o.help)
		return fputs(help, stdout) < 0 ? EXIT_USAGE : EXIT_YES;
	if (!readable(o.gather.lspci, "r") || !readable(o.gather.acpi, "r"))
		return EXIT_USAGE;
	gather(&g, &o.gather);
	/* What goes to a file or a program is not read by people: say what is missing apart. */
	if (o.json || (o.out && !strcmp(o.out, "-")))
		for (u32 i = 0; i < g.facts.nmissing; i++)
			fprintf(stderr, "caprock: missing: %s\n", g.facts.missing[i]);
	status = g.refused ? EXIT_NO : EXIT_YES;
	if (!write_facts(&g.facts, &o))
		status = EXIT_USAGE;
	gather_free(&g);
	return status;
}
