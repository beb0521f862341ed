/*
 * Memory that is taken piece by piece and given back as a whole: nodes, strings and profiles of one
 * run of the tool. There is no way to fail: a tool without memory says so and ends.
 */
#pragma once

#include <stddef.h>

struct chunk;
struct chunks {
	struct chunk *first;
};

/* `n` zeroed items of `size` bytes, 16-byte aligned. */
void *chunks_take(struct chunks *c, size_t n, size_t size);
char *chunks_copy(struct chunks *c, const char *text);
char *chunks_print(struct chunks *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void chunks_free(struct chunks *c);
