/* The trapped local APIC: see lapic.h. */
#include "core/vcpu/lapic.h"
#include "core/base/mem.h"

#define VERSION 0x00050014u /* 6 LVT entries, no EOI suppression, no extended registers */

#define SVR_ENABLE	(1u << 8)
#define SVR_BITS	0x3ffu
#define LVT_MASKED	(1u << 16)
#define LVT_TIMER_BITS	0x700ffu
#define ESR_SEND_VECTOR (1u << 5)
#define ESR_RECV_VECTOR (1u << 6)
#define ESR_REGISTER	(1u << 7)
#define DFR_BITS	0xf0000000u
#define ICR_RESERVED	0xfff32000u /* bits 31:20, 17:16, 13 of the low half */
#define ICR_BUSY	(1u << 12)

/* What each mode may do with a register, and whether the real one answers. */
#define XR   1u	 /* xAPIC read */
#define XW   2u	 /* xAPIC write */
#define X2R  4u	 /* x2APIC read */
#define X2W  8u	 /* x2APIC write */
#define REAL 16u /* forwarded */

#define REGISTERS 0x40

static const u8 rights[REGISTERS] = {
    [LAPIC_ID] = XR | XW | X2R, /* xAPIC writes are accepted and ignored */
    [LAPIC_VERSION] = XR | X2R,
    [LAPIC_TPR] = XR | XW | X2R | X2W | REAL,
    [LAPIC_APR] = XR,
    [LAPIC_PPR] = XR | X2R | REAL,
    [LAPIC_EOI] = XW | X2W | REAL,
    [LAPIC_RRR] = XR,
    [LAPIC_LDR] = XR | XW | X2R,
    [LAPIC_DFR] = XR | XW,
    [LAPIC_SVR] = XR | XW | X2R | X2W,
    [LAPIC_ISR... LAPIC_IRR + 7] = XR | X2R | REAL, /* and TMR between them */
    [LAPIC_ESR] = XR | XW | X2R | X2W,
    [LAPIC_ICR] = XR | XW | X2R | X2W,
    [LAPIC_ICR_HIGH] = XR | XW,
    [LAPIC_LVT_TIMER] = XR | XW | X2R | X2W | REAL,
    [LAPIC_LVT_THERMAL... LAPIC_LVT_ERROR] = XR | XW | X2R | X2W,
    [LAPIC_TIMER_INITIAL] = XR | XW | X2R | X2W | REAL,
    [LAPIC_TIMER_CURRENT] = XR | X2R | REAL,
    [LAPIC_TIMER_DIVIDE] = XR | XW | X2R | X2W | REAL,
    [LAPIC_SELF_IPI] = X2W | REAL,
};

/* Bits an LVT has besides the mask: thermal, performance, LINT0, LINT1, error. */
static const u32 lvt_bits[LAPIC_LVT_ERROR - LAPIC_LVT_THERMAL + 1] = {0x107ff, 0x107ff, 0x1a7ff,
								      0x1a7ff, 0x100ff};

static u32 *lvt(struct lapic *a, u32 reg)
{
	return &a->lvt[reg - LAPIC_LVT_THERMAL];
}

static void set_mode(struct lapic *a, enum lapic_mode mode)
{
	__atomic_store_n(&a->mode, mode, __ATOMIC_RELAXED);
}

/* Registers after reset, INIT or a disabled APIC (APM vol. 2 table 16-2, SDM vol. 3 §10.4.7). */
static void reset_registers(struct lapic *a)
{
	__atomic_store_n(&a->ldr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&a->dfr, 0xf, __ATOMIC_RELAXED);
	a->svr = 0xff;
	a->esr = a->esr_pending = 0;
	a->icr_low = a->icr_high = 0;
	for (u32 i = 0; i < ARRAY_SIZE(a->lvt); i++)
		a->lvt[i] = LVT_MASKED;
}

void lapic_reset(struct lapic *a, const struct apic_ops *ops, void *hw, struct lapic *all, u32 id,
		 u32 ncpus, bool x2apic_offered)
{
	memset(a, 0, sizeof(*a));
	a->ops = ops;
	a->hw = hw;
	a->all = all;
	a->id = id;
	a->ncpus = ncpus;
	a->x2apic_offered = x2apic_offered;
	a->base_flags = APIC_BASE_EN | (id == 0 ? APIC_BASE_BSP : 0);
	set_mode(a, LAPIC_XAPIC);
	reset_registers(a);
}

void lapic_init(struct lapic *a)
{
	reset_registers(a);
}

/* An error of the guest's own making: latched until the next write of ESR, and reported by the LVT. */
static void raise_error(struct lapic *a, u32 bit)
{
	u32 entry = *lvt(a, LAPIC_LVT_ERROR);

	a->esr_pending |= bit;
	if (!(entry & LVT_MASKED) && (entry & 0xff) >= 16)
		a->ops->ipi(a->hw, a->id, IPI_FIXED, (u8)entry);
}

/* ---- interprocessor interrupts --------------------------------------------------------------- */

static inline void send(struct lapic *a, const struct ipi *ipi)
{
	enum ipi_mode mode = ipi->mode == IPI_LOWEST ? IPI_FIXED : (enum ipi_mode)ipi->mode;
	/* A physical destination is one at most, and so is the choice among lowest priorities. */
	bool one = ipi->mode == IPI_LOWEST ||
		   (ipi->shorthand == IPI_TO_DEST && !ipi->logical && ipi->dest != IPI_BROADCAST);

	for (u32 vcpu = lapic_next_target(a, ipi, IPI_END); vcpu != IPI_END;
	     vcpu = lapic_next_target(a, ipi, vcpu)) {
		a->ops->ipi(a->hw, vcpu, mode, ipi->vector);
		if (one)
			return;
	}
}

void lapic_send(struct lapic *from, const struct ipi *ipi)
{
	send(from, ipi);
}

/* Send what has been decoded, or show the guest what the hardware would show. */
static void finish_icr(struct lapic *a, int decoded, const struct ipi *ipi)
{
	if (decoded == OK)
		send(a, ipi);
	else if (decoded == ERR_INVAL)
		raise_error(a, ESR_SEND_VECTOR);
	if (decoded == ERR_INVAL || decoded == ERR_PERM)
		a->refused++;
}

/* ---- registers ---------------------------------------------------------------------------------- */

static u32 read_lvt(struct lapic *a, u32 reg)
{
	/* A software-disabled APIC shows its entries masked (APM vol. 2 §16.4.7). */
	return *lvt(a, reg) | (a->svr & SVR_ENABLE ? 0 : LVT_MASKED);
}

static void write_lvt(struct lapic *a, u32 reg, u32 value)
{
	u32 bits = lvt_bits[reg - LAPIC_LVT_THERMAL];

	*lvt(a, reg) = (value & bits) | (a->svr & SVR_ENABLE ? 0 : LVT_MASKED);
}

/*
 * The real spurious-interrupt register follows the guest's, so that a software-disabled APIC
 * accepts nothing; a vector below 16 is not let through.
 */
static void write_svr(struct lapic *a, u32 value)
{
	a->svr = value & SVR_BITS;
	if (!(value & SVR_ENABLE))
		for (u32 i = 0; i < ARRAY_SIZE(a->lvt); i++)
			a->lvt[i] |= LVT_MASKED;
	if ((value & 0xff) < 16) {
		a->refused++;
		value |= 0xff;
	}
	a->ops->write(a->hw, LAPIC_SVR, value & SVR_BITS);
}

/* Registers of the real APIC that a guest writes; the timer cannot have a vector below 16. */
static void write_real(struct lapic *a, u32 reg, u32 value)
{
	if (reg == LAPIC_LVT_TIMER) {
		value &= LVT_TIMER_BITS;
		if (!(value & LVT_MASKED) && (value & 0xff) < 16) {
			a->refused++;
			value |= LVT_MASKED;
		}
	}
	a->ops->write(a->hw, (u8)reg, value);
}

static u32 read_register(struct lapic *a, u32 reg)
{
	bool x2apic = a->mode == LAPIC_X2APIC;

	switch (reg) {
	case LAPIC_ID:
		return x2apic ? a->id : a->id << 24;
	case LAPIC_VERSION:
		return VERSION;
	case LAPIC_LDR:
		return x2apic ? a->id >> 4 << 16 | 1u << (a->id & 0xf) : (u32)a->ldr << 24;
	case LAPIC_DFR:
		return (u32)a->dfr << 28 | ~DFR_BITS;
	case LAPIC_SVR:
		return a->svr;
	case LAPIC_ESR:
		return a->esr;
	case LAPIC_ICR:
		return a->icr_low;
	case LAPIC_ICR_HIGH:
		return a->icr_high;
	case LAPIC_LVT_THERMAL ... LAPIC_LVT_ERROR:
		return read_lvt(a, reg);
	default: /* APR, RRR: nothing arbitrates any more */
		return 0;
	}
}

/* Everything but the ICR, which differs between the modes. */
static void write_register(struct lapic *a, u32 reg, u32 value)
{
	switch (reg) {
	case LAPIC_LDR:
		__atomic_store_n(&a->ldr, (u8)(value >> 24), __ATOMIC_RELAXED);
		break;
	case LAPIC_DFR:
		__atomic_store_n(&a->dfr, (u8)(value >> 28), __ATOMIC_RELAXED);
		break;
	case LAPIC_SVR:
		write_svr(a, value);
		break;
	case LAPIC_ESR:
		a->esr = a->esr_pending;
		a->esr_pending = 0;
		break;
	case LAPIC_ICR_HIGH:
		a->icr_high = value & 0xff000000;
		break;
	case LAPIC_LVT_THERMAL ... LAPIC_LVT_ERROR:
		write_lvt(a, reg, value);
		break;
	default: /* the id */
		break;
	}
}

/* ---- x2APIC: MSRs ----------------------------------------------------------------------------- */

int lapic_msr_read(struct lapic *a, u32 reg, u64 *value)
{
	if (a->mode != LAPIC_X2APIC || reg >= REGISTERS || !(rights[reg] & X2R))
		return ERR_PERM;
	if (reg == LAPIC_ICR)
		*value = (u64)a->icr_high << 32 | a->icr_low;
	else if (rights[reg] & REAL)
		*value = a->ops->read(a->hw, (u8)reg);
	else
		*value = read_register(a, reg);
	return OK;
}

/* Bits that raise #GP when set (SDM vol. 3 §10.12.1.3); the ICR is checked by its own write. */
static u64 reserved_bits(u32 reg)
{
	switch (reg) {
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return ~0xffull;
	case LAPIC_SVR:
		return ~(u64)SVR_BITS;
	case LAPIC_EOI:
	case LAPIC_ESR:
		return ~0ull;
	case LAPIC_LVT_TIMER:
		return ~(u64)(LVT_TIMER_BITS | ICR_BUSY);
	case LAPIC_LVT_THERMAL ... LAPIC_LVT_ERROR:
		/* Delivery status (12) and remote IRR (14) are read-only. */
		return ~(u64)(lvt_bits[reg - LAPIC_LVT_THERMAL] | 1u << 12 | 1u << 14);
	case LAPIC_TIMER_DIVIDE:
		return ~0xbull;
	default:
		return 0xffffffff00000000;
	}
}

static int write_icr_x2apic(struct lapic *a, u64 value)
{
	struct ipi ipi;

	if (value & ICR_RESERVED)
		return ERR_PERM;
	a->icr_low = (u32)value & ~ICR_BUSY;
	a->icr_high = (u32)(value >> 32);
	finish_icr(a, ipi_decode_x2apic(value, &ipi), &ipi);
	return OK;
}

int lapic_msr_write(struct lapic *a, u32 reg, u64 value)
{
	if (a->mode != LAPIC_X2APIC || reg >= REGISTERS || !(rights[reg] & X2W))
		return ERR_PERM;
	if (reg == LAPIC_ICR)
		return write_icr_x2apic(a, value);
	if (value & reserved_bits(reg))
		return ERR_PERM;
	if (rights[reg] & REAL)
		write_real(a, reg, (u32)value);
	else
		write_register(a, reg, (u32)value);
	return OK;
}

/* ---- xAPIC: the page ---------------------------------------------------------------------------- */

/* The register an access means; 0, which is none, when it means none. */
static u32 mmio_register(struct lapic *a, u32 offset, u8 width, u8 right)
{
	u32 reg = offset >> 4;

	if (width != 4 || offset & 0xf || reg >= REGISTERS || !(rights[reg] & right)) {
		raise_error(a, ESR_REGISTER);
		return 0;
	}
	return reg;
}

int lapic_mmio_read(struct lapic *a, u32 offset, u8 width, u64 *value)
{
	u32 reg;

	if (a->mode != LAPIC_XAPIC)
		return ERR_NOENT;
	reg = mmio_register(a, offset, width, XR);
	if (!reg)
		*value = 0;
	else if (rights[reg] & REAL)
		*value = a->ops->read(a->hw, (u8)reg);
	else
		*value = read_register(a, reg);
	return OK;
}

int lapic_mmio_write(struct lapic *a, u32 offset, u8 width, u64 value)
{
	struct ipi ipi;
	u32 reg;

	if (a->mode != LAPIC_XAPIC)
		return ERR_NOENT;
	reg = mmio_register(a, offset, width, XW);
	if (!reg)
		return OK;
	if (reg == LAPIC_ICR) {
		a->icr_low = (u32)value & ~ICR_BUSY & ~ICR_RESERVED;
		finish_icr(a, ipi_decode_xapic(a->icr_high, a->icr_low, &ipi), &ipi);
	} else if (rights[reg] & REAL) {
		write_real(a, reg, (u32)value);
	} else {
		write_register(a, reg, (u32)value);
	}
	return OK;
}

/* ---- APIC_BASE ---------------------------------------------------------------------------------- */

/*
 * Legal moves between the modes, a bit a target (SDM vol. 3 figure 10-27, APM vol. 2 §16.9): x2APIC
 * is entered from xAPIC only, and left only by disabling.
 */
static const u8 moves[3] = {
    [LAPIC_DISABLED] = 1 << LAPIC_DISABLED | 1 << LAPIC_XAPIC,
    [LAPIC_XAPIC] = 1 << LAPIC_DISABLED | 1 << LAPIC_XAPIC | 1 << LAPIC_X2APIC,
    [LAPIC_X2APIC] = 1 << LAPIC_DISABLED | 1 << LAPIC_X2APIC,
};

static __attribute__((noinline)) int base_change(struct lapic *a, u64 value)
{
	u32 flags = (u32)value & (APIC_BASE_EN | APIC_BASE_EXTD);
	enum lapic_mode mode = flags == APIC_BASE_EN ? LAPIC_XAPIC
			       : flags		     ? LAPIC_X2APIC
						     : LAPIC_DISABLED;

	/* The page stays where it is: to move it is the one thing of the register not offered. */
	if ((value & ~(u64)(APIC_BASE_BSP | APIC_BASE_EN | APIC_BASE_EXTD)) != APIC_BASE_ADDRESS)
		return ERR_PERM;
	if (flags == APIC_BASE_EXTD || (flags & APIC_BASE_EXTD && !a->x2apic_offered))
		return ERR_PERM;
	if (!(moves[a->mode] >> mode & 1))
		return ERR_PERM;
	if (mode == a->mode)
		return OK; /* but for the boot processor's flag, which stays */
	a->base_flags = (a->base_flags & APIC_BASE_BSP) | flags;
	if (mode == LAPIC_DISABLED)
		reset_registers(a);
	a->icr_low = a->icr_high = 0;
	set_mode(a, mode);
	a->ops->mode(a->hw, mode);
	return OK;
}

int lapic_base_write(struct lapic *a, u64 value)
{
	return value == lapic_base_read(a) ? OK : base_change(a, value);
}
