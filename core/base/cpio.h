/*
 * Reading a newc cpio archive in place (magic 070701 or 070702; cpio(5)): the boot bundle.
 *
 * The archive is hostile input. It is reached through a callback, because it may lie outside the
 * caller's address space and be larger than 4 GiB in all; a member's size is 32 bits by format.
 * Nothing is copied but names and headers.
 */
#pragma once

#include "core/base/types.h"

/* A member's header: 6 characters of magic, then 13 fields of 8 hexadecimal digits. */
#define CPIO_HEADER   110u
#define CPIO_END      "TRAILER!!!" /* the name of what ends an archive: inode, mode and size 0 */
#define CPIO_NAME_MAX 256u	   /* with the NUL; a longer name is skipped over, never matched */

struct cpio {
	void *ctx;
	/* Archive bytes [off, off + n), inside `size`; n <= CPIO_NAME_MAX. OK or an error. */
	__must_check int (*read)(void *ctx, u64 off, void *dst, u64 n);
	u64 size; /* bytes */
};

/* For an archive that is mapped: ctx is its first byte. */
__must_check int cpio_read_mapped(void *ctx, u64 off, void *dst, u64 n);

struct cpio_member {
	char name[CPIO_NAME_MAX];
	u64 offset; /* of the contents, from the archive's start */
	u64 size;   /* bytes */
	u32 mode;   /* as in stat(2) */
	u32 check;  /* sum of the bytes for magic 070702, else 0 */
};

/*
 * The member at *at (0 first), then *at is moved behind it. ERR_NOENT at the trailer, with *at
 * behind it; ERR_CORRUPT for a header that is none, ERR_RANGE when a member leaves the archive or
 * the archive ends without its trailer (it was cut off); then *at stays where the fault is.
 */
__must_check int cpio_next(const struct cpio *c, u64 *at, struct cpio_member *m);

/* The first regular file called `name` (a leading "./" in the archive is ignored). As above. */
__must_check int cpio_find(const struct cpio *c, const char *name, struct cpio_member *m);

/* Bytes from the archive's start to behind its trailer; errors as in cpio_next. */
__must_check int cpio_extent(const struct cpio *c, u64 *bytes);
