/* Would the hypervisor start this kernel? Asked of its own loader, with nothing behind it. */
#pragma once

#include "core/partition/plan.h"
#include "core/vcpu/load.h"

/* For a workstation of a plan whose kernel and initrd are these files. False with *why. */
bool kernel_starts(const struct plan_workstation *ws, const char *kernel, const char *initrd,
		   struct load_error *why);
