/*
 * caprock-seat, the one privileged program of the agent's: it owns a Unix socket that only one user
 * may speak to, and hands over what that user's agent cannot open or ask for by itself:
 *
 *   the graphics card   an open descriptor, without the right to change modes
 *   a framebuffer       drmModeGetFB2 names its buffers only with CAP_SYS_ADMIN; the handles appear
 *                       on the descriptor handed over, so the pixels never pass through here
 *   uinput              an open descriptor for virtual keyboards and pointers
 */
#pragma once

#include "core/base/types.h"

#define SEAT_SOCKET "/run/caprock/seat"
#define SEAT_PLANES 4

enum seat_kind {
	SEAT_CARD = 1,
	SEAT_FRAMEBUFFER = 2, /* value: its id; only after SEAT_CARD on the same connection */
	SEAT_UINPUT = 3,
};

/* One packet each, native byte order: both ends are on one machine. */
struct seat_request {
	u32 kind, value;
};

struct seat_answer {
	s32 error; /* errno, 0: it is as asked, with a descriptor for card and uinput */
	u32 w, h, fourcc;
	u64 modifier; /* DRM_FORMAT_MOD_INVALID: the driver did not say */
	u32 handle[SEAT_PLANES], pitch[SEAT_PLANES], offset[SEAT_PLANES];
	char path[64]; /* of what was opened */
};

/* The agent's end. Connects; negative: no such helper, or it refuses this user. */
__must_check int seat_connect(const char *path, int *fd);
/*
 * Asks and waits. *got_fd (where not NULL) is the caller's. ERR_NOENT: the helper is gone; ERR_PERM:
 * it lacks a right; ERR_IO: it says no (a framebuffer that is no more, a device that is not there).
 */
__must_check int seat_ask(int fd, enum seat_kind kind, u32 value, struct seat_answer *a,
			  int *got_fd);
