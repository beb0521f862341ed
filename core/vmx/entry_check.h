/*
 * Why VM entry failed: the checks a processor makes (Intel SDM volume 3, §27.2 and §27.3) as a
 * table, run over a control structure after a failure to name the field that was wrong.
 */
#pragma once

#include "core/base/types.h"
#include "core/vmx/controls.h"

struct vmcs_reader {
	u64 (*read)(void *ctx, u32 field);
	void *ctx;
	const struct vmx_host *host; /* capabilities of the processor */
	u8 phys_bits;
};

/* Which of the three areas a failure concerns; VMfailValid errors 7 and 8, exit reason 33. */
enum vmcs_area { VMCS_AREA_CONTROLS = 1, VMCS_AREA_HOST = 2, VMCS_AREA_GUEST = 4 };

struct vmcs_fault {
	const char *field; /* its name in the manual */
	const char *rule;  /* what it breaks, with the section */
	u64 value;
};

/* The first check that fails in these areas. False: all of them hold, the table knows no reason. */
__must_check bool vmcs_find_fault(const struct vmcs_reader *r, u32 areas, struct vmcs_fault *out);
