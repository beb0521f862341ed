#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/chunks.h"
#include "profiles/host/verb.h"

#define CHUNK_SIZE 65536

struct chunk {
	struct chunk *next;
	size_t size, used; /* of bytes[] */
	_Alignas(16) char bytes[];
};

static void out_of_memory(void)
{
	fputs("caprock: out of memory\n", stderr);
	exit(EXIT_USAGE);
}

void *chunks_take(struct chunks *c, size_t n, size_t size)
{
	struct chunk *chunk = c->first;
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		out_of_memory();
	bytes = (bytes + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t room = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			out_of_memory();
		chunk->size = room;
		chunk->next = c->first;
		c->first = chunk;
	}
	p = chunk->bytes + chunk->used;
	chunk->used += bytes;
	return p;
}

char *chunks_copy(struct chunks *c, const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(chunks_take(c, n, 1), text, n);
}

char *chunks_print(struct chunks *c, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	text = chunks_take(c, (size_t)n + 1, 1);
	va_start(ap, format);
	vsnprintf(text, (size_t)n + 1, format, ap);
	va_end(ap);
	return text;
}

void chunks_free(struct chunks *c)
{
	while (c->first) {
		struct chunk *chunk = c->first;

		c->first = chunk->next;
		free(chunk);
	}
}
