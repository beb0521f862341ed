/*
 * A site looked at from all sides, as check, explain, build and run need it: read, resolved,
 * planned, proven, advised. Every fault becomes a diagnostic; what can go on goes on, so that one
 * run shows all.
 */
#pragma once

#include "core/partition/plan.h"
#include "profiles/host/bundle.h"
#include "profiles/host/chunks.h"
#include "profiles/host/qemu/machine.h"
#include "profiles/resolve.h"

struct study {
	const char *path;
	struct chunks mem;
	struct reporter r;
	struct diagnostic *found; /* in the order in which they were found */
	u32 nfound, room;
	struct site *site;   /* NULL: it could not be read */
	struct facts *facts; /* NULL: the site names no machine file, or it could not be read */
	struct machine machine;
	struct qemu_machine emulated; /* the machine, when the site names none */
	bool have_machine;
	struct bundle bundle; /* kernels, initrds, ROMs, and the plan at last */
	struct resolved resolved;
	u64 *initrd_heads; /* by workstation: bytes in front of its initial RAM disk */
	bool
	    *degraded; /* by workstation: cut down after a shortage, its other faults still count */
	struct plan plan;
	bool planned; /* plan is whole */
	void *arena_memory;
};

/* Read the site, its workstations and its machine. */
void study_read(struct study *s, const char *path);
/* Resolve, plan, prove, advise, for s->site on s->machine (and s->facts). */
void study_plan(struct study *s);
/* Only plan and prove again, after s->machine and s->resolved.wants were changed. */
void study_place(struct study *s);
/* Only prove s->plan again; `current`: what runs already, or NULL. */
void study_prove(struct study *s, const struct plan *current);
/* Both. True when nothing is in the way of building it. */
bool study_all(struct study *s, const char *path);
bool study_good(const struct study *s);
/* As an exit status: EXIT_YES, EXIT_NO, or EXIT_USAGE when the site's file cannot be read. */
int study_status(const struct study *s);
void study_free(struct study *s);

/* Put the plan's bytes into the bundle as its first word of truth; false: it cannot be encoded. */
bool study_seal(struct study *s);

/* The bundle in a file; 0, or -1 with errno. */
int study_write_bundle(struct study *s, const char *path);

/* ---- printing -------------------------------------------------------------------------------- */

/* One after the other, as compilers do, with the remedy in a line of its own; then the sum. */
void study_print(const struct study *s, FILE *out);
/* A list of {rule, severity, file, line, column, text, remedy}. */
void study_print_json(const struct study *s, FILE *out);
