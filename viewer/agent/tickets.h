/*
 * One-use secrets: what a lost session resumes with, and what a broker hands out.
 *
 * A ticket is 32 bytes; as a password it is written in hexadecimal for the user name "@ticket".
 */
#pragma once

#include "viewer/proto/native.h"

#define TICKETS_MAX 128u

struct ticket {
	u8 secret[NATIVE_TOKEN];
	char user[64];
	u64 until_us; /* 0: free */
};

struct tickets {
	struct ticket list[TICKETS_MAX];
};

/* Makes one for that user and writes it to out. */
__must_check int ticket_new(struct tickets *t, const char *user, u64 until_us,
			    u8 out[NATIVE_TOKEN]);
/* Uses it up. 0 and the user's name, or ERR_PERM. Time does not depend on the content. */
__must_check int ticket_use(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 now,
			    char user[64]);
/* New end of life for a ticket that is still there. */
void ticket_extend(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 until_us);
/* Looks for a ticket in a broker's file and takes it out of there. 0 or ERR_PERM. */
__must_check int ticket_from_file(const char *path, const char *hex);
__must_check int ticket_parse(const char *hex, u8 out[NATIVE_TOKEN]);
