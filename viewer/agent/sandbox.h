/* What a running agent may still ask of the kernel: what it needs, and nothing else. */
#pragma once

#include "core/base/types.h"

/* Call once everything is open. 0, or a negative error with its text. */
__must_check int sandbox_enter(char *error, size_t n);
