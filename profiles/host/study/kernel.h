/* Would the hypervisor start this kernel? Asked of its own loader, with nothing behind it. */
#pragma once

#include "core/partition/plan.h"
#include "core/vcpu/load.h"

/*
 * For a workstation of a plan whose kernel and initrd are these files, the latter with `initrd_more`
 * bytes in front. False with *why.
 */
bool kernel_starts(const struct plan_workstation *ws, const char *kernel, const char *initrd,
		   u64 initrd_more, struct load_error *why);
