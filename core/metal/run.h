/* What a guest core does: wait to be given a vCPU, run it until asked to leave, be clean, wait. */
#pragma once

#include "core/metal/cpu.h"
#include "core/vcpu/vcpu.h"

/* The backend of this machine's processors; chosen once at start, or the boot is refused. */
extern const struct virt_ops *virt;
void virt_choose(void);

/* The life of every core but the host core. */
void run_core(struct cpu *c) __noreturn;

/* Set request bits of a core and make it look: by NMI, or at once when it is the calling core. */
void run_request(struct cpu *c, u32 requests);

/* Give a parked core a vCPU, prepared by vcpu->start and startup_begin(). Host core only. */
void run_assign(struct cpu *c, struct vcpu *v);

/* Has it left its guest for good? Its state is clean then. */
bool run_parked(const struct cpu *c);

/* The interrupt, NMI, INIT or SIPI of one vCPU for another: the ipi op of struct apic_ops. */
extern const struct apic_ops run_apic_ops;
