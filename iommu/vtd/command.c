/* Commands to the unit, one at a time, and memory it reads (§6.8, §11.4.4). */
#include "iommu/vtd/unit.h"

/* Hardware answers within microseconds; what takes longer never comes. */
#define COMMAND_NS 1000000000ull

void vtd_entry_set(struct vtd *v, u64 *entry, u64 lo, u64 hi)
{
	u128 old = (u128)entry[1] << 64 | entry[0], new = (u128)hi << 64 | lo;

	/* The unit never writes these tables: the loop is for the compiler's must-check. */
	while (!port_cmpxchg128((volatile u128 *)entry, &old, new))
		;
	vtd_write_back(v, entry, sizeof(new));
}

int vtd_memory_settle(struct vtd *v)
{
	/* Stores and written-back lines come before the register write that makes the unit look. */
	port_wmb();
	return v->cap & CAP_RWBF ? vtd_command_once(v, GCMD_WBF) : OK;
}

int vtd_register_await(struct vtd *v, u32 reg, u32 mask, u32 want)
{
	const struct mmio *m = &v->unit->regs;
	u64 end = port_time_ns() + COMMAND_NS;

	while ((port_mmio_read32(m, reg) & mask) != want) {
		if (port_time_ns() > end) {
			port_log(LOG_ERROR,
				 "VT-d unit %u: register %#x does not get from %#x to %#x",
				 v->unit->index, reg, port_mmio_read32(m, reg) & mask, want);
			v->unit->state = IOMMU_UNIT_FAILED;
			return ERR_TIMEOUT;
		}
		port_relax();
	}
	return OK;
}

int vtd_command(struct vtd *v, u32 bit, bool set)
{
	const struct mmio *m = &v->unit->regs;
	u32 now = port_mmio_read32(m, REG_GSTS) & ~(u32)GCMD_ONE_SHOT;

	if (!!(now & bit) == set)
		return OK;
	port_mmio_write32(m, REG_GCMD, now ^ bit);
	return vtd_register_await(v, REG_GSTS, bit, set ? bit : 0);
}

/* The pointer commands end by setting their status bit, the buffer flush by clearing it. */
int vtd_command_once(struct vtd *v, u32 bit)
{
	const struct mmio *m = &v->unit->regs;
	u32 now = port_mmio_read32(m, REG_GSTS) & ~(u32)GCMD_ONE_SHOT;

	port_mmio_write32(m, REG_GCMD, now | bit);
	return vtd_register_await(v, REG_GSTS, bit, bit == GCMD_WBF ? 0 : bit);
}
