/* The boot bundle as a newc cpio archive (core/abi.h): the blob `plan` and the files it names. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/base/types.h"

#define BUNDLE_MEMBERS_MAX 4096

struct bundle_member {
	char *name;
	char *path; /* file with the contents, or NULL: data */
	const void *data;
	const void *head; /* bytes in front of the file's */
	u64 head_size;
	u64 size; /* of all */
};

struct bundle {
	struct bundle_member *members;
	u32 n;
};

/*
 * Add a file and return its name in the bundle: its last path component, with a number in front
 * when another file has that name; a file added twice is kept once. NULL with errno set when it
 * cannot be read, is no regular file or is 4 GiB or more.
 */
const char *bundle_add_file(struct bundle *b, const char *path);

/*
 * The same with `n` bytes in front of the file's, which live until the bundle is written: an archive
 * before an initial RAM disk, say. A file with other bytes in front, or none, is another member.
 */
const char *bundle_add_headed(struct bundle *b, const void *head, u64 n, const char *path);

/* Add bytes, which live until the bundle is written, under a name nobody has. False: it is taken. */
bool bundle_add_data(struct bundle *b, const char *name, const void *data, u64 size);

/* Bytes that bundle_write() will write. */
u64 bundle_size(const struct bundle *b);

/* Write the archive; 0 or -1 with errno set (EIO: a file changed its size meanwhile). */
int bundle_write(const struct bundle *b, FILE *out);

void bundle_free(struct bundle *b);
