/* caprock probe: a machine's facts, for people, for the other verbs (YAML) and for programs (JSON). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/listing.h"
#include "profiles/host/facts/write.h"
#include "profiles/host/options.h"
#include "profiles/host/verb.h"

struct probe_args {
	struct gather_options gather;
	const char *out;
	bool json;
};

static bool readable(const char *path, const char *mode)
{
	FILE *f = path ? fopen(path, mode) : NULL;

	if (path && !f)
		fprintf(stderr, "caprock: %s: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	return !path || f;
}

static bool write_facts(const struct facts *f, const struct probe_args *o)
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
	struct probe_args o = {0};
	const struct option_row rows[] = {
	    {"o", "FILE", OPTION_TEXT, &o.out,
	     "write the machine file (YAML) that site files name; '-' is standard output"},
	    {"output", "FILE", OPTION_TEXT, &o.out, "as -o"},
	    {"json", NULL, OPTION_FLAG, &o.json,
	     "write JSON instead, to standard output unless -o names a file"},
	    {"lspci", "FILE", OPTION_TEXT, &o.gather.lspci,
	     "read PCI functions from a dump by 'lspci -vvxxxx', not from this machine"},
	    {"acpi", "DIR", OPTION_TEXT, &o.gather.acpi,
	     "read raw ACPI tables from DIR, not from this machine"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Find out what this machine has: processors, memory, IOMMUs, PCI functions with their\n"
		"isolation groups, displays. Without options a page for people is printed; run as root to\n"
		"see all. With a dump nothing of this machine itself is looked at.",
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status =
		"0 facts were written, even if some are missing (which ones is said), 2 usage,\n"
		"or a file cannot be read or written, 3 a dump or table is damaged: the facts hold\n"
		"what could be read",
	};
	struct gather g;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
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
