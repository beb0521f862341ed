/*
 * Gathering a machine's facts: one part a file, each takes what it can get and says what it could
 * not. All memory is the gather's chunks.
 */
#pragma once

#include "passthrough/host/survey.h"
#include "profiles/facts.h"
#include "profiles/host/chunks.h"
#include "profiles/host/facts/tables.h"

struct gather {
	struct chunks mem;
	struct facts facts;
	struct survey survey;
	struct tables tables;
	bool hardware; /* nothing but this machine itself is looked at */
	bool refused;  /* something that was given is not what it should be: exit status 3 */
};

struct gather_options {
	const char *lspci, *acpi; /* dumps; both NULL: this machine */
};

/* Fill g->facts. gather_free() after, in any case. */
void gather(struct gather *g, const struct gather_options *o);
void gather_free(struct gather *g);

/* ---- between the parts ------------------------------------------------------------------------ */

/* A sentence for facts.missing. */
void gather_missing(struct gather *g, const char *format, ...) __printf(2, 3);
/* A note about the IOMMUs and the firmware's settings. */
void gather_note(struct gather *g, const char *level, const char *name, const char *text,
		 const char *remedy);

/*
 * A copy of text from outside: what is not printable UTF-8 becomes '?'. NULL and text of blanks
 * only: NULL.
 */
const char *gather_text(struct gather *g, const char *text);
/* A list that grows by one: returns the (moved) items, with room for number *n; counts it. */
void *gather_grow(struct gather *g, const void *items, u32 *n, size_t size);
/* The first line of a file under /sys or /proc, without its end; NULL when it cannot be read. */
const char *gather_line(struct gather *g, const char *format, ...) __printf(2, 3);

void gather_functions(struct gather *g); /* configuration spaces */
void gather_isolation(struct gather *g); /* paths, groups, units, ranges, assignable or not */
void gather_iommu(struct gather *g);	 /* DMAR, IVRS */
void gather_switches(struct gather *g);	 /* firmware settings that look off */
void gather_madt(struct gather *g);	 /* processors and nodes by tables alone */
void gather_cpus(struct gather *g);
void gather_memory(struct gather *g);
void gather_firmware(struct gather *g);
void gather_boot(struct gather *g); /* what the screen and the running system hang on */
void gather_gpus(struct gather *g);
void gather_vfio(struct gather *g);
