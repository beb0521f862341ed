/*
 * Diagnostics: each names the thing, the reason and the remedy, and the place in a file that a
 * person wrote. Every part of the tool hands them to one sink, so that all come out in one run.
 */
#pragma once

#include "core/base/types.h"

/* A place in a file; line and column count from 1. file NULL: nowhere; line 0: the file as a whole. */
struct place {
	const char *file;
	u32 line, column;
};

/* Errors refuse the site; warnings are likely mistakes; advice saves a day. */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_ADVICE };

struct diagnostic {
	const char *rule; /* stable name, as in profiles/rules */
	enum severity severity;
	struct place at;
	char text[448];	  /* thing and reason, without a full stop */
	char remedy[320]; /* what to do about it, without a full stop */
};

/* Takes a copy of what it wants to keep. */
typedef void (*diagnostic_sink)(void *ctx, const struct diagnostic *d);

struct reporter {
	diagnostic_sink sink; /* NULL: count only */
	void *ctx;
	u32 errors; /* diagnostics of SEVERITY_ERROR so far */
};

/* Hand one diagnostic out; the text by fmt(). */
void report(struct reporter *r, const char *rule, enum severity severity, struct place at,
	    const char *remedy, const char *format, ...) __printf(6, 7);

const char *severity_name(enum severity s);
