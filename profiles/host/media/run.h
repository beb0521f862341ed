/* Other people's programs, and what they say when they fail. Private to the makers of media. */
#pragma once

#include <stdbool.h>

#include "profiles/host/media/media.h"

/* Format *why; returns -1. */
int media_fail(struct media_error *why, const char *format, ...) __printf(2, 3);

/*
 * Run argv[0], found in PATH (and the sbin folders), with `input` (may be NULL) as its standard
 * input. -1 with *why: it is missing (its Debian package is named), or ended badly (its last words
 * are quoted).
 */
__must_check int media_run(const char *const *argv, const char *input, struct media_error *why);

/* A fresh folder beside `out`, named in `path`. -1 with *why. */
#define MEDIA_PATH_MAX 4096
__must_check int media_scratch(const char *out, char path[MEDIA_PATH_MAX], struct media_error *why);
/* Remove it with all that is in it. */
void media_scratch_remove(const char *path);

/* Bytes of a file. -1 with *why. */
__must_check int media_file_size(const char *path, u64 *size, struct media_error *why);

/* Text formatted into `path`. -1 with *why. */
__must_check int media_write_text(const char *path, const char *text, size_t n,
				  struct media_error *why);

/* folder + name; a path that is too long is cut and will not be found. */
const char *media_path(char path[MEDIA_PATH_MAX], const char *folder, const char *name);
