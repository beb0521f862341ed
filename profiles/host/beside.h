/* Files that come with the tool. */
#pragma once

#include "profiles/host/chunks.h"

/*
 * The file beside the tool as it was built, or in ../lib/caprock as it was installed. NULL when it is
 * in neither: said on stderr, for the verb.
 */
const char *beside_tool(struct chunks *mem, const char *verb, const char *name);
