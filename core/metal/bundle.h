/*
 * The boot bundle in its home: a newc archive in hypervisor-owned memory, read in place. It was
 * walked once at boot; still nothing is taken from it that is not looked at again.
 */
#pragma once

#include "core/base/types.h"
#include "core/vcpu/load.h"

struct bundle {
	paddr_t base;
	u64 size; /* bytes */
};

/*
 * A file of it; `name` NULL asks for none and gets size 0. `who` wants it: the workstation that the
 * line in the log names where there is no such file (ERR_NOENT), or the archive is damaged.
 */
__must_check int bundle_find(const struct bundle *b, const char *who, const char *name,
			     struct load_file *out);

/* Its bytes from `off` on; they stay where they are until power-off. */
const u8 *bundle_bytes(const struct bundle *b, const struct load_file *f, u64 off);
