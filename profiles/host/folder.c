#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/folder.h"

int folder_read_file(const char *path, uint8_t **bytes, size_t *size)
{
	FILE *f = fopen(path, "rb");
	int saved;

	*bytes = NULL;
	if (!f)
		return -1;
	*bytes = malloc(FOLDER_FILE_MAX);
	if (*bytes) {
		*size = fread(*bytes, 1, FOLDER_FILE_MAX, f);
		if (!ferror(f)) {
			fclose(f);
			return 0;
		}
	}
	saved = errno;
	fclose(f);
	free(*bytes);
	*bytes = NULL;
	errno = saved;
	return -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void folder_free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int folder_list(const char *path, char ***names, size_t *n)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	*names = NULL;
	*n = 0;
	if (!dir)
		return -1;
	while ((d = readdir(dir))) {
		char **more;

		if (d->d_name[0] == '.')
			continue;
		more = realloc(*names, (*n + 1) * sizeof(**names));
		if (!more)
			goto fail;
		*names = more;
		more[*n] = strdup(d->d_name);
		if (!more[*n])
			goto fail;
		++*n;
	}
	closedir(dir);
	if (*n)
		qsort(*names, *n, sizeof(**names), by_name);
	return 0;
fail:
	closedir(dir);
	folder_free_names(*names, *n);
	return -1;
}
