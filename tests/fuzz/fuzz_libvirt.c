/* A libvirt domain from anybody: what comes out is YAML that the language can read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "profiles/host/import/libvirt.h"
#include "profiles/host/yaml/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *profile = NULL, *notes = NULL;
	size_t profile_size, notes_size;
	FILE *out = open_memstream(&profile, &profile_size);
	FILE *words = open_memstream(&notes, &notes_size);
	struct chunks mem = {0};
	struct reporter r = {0};
	bool good = import_libvirt("domain.xml", data, n, out, words);

	fclose(out);
	fclose(words);
	if (good && !yaml_read_memory("profile.yaml", profile, profile_size, &mem, &r))
		abort();
	if (!good && (profile_size || !notes_size))
		abort();
	chunks_free(&mem);
	free(profile);
	free(notes);
	return 0;
}
