/*
 * The language of profiles as data: one table a struct, one row a key. Parsing, help texts, the
 * JSON schema, the documentation and the manual page all read these tables.
 */
#pragma once

#include "core/base/types.h"
#include "profiles/diag.h"

enum field_type {
	FIELD_TEXT,	/* const char *; min..max characters */
	FIELD_FILE,	/* const char *: path, relative to the file that names it */
	FIELD_COUNT,	/* u32 */
	FIELD_SIZE,	/* u64 bytes, written with a unit */
	FIELD_BOOL,	/* bool */
	FIELD_CHOICE,	/* u32: index into words */
	FIELD_UUID,	/* u8[16] */
	FIELD_CPUS,	/* struct number_list: APIC ids and ranges of them */
	FIELD_MODE,	/* struct display_mode: 2560x1440@60 */
	FIELD_SLOT,	/* u32: devfn, SLOT_ANY when not given */
	FIELD_ADDRESS,	/* struct pci_address */
	FIELD_IDS,	/* struct pci_ids */
	FIELD_SERIAL,	/* u64: 16 hexadecimal digits, dashes allowed */
	FIELD_STRUCT,	/* a struct by schema `of`, in place */
	FIELD_STRUCTS,	/* pointer to structs by schema `of`; their number at count_offset */
	FIELD_PROFILES, /* as STRUCTS, each in place or the name of a file that holds it */
};

struct schema;

struct field {
	const char *key;
	enum field_type type;
	bool required;
	u32 offset, count_offset;
	u64 min, max; /* COUNT, SIZE, STRUCTS (number), TEXT (length); max 0: no limits */
	const char *const *words; /* CHOICE, NULL-terminated */
	const struct schema *of;  /* STRUCT, STRUCTS, PROFILES */
	const char *fallback; /* what not giving it means, in the language itself; NULL: nothing */
	const char *help;     /* a sentence or more */
	const char *also;     /* what other tools call it, separated by spaces; for hints */
};

struct schema {
	const char *name; /* "workstation" */
	const char *help; /* a sentence or more */
	const char
	    *shorthand; /* in a list, a text alone is this key's value; NULL: there is none */
	const struct field *fields;
	u32 n;
	u32 size; /* of the C struct, whose first member is struct parsed */
};

/* Where a struct and its keys stand. First member of every struct of the language. */
struct parsed {
	struct place at;
	const struct schema *schema;
	const struct place *places; /* of the value of fields[i]; line 0: not given */
	bool faulty;		    /* a value in it is none; that was reported */
};

/* The place of a member, by its offset; of the whole struct when it was not given. */
struct place parsed_place(const struct parsed *p, u32 offset);
bool parsed_given(const struct parsed *p, u32 offset);

#define PLACE_OF(s, member) parsed_place(&(s)->p, offsetof(__typeof__(*(s)), member))
#define GIVEN(s, member)    parsed_given(&(s)->p, offsetof(__typeof__(*(s)), member))

/* "size with unit", "text": what a value looks like. */
const char *field_type_name(enum field_type t);

/* Index of a key; ~0u: there is none. Then the one probably meant (~0u: no idea). */
u32 schema_find(const struct schema *s, const char *key);
u32 schema_guess(const struct schema *s, const char *key);
