/*
 * What the DMAR and IVRS parsers share: bounded reading of an ACPI table, the memory parsed
 * structures go to, and notes, the sentences about what is odd.
 *
 * A table is what some firmware wrote: nothing in it is trusted. Reading never leaves
 * [bytes, bytes + length); what is unknown is skipped by its own length and named in a note.
 */
#pragma once

#include "core/base/types.h"

enum note_level {
	NOTE_INFO,  /* worth knowing, nothing is lost */
	NOTE_ODD,   /* breaks the specification; read as described in the text */
	NOTE_ERROR, /* a part could not be read, or something cannot be assigned because of it */
};

/* "info", "odd", "error" */
const char *note_level_name(enum note_level level);

struct table_note {
	enum note_level level;
	const char *name; /* stable, kebab-case, for programs */
	u32 offset;	  /* byte of the table the note is about */
	char text[320];	  /* one sentence for an administrator: what, and what follows from it */
};

/* Must not keep the pointer. NULL sinks are allowed everywhere. */
typedef void (*table_note_sink)(void *ctx, const struct table_note *note);

struct table {
	const u8 *bytes;
	u32 length;
	table_note_sink sink;
	void *ctx;
	u32 notes[NOTE_ERROR + 1]; /* how many of each level were emitted */
	/* memory for parsed structures */
	u8 *memory;
	size_t left;
	bool fault; /* set for good when something did not fit: a bug of the size function */
};

/*
 * Longer tables are refused: the largest real one has a few KiB, and what compares each entry with
 * each other must end in bounded time whatever was found in memory.
 */
#define TABLE_MAX KIB(128)

/* ACPI 6.5 §5.2.6, the fields the two tables have in common. */
struct table_header {
	char signature[5], oem_id[7], oem_table_id[9]; /* printable, NUL-terminated */
	u8 revision;
	bool checksum_ok;
};

/*
 * Check the common header of `len` bytes at `bytes`: signature, at least `minimum` bytes. Takes the
 * smaller of the header's length and `len`, noting a difference. ERR_CORRUPT when it is not such
 * a table at all, ERR_RANGE when it is too short to hold anything.
 */
__must_check int table_open(struct table *t, const void *bytes, size_t len, const char *signature,
			    u32 minimum, struct table_header *out);

/* Bounded little-endian reads; all ones beyond the table's end (never reached by the parsers). */
u8 table_u8(const struct table *t, u32 off);
u16 table_u16(const struct table *t, u32 off);
u32 table_u32(const struct table *t, u32 off);
u64 table_u64(const struct table *t, u32 off);
/* Are all of [off, off + n) zero? */
bool table_zero(const struct table *t, u32 off, u32 n);
/* Copy `n` bytes as text: printable characters stay, others become '.'; ends at the first NUL, spaces at the end are dropped. */
void table_text(const struct table *t, u32 off, u32 n, char *out, size_t size);

void table_note(struct table *t, enum note_level level, const char *name, u32 off,
		const char *format, ...) __printf(5, 6);

/* `n` zeroed objects of `size` bytes, 8-aligned, from t->memory; NULL and t->fault when full. */
void *table_take(struct table *t, u32 n, size_t size);
