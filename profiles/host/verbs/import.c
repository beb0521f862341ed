/* caprock import FILE.xml: a libvirt domain as a profile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/host/import/libvirt.h"
#include "core/base/types.h"
#include "profiles/host/options.h"
#include "profiles/host/verb.h"

static int import(const char *path, const char *out_path)
{
	FILE *in = fopen(path, "rb"), *out = stdout;
	struct stat st;
	int status = EXIT_USAGE;
	char *xml = NULL, *profile = NULL;
	size_t n = 0;
	FILE *memory = open_memstream(&profile, &n);

	if (!in || !memory || fstat(fileno(in), &st) || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "caprock import: %s: %s\n", path,
			errno ? strerror(errno) : "it is no file");
		goto done;
	}
	xml = malloc((size_t)st.st_size + 1);
	if (!xml || fread(xml, 1, (size_t)st.st_size, in) != (size_t)st.st_size) {
		fprintf(stderr, "caprock import: %s: it cannot be read whole\n", path);
		goto done;
	}
	if (!import_libvirt(path, xml, (size_t)st.st_size, memory, stderr)) {
		status = EXIT_NO;
		goto done;
	}
	fflush(memory);
	if (out_path)
		out = fopen(out_path, "w");
	if (!out || fwrite(profile, 1, n, out) != n || fflush(out)) {
		fprintf(stderr, "caprock import: %s: %s\n", out_path ? out_path : "standard output",
			strerror(errno));
		goto done;
	}
	status = EXIT_YES;
done:
	if (out && out != stdout)
		fclose(out);
	if (memory)
		fclose(memory);
	free(profile);
	free(xml);
	if (in)
		fclose(in);
	return status;
}

int verb_import(int argc, char **argv)
{
	const char *path = NULL, *out = NULL;
	const struct option_row rows[] = {
	    {"o", "FILE", OPTION_TEXT, &out, "write the profile there, not to standard output"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Make a workstation's profile of a libvirt domain (virsh dumpxml): name, processors,\n"
		"memory, kernel, PCI devices. What has no place in a profile is named on standard error.",
	    .operand = "FILE.xml",
	    .operand_at = &path,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 written, 2 usage, 3 it is no libvirt domain",
	};
	int status = options_read(&usage, argc, argv);

	return status == OPTIONS_GO ? import(path, out) : status;
}
