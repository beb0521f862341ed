/*
 * One-use secrets: what a lost session resumes with, and what a broker hands out.
 *
 * A ticket is 32 bytes; as a password it is written in hexadecimal for the user name "@ticket".
 */
#pragma once

#include "viewer/proto/native.h"

#define TICKETS_MAX 128u

/* Who comes with it, and what for. */
struct ticket_right {
	char user[64];
	bool view_only;
};

struct ticket {
	u8 secret[NATIVE_TOKEN];
	struct ticket_right right;
	u64 until_us; /* 0: free */
};

struct tickets {
	struct ticket list[TICKETS_MAX];
};

/* Makes one with that right and writes it to out. */
__must_check int ticket_new(struct tickets *t, const struct ticket_right *right, u64 until_us,
			    u8 out[NATIVE_TOKEN]);
/* Makes one of a secret that was used, for a holder who may have got no other for it. */
void ticket_put(struct tickets *t, const u8 secret[NATIVE_TOKEN], const struct ticket_right *right,
		u64 until_us);
/* Uses it up. 0 and its right, or ERR_PERM. Time does not depend on the content. */
__must_check int ticket_use(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 now,
			    struct ticket_right *right);
/* New end of life for a ticket that is still there. */
void ticket_extend(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 until_us);
/*
 * Looks for a ticket in a broker's file, whose lines are `ticket expiry [view]`, and takes it out
 * of there. 0 or ERR_PERM; a line with any other third word is no ticket.
 */
__must_check int ticket_from_file(const char *path, const char *hex, bool *view_only);
__must_check int ticket_parse(const char *hex, u8 out[NATIVE_TOKEN]);
