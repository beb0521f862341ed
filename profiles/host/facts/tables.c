#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/host/facts/tables.h"
#include "profiles/host/folder.h"

static const struct {
	char signature[5];
	size_t at;
} wanted[] = {
    {"APIC", offsetof(struct tables, madt)}, {"MCFG", offsetof(struct tables, mcfg)},
    {"SRAT", offsetof(struct tables, srat)}, {"SLIT", offsetof(struct tables, slit)},
    {"DMAR", offsetof(struct tables, dmar)}, {"IVRS", offsetof(struct tables, ivrs)},
};

static void take(struct tables *t, const char *path, struct chunks *mem)
{
	u8 *bytes, *copy;
	struct stat st;
	size_t size;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (folder_read_file(path, &bytes, &size) < 0) {
		t->unreadable = true;
		return;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct table_bytes *to = (struct table_bytes *)((u8 *)t + wanted[i].at);

		if (size < 4 || memcmp(bytes, wanted[i].signature, 4) != 0 || to->bytes)
			continue;
		copy = chunks_take(mem, size, 1);
		memcpy(copy, bytes, size);
		*to = (struct table_bytes){copy, size};
		t->found++;
	}
	free(bytes);
}

int tables_load(struct tables *t, const char *folder, struct chunks *mem)
{
	char **names;
	size_t n;

	*t = (struct tables){0};
	if (folder_list(folder, &names, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		take(t, chunks_print(mem, "%s/%s", folder, names[i]), mem);
	folder_free_names(names, n);
	return 0;
}
