/*
 * What a guest's platform devices and MSRs ask of the machine below: interrupts by its local APICs,
 * its console, its end, its time. Called on the guest's own cores.
 */
#pragma once

#include "core/vcpu/vcpu.h"

extern const struct platform_ops metal_platform_ops; /* ctx: the struct workstation */
extern const struct msr_ops metal_msr_ops; /* hw: the struct vcpu of a workstation's guest */
