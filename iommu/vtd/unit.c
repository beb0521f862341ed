/* A unit's life: found, taken over from the firmware, enabled, quiet (§11.4). */
#include "core/base/mem.h"
#include "iommu/vtd/unit.h"

/* Longest a firmware's queue may take to run empty, and our last one before a reset. */
#define DRAIN_NS 1000000000ull

/* ---- capabilities --------------------------------------------------------------------------- */

/* The fault records lie where the capabilities say, perhaps beyond the first page. */
static int map_registers(struct iommu_unit *u, u64 *cap)
{
	u64 size = max_u64(u->desc.register_size, REG_MIN), end;
	int err = port_mmio_map(u->desc.registers, size, &u->regs);

	if (err)
		return err;
	*cap = port_mmio_read64(&u->regs, REG_CAP);
	/* Nothing answers at the address the table gave. */
	if (!~*cap || !*cap) {
		port_log(LOG_ERROR, "VT-d unit %u: no registers at %#llx, though the DMAR says so",
			 u->index, (unsigned long long)u->desc.registers.v);
		return ERR_IO;
	}
	end = CAP_FRO(*cap) + 16 * CAP_NFR(*cap);
	return end <= size ? OK
			   : port_mmio_map(u->desc.registers, align_up(end, PAGE_SIZE), &u->regs);
}

/* SAGAW bits 1, 2, 3: tables of 3, 4, 5 levels. */
static u16 table_levels(u64 cap)
{
	return (u16)((CAP_SAGAW(cap) & 0xe) << 2);
}

static u8 leaf_max(u64 cap)
{
	if (!(CAP_SSLPS(cap) & 1))
		return PT_LEAF_4K;
	return CAP_SSLPS(cap) & 2 ? PT_LEAF_1G : PT_LEAF_2M;
}

static void describe(struct iommu_unit *u, u64 cap, u64 ecap)
{
	u64 domains = 16ull << 2 * CAP_ND(cap);
	/* Which mode it will be is found out at take-over, so both modes' walks must snoop. */
	u64 snooping = ECAP_C | (ecap & ECAP_SMTS ? ECAP_SMPWCS : 0);

	u->caps = (struct iommu_caps){
	    .input_bits = (u8)(CAP_MGAW(cap) + 1),
	    .output_bits = 52,
	    .levels = table_levels(cap),
	    .leaf_max = leaf_max(cap),
	    .coherent = (ecap & snooping) == snooping,
	    .snoop_control = ecap & ECAP_SC,
	    .caches_absent = cap & CAP_CM,
	    .irq_remapping = ecap & ECAP_IR,
	    .x2apic = ecap & ECAP_EIM,
	    .ats = ecap & ECAP_DT,
	    .max_domains = (u32)min_u64(domains, 65536),
	    .max_irqs = 65536,
	};
}

static int probe(struct iommu_unit *u)
{
	struct vtd *v;
	paddr_t page;
	u64 cap;
	int err = map_registers(u, &cap);

	if (!err)
		err = pool_page(u->iommu->pool, &page);
	if (err)
		return err;
	v = port_va(page);
	v->unit = u;
	v->cap = cap;
	v->ecap = port_mmio_read64(&u->regs, REG_ECAP);
	describe(u, v->cap, v->ecap);
	u->priv = v;
	u->state = IOMMU_UNIT_PROBED;
	return OK;
}

/* ---- take-over ------------------------------------------------------------------------------ */

static int refuse(const struct iommu_unit *u, const char *what)
{
	port_log(LOG_ERROR, "VT-d unit %u cannot be used: it lacks %s", u->index, what);
	return ERR_UNSUPPORTED;
}

static int check_needs(struct vtd *v)
{
	const struct iommu_unit *u = v->unit;

	if (!(v->ecap & ECAP_QI))
		return refuse(u, "queued invalidation");
	if (!u->caps.levels)
		return refuse(u, "second-stage translation of 3 to 5 levels");
	if (u->caps.irq_remapping && u->desc.x2apic && !u->caps.x2apic)
		return refuse(u, "extended interrupt mode, which x2APIC processors need");
	return OK;
}

/*
 * Legacy mode is what every unit had and what firmware uses. A unit without it keeps another mode
 * when legacy is written to RTADDR; nothing changes before the pointer is set. A firmware that
 * translates in scalable mode is followed, so that translation need not be off in between.
 */
static int choose_mode(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;
	bool scalable_works = v->ecap & ECAP_SMTS && v->ecap & ECAP_SSTS;
	bool translating = port_mmio_read32(m, REG_GSTS) & GCMD_TE;
	u64 mode = port_mmio_read64(m, REG_RTADDR) & RTADDR_TTM;

	if (!(translating && mode == RTADDR_TTM_SCALABLE)) {
		port_mmio_write64(m, REG_RTADDR, port_pa(v->root).v);
		mode = port_mmio_read64(m, REG_RTADDR) & RTADDR_TTM;
	}
	if (mode && !scalable_works)
		return refuse(v->unit, "legacy and second-stage translation");
	v->scalable = mode != 0;
	return OK;
}

/* What is queued is done, or in error, or never will be; then the queue is stopped (§6.5.2). */
static int stop_queue(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;
	u64 end = port_time_ns() + DRAIN_NS;

	v->queue.running = false;
	if (!(port_mmio_read32(m, REG_GSTS) & GCMD_QIE))
		return OK;
	while (port_mmio_read64(m, REG_IQH) != port_mmio_read64(m, REG_IQT)) {
		if (port_mmio_read32(m, REG_FSTS) & FSTS_ERRORS || port_time_ns() > end) {
			port_log(LOG_WARN, "VT-d unit %u: a queue is left unfinished",
				 v->unit->index);
			break;
		}
		port_relax();
	}
	return vtd_command(v, GCMD_QIE, false);
}

static int alloc_queue(struct vtd *v)
{
	paddr_t ring, status;
	int err = pool_page(v->unit->iommu->pool, &ring);

	if (!err)
		err = pool_page(v->unit->iommu->pool, &status);
	if (err)
		return err;
	v->queue.ring = port_va(ring);
	v->queue.status = port_va(status);
	return OK;
}

static int take_over(struct iommu_unit *u)
{
	struct vtd *v = vtd_of(u);
	paddr_t root;
	int err = check_needs(v);

	if (!err)
		err = pool_page(u->iommu->pool, &root);
	if (err)
		return err;
	v->root = port_va(root);
	err = choose_mode(v);
	if (!err)
		err = vtd_context_alloc(v);
	if (!err)
		err = alloc_queue(v);
	if (!err && u->caps.irq_remapping)
		err = vtd_irq_table_alloc(v);
	if (err)
		return err;
	v->eim = u->desc.x2apic && u->caps.x2apic;
	port_mmio_write32(&u->regs, REG_FECTL, FECTL_IM);
	err = vtd_command(v, GCMD_EAFL, false);
	if (!err)
		err = stop_queue(v);
	if (err)
		return err;
	vtd_faults_discard(v);
	u->state = IOMMU_UNIT_TAKEN;
	return OK;
}

/* ---- enable --------------------------------------------------------------------------------- */

/* Our interrupt table, compatibility format blocked (§5.1.4, §6.7). */
static int enable_interrupts(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;
	u64 size = (u64)__builtin_ctz(v->irq_entries) - 1, eime = v->eim ? IRTA_EIME : 0;
	int err = OK;

	/* A table is replaced while remapping is on, its mode is not. */
	if ((port_mmio_read64(m, REG_IRTA) & IRTA_EIME) != eime)
		err = vtd_command(v, GCMD_IRE, false);
	if (err)
		return err;
	port_mmio_write64(m, REG_IRTA, port_pa(v->irt).v | eime | size);
	err = vtd_command_once(v, GCMD_SIRTP);
	if (!err)
		err = vtd_flush_irq_all(v);
	if (!err)
		err = vtd_command(v, GCMD_CFI, false);
	return err ? err : vtd_command(v, GCMD_IRE, true);
}

/* Our root table in place of none or of the firmware's (§6.6). */
static int enable_translation(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;
	int err;

	port_mmio_write64(m, REG_RTADDR,
			  port_pa(v->root).v | (v->scalable ? RTADDR_TTM_SCALABLE : 0));
	err = vtd_command_once(v, GCMD_SRTP);
	if (!err)
		err = vtd_flush_all(v);
	return err ? err : vtd_command(v, GCMD_TE, true);
}

/* The firmware's protected ranges have done their duty (§11.4.17). */
static int open_protected_memory(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;

	if (!(v->cap & (CAP_PLMR | CAP_PHMR)) || !(port_mmio_read32(m, REG_PMEN) & PMEN_EPM))
		return OK;
	port_mmio_write32(m, REG_PMEN, 0);
	return vtd_register_await(v, REG_PMEN, PMEN_PRS, 0);
}

static int enable(struct iommu_unit *u)
{
	struct vtd *v = vtd_of(u);
	int err;

	if (u->state != IOMMU_UNIT_TAKEN)
		return ERR_BUSY;
	err = vtd_memory_settle(v);
	if (!err)
		err = vtd_queue_start(v);
	if (!err && u->caps.irq_remapping)
		err = enable_interrupts(v);
	if (!err)
		err = enable_translation(v);
	if (!err)
		err = open_protected_memory(v);
	u->state = err ? IOMMU_UNIT_FAILED : IOMMU_UNIT_ENABLED;
	return err;
}

/* ---- quiesce -------------------------------------------------------------------------------- */

/*
 * The core that crashed may have been in the middle of an op, or the queue be in error: it is
 * stopped and started anew, and waiting has an end.
 */
static int quiesce(struct iommu_unit *u)
{
	struct vtd *v = vtd_of(u);
	int err, stopped;

	if (!v || !v->root || u->state < IOMMU_UNIT_ENABLED)
		return ERR_BUSY;
	port_mmio_write32(&u->regs, REG_FECTL, FECTL_IM);
	vtd_context_block_all(v);
	vtd_irq_block_all(v);
	err = stop_queue(v);
	port_mmio_write32(&u->regs, REG_FSTS, FSTS_ERRORS);
	if (!err)
		err = vtd_queue_start(v);
	v->give_up_ns = port_time_ns() + DRAIN_NS;
	if (!err && v->irt)
		err = vtd_flush_irq_all(v);
	if (!err)
		err = vtd_flush_all(v);
	stopped = stop_queue(v);
	u->state = IOMMU_UNIT_QUIET;
	return err ? err : stopped;
}

const struct iommu_ops vtd_ops = {
    .kind = IOMMU_VTD,
    .name = "VT-d",
    .format = &pt_format_vtd,
    .probe = probe,
    .take_over = take_over,
    .enable = enable,
    .arm_faults = vtd_arm_faults,
    .poll = vtd_poll,
    .attach = vtd_attach,
    .block = vtd_block,
    .flush = vtd_flush,
    .irq_alloc = vtd_irq_alloc,
    .irq_free = vtd_irq_free,
    .irq_set = vtd_irq_set,
    .irq_clear = vtd_irq_clear,
    .irq_message = vtd_irq_message,
    .quiesce = quiesce,
};
