/*
 * caprock top [--once | --json | --metrics] [--interval SECONDS] MEMORY: what runs on a machine and what
 * it costs, from the hypervisor's counters page. MEMORY shows the machine's physical memory: the file
 * behind an emulator's, for one.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "profiles/host/top/show.h"
#include "profiles/host/verb.h"

static const char usage[] =
    "usage: caprock top [OPTION...] MEMORY\n\n"
    "Shows workstations, cores, devices, exits by cause and IOMMU faults of a running hypervisor.\n"
    "MEMORY is a file that shows the machine's memory from address 0, such as the one QEMU's\n"
    "memory-backend-file keeps.\n\n"
    "  --once              print one table and end\n"
    "  --json              print one JSON object and end\n"
    "  --metrics           print Prometheus' text format and end\n"
    "  --interval SECONDS  time between two tables, 0.1 to 3600 (default 1)\n"
    "  --help              this text\n\n"
    "Exit status: 0 shown, 2 the command line or the file could not be used.\n";

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

int verb_top(int argc, char **argv)
{
	static const struct option options[] = {
	    {"once", no_argument, NULL, 'o'},		{"json", no_argument, NULL, 'j'},
	    {"metrics", no_argument, NULL, 'm'},	{"help", no_argument, NULL, 'h'},
	    {"interval", required_argument, NULL, 'i'}, {0},
	};
	struct counters_page page;
	double interval = 1;
	int c, form = 0, status = EXIT_YES;
	char *end;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(usage, stdout);
			return EXIT_YES;
		case 'i':
			interval = strtod(optarg, &end);
			if (*end || end == optarg || !(interval >= 0.1 && interval <= 3600)) {
				fprintf(
				    stderr,
				    "caprock: top: --interval '%s': give seconds from 0.1 to 3600\n",
				    optarg);
				return EXIT_USAGE;
			}
			break;
		case '?':
			fputs("'caprock top --help' lists the options.\n", stderr);
			return EXIT_USAGE;
		default:
			form = c;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (counters_open(&page, argv[optind])) {
		fprintf(stderr, "caprock: top: %s: %s\n", argv[optind], page.why);
		return EXIT_USAGE;
	}
	if (form == 'j')
		top_json(&page);
	else if (form == 'm')
		top_metrics(&page);
	else if (form == 'o')
		top_table(&page, NULL);
	else
		status = follow(&page, argv[optind], interval);
	counters_close(&page);
	return status;
}
