/*
 * YAML 1.1 as a tree (libyaml reads it): every node and every key knows its file, line and column.
 * What the language of profiles has no use for is refused: anchors, aliases, tags, several
 * documents, keys that are not plain words, nesting deeper than 32, NUL characters.
 *
 * Trees live in the caller's chunks.
 */
#pragma once

#include <stdbool.h>

#include "profiles/diag.h"
#include "profiles/host/chunks.h"

#define YAML_DEPTH_MAX 32
#define YAML_KEYS_MAX  4096	   /* of one map; lists are as long as they like */
#define YAML_FILE_MAX  (64u << 20) /* bytes; longer files are refused unread */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted; /* a scalar in quotes or a block: never a number or a truth value */
	struct place at;
	const char *text; /* scalar */
	/* of a list or map */
	u32 n;
	struct yaml_node *first;
	/* as a member of one */
	struct yaml_node *next;
	const char *key; /* in a map, else NULL */
	struct place key_at;
};

#define yaml_for_each(child, parent) \
	for (struct yaml_node *child = (parent)->first; child; child = child->next)

/*
 * Read a file, or size bytes that are called `name`. Every fault goes to `r` (rules "yaml-syntax",
 * "unknown-file", "doubled-key"); of a doubled key the first stays in the tree. NULL when there is
 * no tree; an empty file is an empty map. A tree may come with errors: ask r->errors.
 */
struct yaml_node *yaml_read_file(const char *path, struct chunks *mem, struct reporter *r);
struct yaml_node *yaml_read_memory(const char *name, const void *data, size_t size,
				   struct chunks *mem, struct reporter *r);

/* The member of a map; NULL: not there, or no map. */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

/* "a list", "a map", "text": for messages. */
const char *yaml_kind_name(const struct yaml_node *n);

/*
 * Scalars as values; false when they are none, *out is then as it was. Numbers are decimal or
 * 0x-hexadecimal without sign; truth values are true/false, yes/no, on/off.
 */
bool yaml_u64(const struct yaml_node *n, u64 *out);
bool yaml_bool(const struct yaml_node *n, bool *out);
