/*
 * The guest's local APIC: what of it is trapped.
 *
 * The real APIC of the core serves its guest (DESIGN: whole cores): in x2APIC mode TPR, PPR, EOI,
 * ISR, TMR, IRR, the timer and SELF IPI are passed by the MSR permission map and never come here.
 * Id, LDR, SVR, ICR, ESR, every LVT but the timer and APIC_BASE do; a guest in xAPIC mode comes here
 * with every access of its MMIO page, and what is passed in x2APIC mode is then forwarded. Virtual
 * ids are the dense index of the vCPU. LINT0, LINT1, thermal, performance and error LVTs are state
 * without wires: no guest can program SMI, INIT or ExtINT into hardware.
 * APM vol. 2 ch. 16, SDM vol. 3 ch. 10.
 *
 * A vCPU's own registers are used by its own core only; other cores read mode, ldr and dfr when
 * they look for the targets of an IPI.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"
#include "core/vcpu/ipi.h"

/* Registers by their x2APIC number: MSR 800h + n, or xAPIC offset n << 4. */
enum lapic_reg {
	LAPIC_ID = 0x02,
	LAPIC_VERSION = 0x03,
	LAPIC_TPR = 0x08,
	LAPIC_APR = 0x09,
	LAPIC_PPR = 0x0a,
	LAPIC_EOI = 0x0b,
	LAPIC_RRR = 0x0c,
	LAPIC_LDR = 0x0d,
	LAPIC_DFR = 0x0e,
	LAPIC_SVR = 0x0f,
	LAPIC_ISR = 0x10,
	LAPIC_TMR = 0x18,
	LAPIC_IRR = 0x20,
	LAPIC_ESR = 0x28,
	LAPIC_CMCI = 0x2f,
	LAPIC_ICR = 0x30,
	LAPIC_ICR_HIGH = 0x31,
	LAPIC_LVT_TIMER = 0x32,
	LAPIC_LVT_THERMAL = 0x33,
	LAPIC_LVT_PERF = 0x34,
	LAPIC_LVT_LINT0 = 0x35,
	LAPIC_LVT_LINT1 = 0x36,
	LAPIC_LVT_ERROR = 0x37,
	LAPIC_TIMER_INITIAL = 0x38,
	LAPIC_TIMER_CURRENT = 0x39,
	LAPIC_TIMER_DIVIDE = 0x3e,
	LAPIC_SELF_IPI = 0x3f,
};

#define APIC_BASE_ADDRESS 0xfee00000ull
#define APIC_BASE_BSP	  (1u << 8)
#define APIC_BASE_EXTD	  (1u << 10)
#define APIC_BASE_EN	  (1u << 11)

enum lapic_mode { LAPIC_DISABLED, LAPIC_XAPIC, LAPIC_X2APIC };

/*
 * The hardware below, of the core that runs the vCPU (`hw` is the caller's own handle of it).
 * None fails; ipi() goes to a vCPU that may be stopped, waiting for SIPI, or running.
 */
struct apic_ops {
	/* Real APIC registers. Only TPR, PPR, EOI, SVR, ISR, TMR, IRR, timer LVT, counts, divide. */
	u32 (*read)(void *hw, u8 reg);
	void (*write)(void *hw, u8 reg, u32 value);
	/* One interrupt to one vCPU of this workstation, the own one included. */
	void (*ipi)(void *hw, u32 vcpu, enum ipi_mode mode, u8 vector);
	/* The guest has changed mode: change the MSR permission map; on LAPIC_DISABLED also bring the
	 * real APIC into its reset state (nothing in service or requested, timer stopped). */
	void (*mode)(void *hw, enum lapic_mode mode);
};

struct lapic {
	const struct apic_ops *ops;
	void *hw;
	struct lapic *all; /* array of the workstation's vCPUs: this one is all[id] */
	u32 ncpus;
	u32 id;
	u8 mode; /* enum lapic_mode */
	bool x2apic_offered;
	u8 ldr, dfr;	/* xAPIC: logical id; DFR bits 31:28, Fh flat, 0 cluster */
	u32 base_flags; /* BSP, EXTD, EN as APIC_BASE shows them */
	u32 svr;
	u32 esr, esr_pending;
	u32 icr_low, icr_high;
	u32 lvt[LAPIC_LVT_ERROR - LAPIC_LVT_THERMAL + 1];
	u64 refused; /* interrupts and register values refused; only grows */
};

/*
 * Reset state (power on or, keeping APIC_BASE, INIT): xAPIC mode, software-disabled, LVTs masked.
 * Does not touch hardware: the caller has brought the real APIC into its reset state.
 */
void lapic_reset(struct lapic *a, const struct apic_ops *ops, void *hw, struct lapic *all, u32 id,
		 u32 ncpus, bool x2apic_offered);
void lapic_init(struct lapic *a);

/* MSRs 800h..8FFh (`reg` = MSR - 800h) and APIC_BASE. ERR_PERM: raise #GP(0). */
__must_check int lapic_msr_read(struct lapic *a, u32 reg, u64 *value);
__must_check int lapic_msr_write(struct lapic *a, u32 reg, u64 value);
static inline u64 lapic_base_read(const struct lapic *a)
{
	return APIC_BASE_ADDRESS | a->base_flags;
}
__must_check int lapic_base_write(struct lapic *a, u64 value);

/*
 * One access to the page at APIC_BASE_ADDRESS, in xAPIC mode; `offset` is below 4096. Registers are
 * 32 bits wide on 16-byte boundaries; anything else reads zero and is dropped. ERR_NOENT: the guest
 * is not in xAPIC mode, so there is no such page.
 */
__must_check int lapic_mmio_read(struct lapic *a, u32 offset, u8 width, u64 *value);
__must_check int lapic_mmio_write(struct lapic *a, u32 offset, u8 width, u64 value);

/*
 * The vCPUs an IPI from `from` reaches, in rising order: first call with `after` IPI_END, then with
 * the one returned before, until IPI_END. Physical destinations are found directly. APICs that are
 * disabled in APIC_BASE receive nothing. Of IPI_LOWEST's targets the first one is meant.
 */
u32 lapic_next_target(const struct lapic *from, const struct ipi *ipi, u32 after);

/* Send a decoded interrupt by the ipi op: to all of its targets, of IPI_LOWEST's to the first alone. */
void lapic_send(struct lapic *from, const struct ipi *ipi);

/*
 * An interrupt message, of an I/O APIC or a device, as the APICs of `a`'s workstation take it: in
 * xAPIC mode destination FFh means all of them. `lowest`: any one of the destinations.
 */
struct ipi lapic_message(const struct lapic *a, u8 vector, u32 destination, bool logical,
			 bool lowest);
