/* Which of the machine's functions a wish means. */
#pragma once

#include "profiles/resolve.h"

/*
 * The function that is meant, FACTS_UNKNOWN: none. With an address what stands there; else the only
 * one that matches, or the first function of the only card when all functions are asked for.
 * *matches: how many there are; *second is set when there are two or more.
 */
u32 find_function(const struct facts *facts, const struct wish_device *d, u32 *matches,
		  u32 *second);

/* Ids, class and serial number are those of the wish, as far as it says. */
bool find_kind_matches(const struct wish_device *d, const struct facts_function *f);
bool find_same_card(const struct facts_function *a, const struct facts_function *b);
bool find_wants_all(const struct wish_device *d);
/* There is one, and it is of the kind that was asked for. */
bool find_fits(const struct facts *facts, const struct wish_device *d);

/* "0000:01:00.0 10de:2204 class display": what was asked for. */
struct wish_text {
	char s[128];
};
const char *wish_text(struct wish_text *t, const struct wish_device *d);
