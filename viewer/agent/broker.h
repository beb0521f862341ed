/*
 * The agent's only way to start other programs once it is in its sandbox: a helper process, started
 * before, that judges passwords and runs the lock command. One packet a request, one an answer.
 */
#pragma once

#include "core/base/types.h"

#define BROKER_FD     3	   /* the helper's end */
#define BROKER_PACKET 1024 /* bytes at most */

enum broker_kind {
	BROKER_JUDGE = 'A', /* u32 id, user NUL password NUL */
	BROKER_LOCK = 'L',
};

/* On the wire between the two: native byte order, same machine. */
struct broker_request {
	u32 id;
	u8 kind;
	u8 zero[3];
	char text[BROKER_PACKET - 8];
};

struct broker_answer {
	u32 id;
	u32 ok;
};

struct broker {
	int fd;
	int pid;
	u32 next_id;
};

/* Starts the helper that lies beside this program. Empty password_file: PAM. */
__must_check int broker_open(struct broker *b, const char *password_file, const char *lock_command);
void broker_close(struct broker *b);
/* 0 and the id that the answer will bear. */
__must_check int broker_judge(struct broker *b, const char *user, const char *password, u32 *id);
__must_check int broker_lock(struct broker *b);
/* 1 and an answer, 0 nothing there, negative: the helper is gone. */
__must_check int broker_answer(struct broker *b, struct broker_answer *a);
