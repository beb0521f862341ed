/*
 * caprock explain-acpi [--json] DIR: DIR holds raw tables, known by their first four bytes and not by
 * their names, or folders that do, one a machine. /sys/firmware/acpi/tables is such a folder.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/host/explain/explain.h"
#include "profiles/host/folder.h"
#include "profiles/host/options.h"
#include "profiles/host/verb.h"

typedef int (*printer)(struct explain *e, const char *file, const uint8_t *bytes, size_t size);

/* In this order, so that a machine's tables are told of in the order of their meaning. */
static const struct {
	char signature[5];
	printer print;
	bool iommu;
} printers[] = {
    {"APIC", explain_madt, false},
    {"MCFG", explain_mcfg, false},
    {"DMAR", explain_dmar, true},
    {"IVRS", explain_ivrs, true},
};

#define PRINTERS (sizeof(printers) / sizeof(printers[0]))

static int worse(int a, int b)
{
	return a > b ? a : b;
}

#define NO_PRINTER PRINTERS

static int explain_file(struct explain *e, const char *path, const char *name, size_t which)
{
	uint8_t *bytes;
	size_t size;
	int status;

	if (folder_read_file(path, &bytes, &size) < 0) {
		fprintf(stderr, "caprock: %s: %s\n", path, strerror(errno));
		return EXIT_USAGE;
	}
	if (e->json)
		json_object(e->json, NULL);
	status = printers[which].print(e, name, bytes, size);
	if (e->json)
		json_end(e->json, '}');
	free(bytes);
	return status;
}

/* By the first four bytes of the file. */
static size_t printer_of(const char *path)
{
	char start[4];
	FILE *f = fopen(path, "rb");
	size_t found = NO_PRINTER;

	if (!f)
		return NO_PRINTER;
	if (fread(start, 1, sizeof(start), f) == sizeof(start))
		for (size_t i = 0; i < PRINTERS; i++)
			if (!memcmp(start, printers[i].signature, 4))
				found = i;
	fclose(f);
	return found;
}

struct folder {
	const char *path;
	char **children; /* whole paths */
	size_t n;
	size_t tables, iommu_tables, folders;
};

static int open_folder(struct folder *f, const char *path)
{
	char **names;

	*f = (struct folder){.path = path};
	if (folder_list(path, &names, &f->n) < 0)
		return -1;
	f->children = names;
	for (size_t i = 0; i < f->n; i++) {
		struct stat st;
		char *child;

		if (asprintf(&child, "%s/%s", path, names[i]) < 0)
			exit(EXIT_USAGE);
		free(names[i]);
		names[i] = child;
		if (stat(child, &st) < 0)
			continue;
		f->folders += S_ISDIR(st.st_mode);
		if (S_ISREG(st.st_mode)) {
			size_t which = printer_of(child);

			f->tables += which != NO_PRINTER;
			f->iommu_tables += which != NO_PRINTER && printers[which].iommu;
		}
	}
	return 0;
}

/* The tables of one machine: those that lie in the folder itself. */
static int explain_machine(struct explain *e, const struct folder *f)
{
	int status = EXIT_YES;

	e->have_madt = e->have_iommu = false;
	memset(e->ioapics_there, 0, sizeof(e->ioapics_there));
	memset(e->ioapics_covered, 0, sizeof(e->ioapics_covered));
	if (e->json) {
		json_object(e->json, NULL);
		json_string(e->json, "folder", f->path);
		json_bool(e->json, "iommu", f->iommu_tables > 0);
		json_array(e->json, "tables");
	} else {
		fprintf(e->out, "%s\n", f->path);
	}
	for (size_t which = 0; which < PRINTERS; which++)
		for (size_t i = 0; i < f->n; i++)
			if (printer_of(f->children[i]) == which)
				status =
				    worse(status, explain_file(e, f->children[i],
							       f->children[i] + strlen(f->path) + 1,
							       which));
	if (e->json)
		json_end(e->json, ']');
	else if (!f->iommu_tables)
		fprintf(
		    e->out,
		    "  no DMAR and no IVRS: the firmware describes no IOMMU, so no device can be "
		    "assigned; look for a VT-d, AMD-Vi or IOMMU setting in setup\n");
	explain_together(e);
	if (e->json)
		json_end(e->json, '}');
	return status;
}

/* A machine, or a folder of machines. */
static int explain_folder(struct explain *e, const char *path)
{
	struct folder top;
	int status = EXIT_YES;

	if (open_folder(&top, path) < 0) {
		fprintf(stderr, "caprock: %s: %s\n", path, strerror(errno));
		return EXIT_USAGE;
	}
	if (top.tables || !top.folders)
		status = explain_machine(e, &top);
	else
		for (size_t i = 0; i < top.n; i++) {
			struct folder machine;

			if (open_folder(&machine, top.children[i]) < 0) {
				if (errno != ENOTDIR) {
					fprintf(stderr, "caprock: %s: %s\n", top.children[i],
						strerror(errno));
					status = EXIT_USAGE;
				}
				continue;
			}
			status = worse(status, explain_machine(e, &machine));
			folder_free_names(machine.children, machine.n);
		}
	folder_free_names(top.children, top.n);
	return status;
}

int verb_explain_acpi(int argc, char **argv)
{
	struct json json = {.out = stdout};
	struct explain e = {.out = stdout};
	const char *path = NULL;
	bool as_json = false;
	const struct option_row rows[] = {
	    {"json", NULL, OPTION_FLAG, &as_json, "print one JSON object instead"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Say what the DMAR, IVRS, MADT and MCFG tables in DIR, or in each folder of DIR, tell\n"
		"of IOMMUs, I/O APICs and cores, and what is odd about them.",
	    .operand = "DIR",
	    .operand_at = &path,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 every table was understood, odd or not, 2 usage, 3 one was not",
	};
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	if (as_json) {
		e.json = &json;
		json_object(&json, NULL);
		json_array(&json, "machines");
	}
	status = explain_folder(&e, path);
	if (e.json) {
		json_end(&json, ']');
		json_end(&json, '}');
	}
	if (fflush(stdout) || ferror(stdout)) {
		perror("caprock: standard output");
		return EXIT_USAGE;
	}
	return status;
}
