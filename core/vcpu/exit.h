/*
 * The handlers of exits, a file a kind: exit.c has the table of them, CPUID, MSRs and what is left.
 * Private to these files; what backends call directly is in vcpu.h.
 */
#pragma once

#include "core/vcpu/vcpu.h"

/* Past the instruction that exited, one without operands; its length may have to be decoded. */
void exit_skip(struct vcpu *v);

void exit_port(struct vcpu *v);
void exit_cr(struct vcpu *v);
void exit_xsetbv(struct vcpu *v);
