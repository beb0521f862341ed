#include "core/base/mem.h"
#include "iommu/amdvi/amdvi.h"
#include "core/paging/paging.h"

/* How long a unit may take to stop its rings when firmware hands it over. */
#define STOP_NS 100000000ull

#define PCI_CAPABILITIES 0x34u
#define PCI_CAP_ID_MSI	 0x05u

/* Where the driver's page keeps what: struct amdvi first, the completion word at its end. */
#define DONE_OFFSET (PAGE_SIZE - 8u)

_Static_assert(sizeof(struct amdvi) <= DONE_OFFSET, "one page holds the driver's state");

/* ---- probe ----------------------------------------------------------------------------------- */

/* A dword of the unit's capability (§3.2); all ones when firmware hides its function. */
static u32 capability(const struct iommu_unit *u, u16 off)
{
	u32 header = port_pci_read(u->desc.pci, u->desc.pci_cap, 4);

	if (!u->desc.pci_cap || (header & 0xff) != AMDVI_CAP_ID)
		return ~0u;
	return port_pci_read(u->desc.pci, u->desc.pci_cap + off, 4);
}

/* An address width of the capability's miscellaneous information; 64 where it says nothing. */
static u8 capability_bits(const struct iommu_unit *u, u32 shift)
{
	u8 bits = capability(u, AMDVI_CAP_MISC) >> shift & 0x7f;

	return bits ? (u8)min_u64(bits, 64) : 64;
}

static u64 features(const struct iommu_unit *u)
{
	u64 efr = 0;

	/* Without EFRSup the register is reserved. */
	if (capability(u, 0) & AMDVI_CAP_EFR)
		efr = port_mmio_read64(&u->regs, AMDVI_EXT_FEATURES);
	if (!u->desc.features)
		return efr;

	/* Firmware hides what an erratum broke: only what both promise. Levels: the fewer. */
	u64 levels = u->desc.features;

	if (amdvi_efr_levels(efr) < amdvi_efr_levels(levels))
		levels = efr;
	return (efr & u->desc.features & ~(3ull << 10)) | (levels & 3ull << 10);
}

static int probe(struct iommu_unit *u)
{
	u32 header;
	u64 efr;
	u8 levels;
	int err;

	/* The base is the IVRS's; that in the capability may be locked, hidden or wrong. */
	if (u->desc.register_size < AMDVI_REGISTERS)
		return ERR_INVAL;
	err = port_mmio_map(u->desc.registers, AMDVI_REGISTERS, &u->regs);
	if (err)
		return err;
	header = capability(u, 0);
	efr = features(u);
	levels = amdvi_efr_levels(efr);
	u->caps = (struct iommu_caps){
	    .input_bits = (u8)min_u64(12 + 9 * levels, capability_bits(u, AMDVI_CAP_VA_SHIFT)),
	    .output_bits = (u8)min_u64(52, capability_bits(u, AMDVI_CAP_PA_SHIFT)),
	    .levels = (u16)((2u << levels) - 2),
	    .leaf_max = PT_LEAF_1G,
	    .coherent = true,
	    .snoop_control = true,
	    .caches_absent = header & AMDVI_CAP_NP_CACHE,
	    .irq_remapping = true,
	    .x2apic = (efr & AMDVI_EFR_XT) && (efr & AMDVI_EFR_GA),
	    .ats = u->desc.flags & AMDVI_IVHD_IOTLB,
	    .max_domains = 65536,
	    .max_irqs = AMDVI_IRQ_MAX,
	};
	u->state = IOMMU_UNIT_PROBED;
	return OK;
}

/* ---- take-over ------------------------------------------------------------------------------- */

/* The device table of another unit of the segment: requester ids are the segment's, not a unit's. */
static const struct amdvi *table_owner(const struct iommu_unit *u)
{
	for (u32 i = 0; i < u->iommu->nunits; i++) {
		const struct iommu_unit *other = &u->iommu->units[i];

		if (other != u && other->priv && other->desc.segment == u->desc.segment)
			return other->priv;
	}
	return NULL;
}

static int allocate(struct iommu_unit *u)
{
	const struct amdvi *owner = table_owner(u);
	struct pool *pool = u->iommu->pool;
	paddr_t self, table, ring, log;
	struct amdvi *a;
	int err = OK;

	if (owner)
		table = owner->table_pa;
	else
		err = pool_run(pool, AMDVI_TABLE_BYTES / PAGE_SIZE, &table);
	if (!err)
		err = pool_page(pool, &self);
	if (!err)
		err = pool_page(pool, &ring);
	if (!err)
		err = pool_run(pool, AMDVI_LOG_ENTRIES * AMDVI_EVENT_BYTES / PAGE_SIZE, &log);
	if (err)
		return err;
	a = port_va(self);
	a->unit = u;
	a->features = features(u);
	a->table = port_va(table);
	a->table_pa = table;
	a->ring_pa = ring;
	a->log_pa = log;
	a->ring.entry = port_va(ring);
	a->ring.done = (volatile u64 *)((u8 *)port_va(self) + DONE_OFFSET);
	a->ring.done_pa = PADDR(self.v + DONE_OFFSET);
	a->log.entry = port_va(log);
	if (!owner)
		amdvi_table_init(a->table);
	u->priv = a;
	return OK;
}

/* What we want the unit to do (§3.4.4); packet attributes as its IVHD asks. */
static u64 control(const struct amdvi *a)
{
	u8 flags = a->unit->desc.flags;
	u64 c = AMDVI_CTL_IOMMU_EN | AMDVI_CTL_EVENT_LOG_EN | AMDVI_CTL_COMMAND_EN |
		AMDVI_CTL_COHERENT | AMDVI_CTL_INV_TIMEOUT_1S;

	if (flags & AMDVI_IVHD_HT_TUNNEL)
		c |= AMDVI_CTL_HT_TUNNEL_EN;
	if (flags & AMDVI_IVHD_PASS_PW)
		c |= AMDVI_CTL_PASS_PW;
	if (flags & AMDVI_IVHD_RESPONSE_PASS_PW)
		c |= AMDVI_CTL_RESPONSE_PASS_PW;
	if (flags & AMDVI_IVHD_ISOC)
		c |= AMDVI_CTL_ISOC;
	if (a->features & AMDVI_EFR_GA)
		c |= AMDVI_CTL_GA_EN;
	if ((a->features & AMDVI_EFR_GA) && (a->features & AMDVI_EFR_XT))
		c |= AMDVI_CTL_XT_EN;
	return c;
}

/*
 * SMIs are not remapped: they pass unless the SMI filter is on and names nobody (§2.1.4). What
 * firmware has locked stays; where there is no filter, that is said.
 */
static void filter_smis(struct amdvi *a)
{
	u32 n = amdvi_efr_smi_filters(amdvi_read(a, AMDVI_EXT_FEATURES));

	if (!(a->features & AMDVI_EFR_SMI_FILTER) || !n) {
		port_log(
		    LOG_INFO,
		    "AMD-Vi unit %u has no SMI filter: its devices can call firmware's SMI handler",
		    a->unit->index);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		u64 filter = amdvi_read(a, AMDVI_SMI_FILTER + 8 * i);

		if (!(filter & AMDVI_SMI_LOCKED))
			amdvi_write(a, AMDVI_SMI_FILTER + 8 * i, 0);
		else if (filter & AMDVI_SMI_VALID)
			port_log(
			    LOG_WARN,
			    "AMD-Vi unit %u: firmware has locked that %02x:%02x.%u may send SMIs",
			    a->unit->index, (u32)(filter >> 8 & 0xff), (u32)(filter >> 3 & 31),
			    (u32)(filter & 7));
	}
	a->control |= AMDVI_CTL_SMI_FILTER_EN | AMDVI_CTL_SMI_FILTER_LOG_EN;
}

static int take_over(struct iommu_unit *u)
{
	u64 stop = port_time_ns() + STOP_NS, found;
	struct amdvi *a;
	int err = allocate(u);

	if (err)
		return err;
	a = amdvi_of(u);
	a->control = control(a);
	if (u->desc.x2apic && !(a->control & AMDVI_CTL_XT_EN))
		port_log(LOG_WARN,
			 "AMD-Vi unit %u has no 32-bit interrupt destinations: cores with APIC ids "
			 "above 255 get no device interrupts from it",
			 u->index);

	/* Firmware's rings stop; translation, if it is on, goes on with firmware's table. */
	found = amdvi_read(a, AMDVI_CONTROL);
	amdvi_write(a, AMDVI_CONTROL,
		    found & (AMDVI_CTL_IOMMU_EN | AMDVI_CTL_SMI_FILTER_EN | AMDVI_CTL_COHERENT |
			     AMDVI_CTL_ENTRY_FORMAT_MASK | AMDVI_CTL_HT_TUNNEL_EN));
	while (amdvi_read(a, AMDVI_STATUS) & (AMDVI_STS_COMMAND_RUN | AMDVI_STS_EVENT_RUN)) {
		if (port_time_ns() > stop) {
			port_log(LOG_ERROR, "AMD-Vi unit %u does not stop firmware's rings",
				 u->index);
			u->state = IOMMU_UNIT_FAILED;
			return ERR_TIMEOUT;
		}
		port_relax();
	}
	amdvi_write(a, AMDVI_STATUS,
		    AMDVI_STS_EVENT_OVERFLOW | AMDVI_STS_EVENT_INT | AMDVI_STS_WAIT_INT);
	u->state = IOMMU_UNIT_TAKEN;
	return OK;
}

/* ---- enable and quiesce ---------------------------------------------------------------------- */

static int enable(struct iommu_unit *u)
{
	struct amdvi *a = amdvi_of(u);
	u64 found = amdvi_read(a, AMDVI_CONTROL);
	int err;

	filter_smis(a);
	port_wmb(); /* the table is in memory before the unit can read it */
	/* One write: a unit that is on goes from firmware's table to ours with no gap (§3.4.1). */
	amdvi_write(a, AMDVI_DEVTAB_BASE, a->table_pa.v | (AMDVI_TABLE_BYTES / PAGE_SIZE - 1));
	/* No range may pass around the table (§2.2.1). */
	amdvi_write(a, AMDVI_EXCLUSION_BASE, 0);
	amdvi_write(a, AMDVI_EXCLUSION_LIMIT, 0);
	amdvi_write(a, AMDVI_COMMAND_BASE,
		    a->ring_pa.v | (u64)AMDVI_RING_LENGTH << AMDVI_RING_SHIFT);
	amdvi_write(a, AMDVI_COMMAND_HEAD, 0);
	amdvi_write(a, AMDVI_COMMAND_TAIL, 0);
	amdvi_write(a, AMDVI_EVENT_BASE, a->log_pa.v | (u64)AMDVI_LOG_LENGTH << AMDVI_RING_SHIFT);
	amdvi_write(a, AMDVI_EVENT_HEAD, 0);
	amdvi_write(a, AMDVI_EVENT_TAIL, 0);
	/* The format of interrupt entries only changes while the unit is off (§3.4.4). */
	if ((found & AMDVI_CTL_IOMMU_EN) && ((found ^ a->control) & AMDVI_CTL_ENTRY_FORMAT_MASK))
		amdvi_write(a, AMDVI_CONTROL, found & ~AMDVI_CTL_IOMMU_EN);
	amdvi_write(a, AMDVI_CONTROL, a->control);
	err = amdvi_invalidate_everything(a);
	if (err)
		return err;
	if (amdvi_read(a, AMDVI_EXCLUSION_BASE) & 1) {
		port_log(
		    LOG_ERROR,
		    "AMD-Vi unit %u keeps an exclusion range that firmware has locked: devices "
		    "can reach that memory unseen; switch off what uses it in the firmware's setup",
		    u->index);
		u->state = IOMMU_UNIT_FAILED;
		return ERR_PERM;
	}
	u->state = IOMMU_UNIT_ENABLED;
	return OK;
}

static int quiesce(struct iommu_unit *u)
{
	struct amdvi *a = amdvi_of(u);
	int err;

	a->control &= ~(AMDVI_CTL_EVENT_INT_EN | AMDVI_CTL_XT_INTERRUPT_EN);
	amdvi_write(a, AMDVI_CONTROL, a->control);
	amdvi_table_block(a);
	err = amdvi_invalidate_everything(a);
	a->control &= ~(AMDVI_CTL_EVENT_LOG_EN | AMDVI_CTL_COMMAND_EN);
	amdvi_write(a, AMDVI_CONTROL, a->control);
	if (!err)
		u->state = IOMMU_UNIT_QUIET;
	return err;
}

/* ---- the unit's own interrupt ---------------------------------------------------------------- */

static u16 find_msi(struct bdf pci)
{
	u16 at = (u16)(port_pci_read(pci, PCI_CAPABILITIES, 1) & 0xfc);

	/* At most 48 capabilities fit; a list that does not end is a broken one. */
	for (u32 n = 0; at >= 0x40 && n < 48; n++) {
		if (port_pci_read(pci, at, 1) == PCI_CAP_ID_MSI)
			return at;
		at = (u16)(port_pci_read(pci, at + 1, 1) & 0xfc);
	}
	return 0;
}

/* The unit's messages are not remapped by itself (§3.4.9): plain MSI, 8-bit destination. */
static int arm_msi(struct amdvi *a, u32 apic_id, u8 vector)
{
	struct bdf pci = a->unit->desc.pci;
	u16 msi = find_msi(pci);

	if (capability(a->unit, 0) == ~0u || !msi)
		return ERR_UNSUPPORTED;
	if (apic_id >= 0xff)
		return ERR_RANGE; /* FFh is everybody */
	u16 flags = (u16)port_pci_read(pci, msi + 2, 2);
	bool wide = flags & 0x80;

	port_pci_write(pci, msi + 2, 2, flags & ~0x71u);
	port_pci_write(pci, msi + 4, 4, 0xfee00000u | apic_id << 12);
	if (wide)
		port_pci_write(pci, msi + 8, 4, 0);
	port_pci_write(pci, msi + (wide ? 12 : 8), 2, vector);
	port_pci_write(pci, msi + 2, 2, (flags & ~0x71u) | 1);
	return OK;
}

static int arm_faults(struct iommu_unit *u, u32 apic_id, u8 vector)
{
	struct amdvi *a = amdvi_of(u);

	amdvi_write(a, AMDVI_CONTROL, a->control & ~AMDVI_CTL_EVENT_INT_EN);
	if (a->control & AMDVI_CTL_XT_EN) {
		amdvi_write(a, AMDVI_XT_GENERAL_INTERRUPT,
			    (apic_id & 0xffffffull) << 8 | (u64)vector << 32 |
				(u64)(apic_id >> 24) << 56);
		a->control |= AMDVI_CTL_XT_INTERRUPT_EN;
	} else {
		int err = arm_msi(a, apic_id, vector);

		if (err)
			return err;
	}
	a->control |= AMDVI_CTL_EVENT_INT_EN;
	amdvi_write(a, AMDVI_CONTROL, a->control);
	/* A record that came before this raised nothing: let the next one do so. */
	amdvi_write(a, AMDVI_STATUS, AMDVI_STS_EVENT_INT);
	return OK;
}

const struct iommu_ops amdvi_ops = {
    .kind = IOMMU_AMDVI,
    .name = "AMD-Vi",
    .format = &pt_format_amdvi,
    .probe = probe,
    .take_over = take_over,
    .enable = enable,
    .arm_faults = arm_faults,
    .poll = amdvi_poll,
    .attach = amdvi_attach,
    .block = amdvi_block,
    .flush = amdvi_flush,
    .irq_alloc = amdvi_irq_alloc,
    .irq_free = amdvi_irq_free,
    .irq_set = amdvi_irq_set,
    .irq_clear = amdvi_irq_clear,
    .irq_message = amdvi_irq_message,
    .quiesce = quiesce,
};
