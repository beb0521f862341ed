/* Any bytes as a machine file: refused, or facts that go round and that the proof's structs take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/facts/schema.h"
#include "profiles/host/facts/write.h"

static void check_diagnostic(void *ctx, const struct diagnostic *d)
{
	if (!d->rule || !d->text[0] || !d->remedy[0] || !d->at.file)
		abort();
}

static void check_machine(const struct facts *f)
{
	u64 size = facts_machine_memory(f);
	void *memory = aligned_alloc(16, align_up(size, 16));
	struct arena a = arena_of(memory, size);
	struct machine m;

	if (facts_machine(f, &a, &m) != OK || m.nfunctions != f->nfunctions)
		abort();
	free(memory);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
	struct reporter r = {.sink = check_diagnostic};
	struct chunks mem = {0};
	struct facts *f = facts_read_memory("fuzz", bytes, n, &mem, &r), *back;
	char *text, where[256];
	size_t size;
	FILE *out;

	if (!f != (r.errors != 0))
		abort();
	if (f) {
		check_machine(f);
		out = open_memstream(&text, &size);
		if (!facts_write_yaml(f, out))
			abort();
		fclose(out);
		back = facts_read_memory("again", text, size, &mem, &r);
		if (!back || !facts_equal(f, back, where, sizeof(where)))
			abort();
		free(text);
	}
	chunks_free(&mem);
	return 0;
}
