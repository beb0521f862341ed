/*
 * The members of struct facts, each named once: what the writers write, the reader takes, and the
 * comparison compares. A member's key is the C name.
 */
#pragma once

#include "profiles/facts.h"

enum member_kind {
	MEMBER_NUMBER, /* decimal */
	MEMBER_HEX,    /* with 0x */
	MEMBER_SIZE,   /* bytes; as "16 MiB" where that is exact */
	MEMBER_BOOL,
	MEMBER_TEXT,
	MEMBER_ENUM,  /* one of `words` */
	MEMBER_FLAGS, /* a list of `words`: bit 0, bit 1, ... */
	MEMBER_BDF,   /* 0000:01:00.0 */
	MEMBER_PATH,  /* 0000:00/1c.4/00.0 */
	MEMBER_OBJECT,
	MEMBER_LIST, /* a pointer and, at `count`, a u32 */
};

struct shape;

struct member {
	const char *key;
	enum member_kind kind;
	u8 width;  /* bytes of a number, enum or flags: 1, 2, 4, 8 */
	u8 digits; /* of a hexadecimal number, at least */
	bool required;
	bool unknowable; /* FACTS_UNKNOWN stands for nothing known: left out, null in JSON */
	u16 offset, count;
	const struct shape *of;	  /* of an object, or of a list's items */
	const char *const *words; /* ends in NULL */
};

/* A scalar shape, for lists of plain values, has one member, without a key. */
struct shape {
	const char *name; /* for messages: "a function" */
	u32 size;
	u32 n;
	const struct member *members;
	bool flow; /* written on one line */
};

extern const struct shape facts_shape;

/* The number at a member of `object`. */
u64 member_number(const struct member *m, const void *object);
/* Nothing to tell: zero, empty, NULL or unknown. */
bool member_absent(const struct member *m, const void *object);

static inline bool shape_scalar(const struct shape *s)
{
	return !s->members[0].key;
}

/* Everything the same, text by content. *where (size bytes) becomes the first difference's key. */
bool facts_equal(const struct facts *a, const struct facts *b, char *where, size_t size);
