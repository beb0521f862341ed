/*
 * From files to struct site: YAML nodes by the tables of profiles/language.c. Every fault in every
 * file is reported, each at its place, with the nearest key or the allowed values; what is faulty
 * keeps its default, so that the rest can be checked in the same run.
 *
 * Rules: yaml-syntax, doubled-key, unknown-file, unknown-key, missing-key, wrong-type, bad-value,
 * out-of-range.
 */
#pragma once

#include "profiles/host/yaml/yaml.h"
#include "profiles/profile.h"

struct language {
	struct chunks *mem;
	struct reporter *r;
};

/* The site in a file and in the files it names. NULL: nothing could be read of it. */
struct site *language_load_site(struct language *l, const char *path);

/* The same of a tree that was read from `path`. */
struct site *language_parse_site(struct language *l, const struct yaml_node *root,
				 const char *path);

/* One struct of the language; `out` has schema->size bytes, zeroed. */
void language_parse(struct language *l, const struct yaml_node *n, const struct schema *s,
		    void *out);

/* ---- values ---------------------------------------------------------------------------------- */

/* Why a value is none: both without a full stop. */
struct value_error {
	const char *rule; /* "wrong-type", "bad-value", "out-of-range" */
	char text[200], remedy[224];
};

/*
 * A scalar as a field's value at `out`; false with *why. Texts are copied into l->mem; a FILE is
 * made relative to the folder of the file that the node stands in.
 */
bool value_parse(struct language *l, const struct yaml_node *n, const struct field *f, void *out,
		 struct value_error *why);

/* "64 GiB", "1536 MiB": exact. */
const char *size_text(struct chunks *mem, u64 bytes);
/* The words of a choice, "a, b or c". */
const char *words_text(struct chunks *mem, const char *const *words);
