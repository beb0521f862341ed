/*
 * Writing a newc cpio archive (magic 070701, cpio(5)): what core/base/cpio.h reads. The same members
 * give the same bytes: no times, no owners, inodes counted from 1.
 */
#pragma once

#include "core/base/cpio.h"

#define CPIO_FILE   0100644u
#define CPIO_FOLDER 0040755u

/* Names and contents are filled up with zeros to a multiple of 4 bytes. */
#define CPIO_PADDED(n) (((u64)(n) + 3) & ~3ull)

/* The header of one member; no NUL behind it. */
void cpio_header(char out[CPIO_HEADER], const char *name, u32 inode, u32 mode, u32 size);

/* Bytes of a whole member: header, name, contents, padding. */
u64 cpio_member_size(const char *name, u64 size);

/* An archive that is built in memory. */
struct cpio_writer {
	u8 *out;
	u64 room; /* bytes of `out` */
	u64 used;
	u32 members;
};

/*
 * Add a member; a file's folders come before it. cpio_end() adds the trailer and fills up with zeros
 * to a multiple of `align`, a power of two from 4 on. ERR_NOMEM: it does not fit, nothing was
 * written. ERR_INVAL: a name that is empty or has CPIO_NAME_MAX bytes or more, 4 GiB or more.
 */
__must_check int cpio_put(struct cpio_writer *w, const char *name, u32 mode, const void *data,
			  u64 size);
__must_check int cpio_end(struct cpio_writer *w, u64 align);
