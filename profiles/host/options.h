/*
 * Command lines of the verbs as data: one table a verb reads its options, prints its --help, and is what completion and the manual page are made of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_SIZE, OPTION_NUMBER };

struct option_row {
	const char *name;     /* without the dashes; of one letter: with one dash */
	const char *argument; /* what stands behind it, NULL for a flag */
	enum option_kind kind;
	void *at; /* bool, const char *, u64 bytes, unsigned */
	const char *help;
};

struct verb_usage {
	const char *verb, *summary;
	const char *operand; /* "SITE"; NULL: none. In brackets: may be left out. */
	const char **operand_at;
	const struct option_row *rows;
	size_t n;
	const char *status; /* what the exit statuses mean */
};

#define OPTIONS_GO (-1)

/*
 * OPTIONS_GO: run. Else the exit status: --help was printed, or a fault (reported with the option
 * that was probably meant).
 */
int options_read(const struct verb_usage *u, int argc, char **argv);
