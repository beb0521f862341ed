/*
 * Errors of pure code: 0 is success, a failure is one of these negative values.
 * A failure is named where it starts (a log line or a diagnostic) and passed up unchanged.
 */
#pragma once

enum err {
	OK = 0,
	ERR_INVAL = -1,	       /* an argument or input breaks its documented shape */
	ERR_RANGE = -2,	       /* an offset, length or address leaves its bounds */
	ERR_NOMEM = -3,	       /* the grant or pool has no page left */
	ERR_EXIST = -4,	       /* something is there already */
	ERR_NOENT = -5,	       /* nothing there by that name or address */
	ERR_PERM = -6,	       /* refused by policy */
	ERR_BUSY = -7,	       /* in a state that does not allow it now */
	ERR_TIMEOUT = -8,      /* the hardware did not answer in its bound */
	ERR_IO = -9,	       /* the hardware answered with an error */
	ERR_UNSUPPORTED = -10, /* the hardware or format lacks a needed feature */
	ERR_CORRUPT = -11,     /* a checksum, magic or redundancy check failed */
	ERR_VERSION = -12,     /* a version this code does not speak */
};

/* A few English words for an error, never NULL, also for values not listed. */
const char *err_text(int err);
