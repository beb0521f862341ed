/*
 * INIT and start-up IPIs between the vCPUs of a workstation, without ever sending one: the sender
 * posts, kicks if told to, and the target takes the request in the hypervisor. Safe from any core.
 */
#pragma once

#include "core/base/types.h"

enum startup_action {
	STARTUP_NONE,  /* go on */
	STARTUP_RESET, /* an INIT has come: take the INIT state (reset.h), then look again */
	STARTUP_WAIT,  /* waiting for SIPI: stay in the hypervisor until kicked */
	STARTUP_GO,    /* start in real mode at the vector */
};

struct startup {
	u32 word; /* private: atomic */
};

/* Before the vCPU's core looks at it: application processors wait, the boot processor runs. */
void startup_begin(struct startup *s, bool waiting);

/* Post. Returns true when the target must be kicked to see it. */
__must_check bool startup_init(struct startup *s);
/* A SIPI counts only for a vCPU that waits or is about to; the first one since INIT wins. */
__must_check bool startup_sipi(struct startup *s, u8 vector);

/* Is the vCPU in or about to enter the wait state? Interrupts for it are dropped then. */
bool startup_waiting(const struct startup *s);

/* Only by the vCPU's own core: what to do now. *vector is written with STARTUP_GO. */
enum startup_action startup_take(struct startup *s, u8 *vector);
