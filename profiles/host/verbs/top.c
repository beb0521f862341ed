/*
 * caprock top [--once | --json | --metrics] [--interval SECONDS] MEMORY: what runs on a machine and what
 * it costs, from the hypervisor's counters page. MEMORY shows the machine's physical memory: the file
 * behind an emulator's, for one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "profiles/host/options.h"
#include "profiles/host/top/show.h"
#include "profiles/host/verb.h"

static void nap(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	nanosleep(&t, NULL);
}

/* Ends when the page can no longer be read: the machine has gone. */
static int follow(struct counters_page *p, const char *file, double interval)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct counters_page before;

	if (counters_open(&before, file)) {
		fprintf(stderr, "caprock: top: %s: %s\n", file, before.why);
		return EXIT_USAGE;
	}
	for (;;) {
		if (terminal)
			printf("\033[H\033[2J");
		top_table(p, &before);
		if (!terminal)
			printf("\n");
		if (counters_read(&before))
			break;
		nap(interval);
		if (counters_read(p))
			break;
	}
	counters_close(&before);
	return EXIT_YES;
}

static bool read_interval(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end != text && !*end && *seconds >= 0.1 && *seconds <= 3600)
		return true;
	fprintf(stderr, "caprock top: --interval '%s': give seconds from 0.1 to 3600\n", text);
	return false;
}

int verb_top(int argc, char **argv)
{
	const char *memory = NULL, *interval = "1";
	bool once = false, json = false, metrics = false;
	const struct option_row rows[] = {
	    {"once", NULL, OPTION_FLAG, &once, "print one table and end"},
	    {"json", NULL, OPTION_FLAG, &json, "print one JSON object and end"},
	    {"metrics", NULL, OPTION_FLAG, &metrics, "print Prometheus' text format and end"},
	    {"interval", "SECONDS", OPTION_TEXT, &interval,
	     "time between two tables, 0.1 to 3600 (1)"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary =
		"Show workstations, cores, devices, exits by cause and IOMMU faults of a running\n"
		"hypervisor. MEMORY is a file that shows the machine's memory from address 0, such as\n"
		"the one QEMU's memory-backend-file keeps.",
	    .operand = "MEMORY",
	    .operand_at = &memory,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 shown, 2 usage, or the file could not be used",
	};
	struct counters_page page;
	double seconds;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	if (!read_interval(interval, &seconds))
		return EXIT_USAGE;
	if (counters_open(&page, memory)) {
		fprintf(stderr, "caprock: top: %s: %s\n", memory, page.why);
		return EXIT_USAGE;
	}
	status = EXIT_YES;
	if (json)
		top_json(&page);
	else if (metrics)
		top_metrics(&page);
	else if (once)
		top_table(&page, NULL);
	else
		status = follow(&page, memory, seconds);
	counters_close(&page);
	return status;
}
