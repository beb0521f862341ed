/* The verbs of the tool `caprock`: one file each in profiles/host/verbs, one line each in verbs.def. */
#pragma once

/*
 * argv[0] is the verb's name. The result is the exit status: 0 it is so, 3 it is not (a refusal, a
 * table not understood), 2 the command line or a file could not be used. 1 is left to crashes.
 */
typedef int (*verb_fn)(int argc, char **argv);

#define VERB(fn, name, summary) int verb_##fn(int argc, char **argv);
#include "profiles/host/verbs.def"
#undef VERB

enum { EXIT_YES = 0, EXIT_USAGE = 2, EXIT_NO = 3 };
