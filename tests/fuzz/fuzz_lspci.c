/*
 * Any bytes as a dump by lspci, up to the last judgement: bounded, no fault, and the facts survive the
 * machine file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profiles/host/facts/gather.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/facts/schema.h"
#include "profiles/host/facts/write.h"

#define INPUT_MAX 65536 /* some 200 functions: what compares each with each other must end soon */

static void check_file(const struct facts *f)
{
	struct reporter r = {.sink = NULL};
	struct chunks mem = {0};
	char *text, where[256];
	struct facts *back;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!facts_write_yaml(f, out))
		abort();
	fclose(out);
	back = facts_read_memory("fuzz", text, size, &mem, &r);
	if (!back || !facts_equal(f, back, where, sizeof(where)))
		abort();
	free(text);
	chunks_free(&mem);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
	struct gather_options o = {0};
	char path[32];
	struct gather g;
	int fd;

	if (n > INPUT_MAX)
		return -1;
	fd = memfd_create("dump", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	o.lspci = path;
	gather(&g, &o);
	check_file(&g.facts);
	gather_free(&g);
	close(fd);
	return 0;
}
