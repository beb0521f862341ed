/* The word somebody probably meant. */
#pragma once

#include "core/base/types.h"

/*
 * Edits (insert, drop, change one character, swap two neighbours) from a to b, case ignored; '-',
 * '_' and ' ' count as the same. Words longer than 63 characters are as far apart as can be.
 */
u32 edit_distance(const char *a, const char *b);

/*
 * Index of the word nearest to `word` among `n`, reached by `stride` bytes from one `const char *`
 * to the next; ~0u when none is near (more than a third of its letters would change).
 */
u32 nearest_word(const char *word, const void *words, u32 n, u32 stride);
