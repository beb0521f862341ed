/* The language and its rules as text, from their tables: for people, pages, editors. */
#pragma once

#include <stdio.h>

#include "profiles/rules/rule.h"

/* For a terminal: every struct with its keys, or one of them by name; false: there is no such. */
void docs_language(FILE *out);
bool docs_struct(const char *name, FILE *out);
void docs_rules(FILE *out);
void docs_rule(const struct rule_info *r, FILE *out);

/* docs/profiles.md */
void docs_markdown(FILE *out);
/* caprock-profile(5), in man(7) macros */
void docs_man_profile(FILE *out);
/* For editors: JSON Schema draft 2020-12 of a site file. */
void docs_json_schema(FILE *out);

/* "1 to 64", "64 MiB to 64 TiB", "a, b"; empty: nothing to say. At most `size` bytes. */
const char *docs_limits(const struct field *f, char *text, size_t size);
