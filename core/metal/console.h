/*
 * A workstation's serial output on its way to the log: a ring its cores write and the host core
 * empties, line by line, prefixed with the workstation's name.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define CONSOLE_RING 8192

struct console {
	struct spinlock lock;
	u32 head, tail; /* free-running */
	u32 seen_head;	/* at the last tick */
	u64 lost;	/* bytes that found the ring full, since the last drain */
	char ring[CONSOLE_RING];
};

void console_init(struct console *c);

/* From any core. True: worth waking the host core now (a line is complete, or space runs out). */
__must_check bool console_put(struct console *c, char byte);

/*
 * Host core: write out the complete lines there are. `tick`: time passes; a partial line that has
 * not grown since the last tick is written too. Returns whether there was anything.
 */
bool console_drain(struct console *c, const char *name, bool tick);
