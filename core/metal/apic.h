/*
 * The processor's own local APIC, in x2APIC mode where there is one (APM 2 §16.3, SDM 3A §10.12),
 * else through its page. Registers have their x2APIC numbers (enum lapic_reg).
 */
#pragma once

#include "core/base/types.h"
#include "core/vcpu/ipi.h"
#include "core/vcpu/lapic.h"

struct cpu;

#define APIC_LVT_MASKED (1u << 16)

/* Choose the mode for all cores, on the BSP, before any other call. */
__must_check int apic_init(void);
bool apic_has_x2apic(void);

/* Bring the calling core's APIC to the hypervisor's state: enabled, every LVT masked, TPR 0. */
void apic_enable(void);

/*
 * Leave no trace of who ran here: timer stopped, LVTs masked, every pending and in-service
 * interrupt gone. Interrupts must be off; they are let in here, to a handler that only counts.
 */
void apic_clean(void);

u32 apic_id(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 v);
void apic_eoi(void);

/* One interrupt to one core, by physical id. */
void apic_ipi(u32 apic_id, enum ipi_mode mode, u8 vector);

/* Make a core look at its requests: by NMI, which nothing a guest does can block. */
void apic_kick(struct cpu *c);

/* Panic: stop every other core that is online. */
void apic_stop_others(void);
