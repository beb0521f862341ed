/* The host core: sleeps until somebody needs it, then does what guest cores must not wait for. */
#pragma once

#include "core/base/types.h"

/* From any core: have the host core look at everything soon. */
void host_wake(void);

/* The host core's life after start. */
void host_loop(void) __noreturn;
