/*
 * Which of the two bundles on a boot medium to start: a new one is tried once, and the old one is
 * started again unless somebody confirmed the new one meanwhile.
 *
 * The state is a text file of SLOTS_SIZE bytes, the same in the boot program (which can write in
 * place, but not make a file longer) and in the tool that makes media:
 *
 *	caprock slots 1
 *	good a		the bundle that is known to work
 *	try b		the one to be tried, or none
 *	tried no	yes: it was started and has to be confirmed
 */
#pragma once

#include "core/base/types.h"

#define SLOTS_SIZE 64

struct slots {
	char good;  /* 'a' or 'b' */
	char trial; /* likewise, 0: none */
	bool tried;
};

/* ERR_CORRUPT: it is no such file, or says what makes no sense. */
__must_check int slots_parse(const char *text, size_t n, struct slots *out);

/* Exactly SLOTS_SIZE bytes, filled up with empty lines. */
void slots_format(const struct slots *s, char out[SLOTS_SIZE]);

enum slots_why {
	SLOTS_GOOD,	 /* nothing is on trial */
	SLOTS_TRIAL,	 /* its first and only start before it is confirmed */
	SLOTS_CONFIRMED, /* it was tried and is the good one from now on */
	SLOTS_BACK,	 /* the trial was not confirmed: the good one again */
};

/*
 * The slot to start. `confirmed` is the slot a running hypervisor vouched for, 0: none. Where the
 * state changes (TRIAL, CONFIRMED) it must be on the medium before the slot is started.
 */
char slots_choose(struct slots *s, char confirmed, enum slots_why *why);

static inline char slots_other(char slot)
{
	return slot == 'a' ? 'b' : 'a';
}
