/* Folders of raw ACPI tables, and small files as a whole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FOLDER_FILE_MAX (1u << 20) /* no ACPI table that matters here is larger */

/* Reads at most FOLDER_FILE_MAX bytes; *bytes is the caller's to free. -1 with errno. */
int folder_read_file(const char *path, uint8_t **bytes, size_t *size);
/* Sorted names in a folder, without those that begin with a dot. -1 with errno. */
int folder_list(const char *path, char ***names, size_t *n);
void folder_free_names(char **names, size_t n);
