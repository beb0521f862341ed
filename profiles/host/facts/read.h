/*
 * The machine file back into struct facts, strictly: an unknown key, a wrong value, a missing one or
 * facts that contradict each other refuse the file, each with its place.
 *
 * Rules: those of yaml.h, unknown-key, missing-key, wrong-type, bad-value, out-of-range, machine-file.
 */
#pragma once

#include "profiles/facts.h"
#include "profiles/host/yaml/yaml.h"

/*
 * All errors in one run go to `r`. NULL when there was one; else facts in `mem` that facts_machine()
 * takes. JSON by `caprock probe --json` is for programs and is not read back.
 */
struct facts *facts_read_file(const char *path, struct chunks *mem, struct reporter *r);
struct facts *facts_read_memory(const char *name, const void *data, size_t size, struct chunks *mem,
				struct reporter *r);

/* ---- between the reader's parts -------------------------------------------------------------- */

/* What no single value shows: lists against each other. `root` is the tree the facts came from. */
void facts_check(const struct facts *f, const struct yaml_node *root, struct reporter *r);
