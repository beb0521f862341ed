/*
 * A machine's facts as text: YAML for people and the other verbs, JSON for programs. Both follow
 * the schema; YAML leaves out what is zero or not known, JSON has every member.
 */
#pragma once

#include <stdio.h>

#include "profiles/facts.h"

/* False when the stream took not all of it, errno says why. */
bool facts_write_yaml(const struct facts *f, FILE *out);
bool facts_write_json(const struct facts *f, FILE *out);

/* "0000:01:00.0" */
#define BDF_TEXT 16
const char *bdf_text(struct bdf b, char out[BDF_TEXT]);
