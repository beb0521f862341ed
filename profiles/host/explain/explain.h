/*
 * `caprock explain-acpi`: one table at a time, as text for people or JSON for programs.
 *
 * A printer understands the table or says why not: it returns EXIT_YES or EXIT_NO. Notes come after
 * what they are about.
 */
#pragma once

#include "iommu/tables/table.h"
#include "profiles/host/json.h"

struct explain {
	FILE *out;	   /* text goes here */
	struct json *json; /* NULL: text */
	/* collected while a table is parsed, printed after it */
	struct table_note *notes;
	size_t nnotes, room;
	/* of the machine so far: what the MADT has, what DMAR or IVRS name */
	bool have_madt, have_iommu;
	uint32_t ioapics_there[8], ioapics_covered[8];
};

/* A table_note_sink; ctx is the struct explain. */
void explain_keep_note(void *ctx, const struct table_note *note);
/* Print and forget the kept notes. `err` of the parser: what it means in words when not OK. */
void explain_notes(struct explain *e, int err);
/* "DMAR of 1234 bytes, ..." or the JSON members every table has. */
void explain_header(struct explain *e, const char *file, size_t size, const struct table_header *h,
		    bool complete);

int explain_dmar(struct explain *e, const char *file, const uint8_t *bytes, size_t size);
int explain_ivrs(struct explain *e, const char *file, const uint8_t *bytes, size_t size);
int explain_madt(struct explain *e, const char *file, const uint8_t *bytes, size_t size);
int explain_mcfg(struct explain *e, const char *file, const uint8_t *bytes, size_t size);

/* What the tables of one machine say of each other. */
void explain_together(struct explain *e);
