/* What is said of a workstation that did not end by its own will. */
#pragma once

#include "core/vcpu/vcpu.h"

/* Registers and last exits of each of its processors, to the log. All of them have left the guest. */
void death_report(const struct guest *g);
