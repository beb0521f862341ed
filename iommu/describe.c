/* Units and devices out of tables and functions. */
#include "iommu/cover.h"
#include "iommu/group.h"
#include "iommu/start.h"

/* An I/O APIC has at most 240 pins (its version register's field, 82093AA §3.2.2). */
#define IOAPIC_PINS 240
#define HPET_TIMERS 32 /* IA-PC HPET 1.0a §2.3.4 */

struct describe {
	struct iommu *io;
	const struct iommu_tables *tables;
	const struct iommu_function *f;
	u32 n;
	const u32 *group;
	u32 *device_of;
	u16 *rids; /* where the next device's ids go */
	u32 rids_left;
};

/* ---- units ---------------------------------------------------------------------------------- */

static void describe_vtd(struct describe *d, bool x2apic)
{
	const struct dmar *t = d->tables->dmar;

	for (u32 i = 0; i < t->nunits; i++)
		d->io->units[i].desc = (struct iommu_unit_desc){
		    .registers = PADDR(t->units[i].base),
		    .register_size = t->units[i].size,
		    .segment = t->units[i].segment,
		    .flags = t->units[i].flags,
		    .x2apic = x2apic,
		};
	d->io->nunits = t->nunits;
}

static void describe_amdvi(struct describe *d, bool x2apic)
{
	const struct ivrs *t = d->tables->ivrs;

	for (u32 i = 0; i < t->nunits; i++) {
		const struct ivrs_unit *u = &t->units[i];

		if (!u->used)
			continue;
		d->io->units[d->io->nunits++].desc = (struct iommu_unit_desc){
		    .registers = PADDR(u->base),
		    .register_size = KIB(16),
		    .segment = u->segment,
		    .flags = u->flags,
		    .features = u->features,
		    .pci = {u->segment, (u8)(u->devid >> 8), (u8)u->devid},
		    .pci_cap = u->capability,
		    .x2apic = x2apic,
		};
	}
}

/* Units of AMD-Vi are those in use, in table order. */
static struct iommu_unit *unit_of(const struct describe *d, u32 i)
{
	u32 found, index = 0;

	if (d->tables->dmar) {
		found = dmar_unit_of(d->tables->dmar, d->f, d->n, i);
		return found == NO_UNIT ? NULL : &d->io->units[found];
	}
	found = ivrs_unit_of(d->tables->ivrs, d->f, d->n, i);
	if (found == NO_UNIT)
		return NULL;
	for (u32 u = 0; u < found; u++)
		index += d->tables->ivrs->units[u].used;
	return &d->io->units[index];
}

/* ---- devices -------------------------------------------------------------------------------- */

static bool has_rid(const struct iommu_device *dev, u16 rid)
{
	for (u32 i = 0; i < dev->nrids; i++)
		if (dev->rids[i] == rid)
			return true;
	return false;
}

static struct iommu_device *new_device(struct describe *d, struct iommu_unit *unit,
				       enum iommu_device_kind kind)
{
	struct iommu_device *dev = &d->io->devices[d->io->ndevices++];

	dev->unit = unit;
	dev->kind = kind;
	dev->segment = unit->desc.segment;
	dev->owner = IOMMU_NO_OWNER;
	dev->rids = d->rids;
	return dev;
}

static void add_rid(struct describe *d, struct iommu_device *dev, u16 rid)
{
	struct iommu_unit_desc *desc = &dev->unit->desc;

	if (has_rid(dev, rid) || !d->rids_left)
		return;
	*d->rids++ = rid;
	d->rids_left--;
	dev->nrids++;
	desc->buses[rid >> 14] |= 1ull << (rid >> 8 & 63);
	desc->last_bus = (u8)max_u64(desc->last_bus, rid >> 8);
}

/* Functions that share an id with `seed`, directly or through each other, get its mark. */
static void mark_set(const struct describe *d, u32 seed, u32 *set, u32 *queue)
{
	u32 tail = 0;

	set[seed] = seed;
	queue[tail++] = seed;
	for (u32 head = 0; head < tail; head++) {
		u16 rids[SOURCE_RIDS_MAX];
		u32 i = queue[head];
		u32 count = function_rids(d->f, i, d->tables->ivrs, rids);

		for (u32 j = 0; j < d->n; j++) {
			u16 theirs[SOURCE_RIDS_MAX];
			u32 ntheirs;

			if (set[j] != NO_FUNCTION || d->f[j].bdf.segment != d->f[i].bdf.segment)
				continue;
			ntheirs = function_rids(d->f, j, d->tables->ivrs, theirs);
			if (!function_shares_id(d->f, i, j, d->tables->ivrs, rids, count) &&
			    !function_shares_id(d->f, j, i, d->tables->ivrs, theirs, ntheirs))
				continue;
			set[j] = seed;
			queue[tail++] = j;
		}
	}
}

static void add_function(struct describe *d, struct iommu_device *dev, u32 i)
{
	const struct iommu_function *f = &d->f[i];
	u16 rids[SOURCE_RIDS_MAX];
	u32 count = function_rids(d->f, i, d->tables->ivrs, rids);

	if (!dev->nrids) {
		struct irq_source source = function_irq_source(d->f, i);

		dev->irq_rid = source.rid;
		dev->irq_first_bus = source.first_bus;
		dev->irq_last_bus = source.last_bus;
		dev->phantom_bits = f->phantom ? f->phantom_bits : 0;
		dev->ats_queue = f->ats_queue;
		dev->pf_rid = bdf_rid(f->is_vf && f->pf < d->n ? d->f[f->pf].bdf : f->bdf);
	}
	for (u32 k = 0; k < count; k++)
		add_rid(d, dev, rids[k]);
	if (!f->bridge)
		dev->interrupts = (u16)min_u64(dev->interrupts + f->interrupts, 0xffff);
}

static bool shares_special(const struct describe *d, u32 seed, const u32 *set)
{
	u16 rids[SOURCE_RIDS_MAX];

	for (u32 i = 0; i < d->n; i++) {
		u32 count = set[i] == seed ? function_rids(d->f, i, d->tables->ivrs, rids) : 0;

		while (count--)
			if (iommu_find(d->io, d->f[i].bdf.segment, rids[count]))
				return true;
	}
	return false;
}

/*
 * One device out of all functions of a set. Functions come before bridges, so that rids[0] is a
 * function's. Without one unit for all of them there is no device.
 */
static void describe_set(struct describe *d, u32 seed, const u32 *set)
{
	struct iommu_unit *unit = NULL;
	struct iommu_device *dev;
	bool first = true;
	u32 ends = 0;

	for (u32 i = 0; i < d->n; i++) {
		struct iommu_unit *u;

		if (set[i] != seed)
			continue;
		u = unit_of(d, i);
		if (!u || (!first && u != unit))
			return;
		unit = u;
		first = false;
		ends += !d->f[i].bridge;
	}
	if (!ends || shares_special(d, seed, set))
		return;
	dev = new_device(d, unit, IOMMU_DEV_PCI);
	dev->group = d->group[seed];
	for (u32 pass = 0; pass < 2; pass++)
		for (u32 i = 0; i < d->n; i++) {
			if (set[i] != seed || d->f[i].bridge != (pass == 1))
				continue;
			add_function(d, dev, i);
			if (!pass)
				d->device_of[i] = d->io->ndevices - 1;
		}
}

/* An I/O APIC often sends as a PCI function of the chipset does: that one is then not assignable. */
static void describe_special(struct describe *d, struct iommu_unit *unit,
			     enum iommu_device_kind kind, u8 id, u16 rid)
{
	struct iommu_device *dev;

	if (iommu_find(d->io, unit->desc.segment, rid) || iommu_find_special(d->io, kind, id))
		return;
	dev = new_device(d, unit, kind);
	dev->hw_id = id;
	dev->group = NO_FUNCTION - d->io->ndevices; /* its own */
	dev->irq_rid = dev->pf_rid = rid;
	dev->interrupts = kind == IOMMU_DEV_IOAPIC ? IOAPIC_PINS : HPET_TIMERS;
	add_rid(d, dev, rid);
}

static void specials_of_vtd(struct describe *d, enum iommu_device_kind kind)
{
	u8 type = kind == IOMMU_DEV_IOAPIC ? DMAR_SCOPE_IOAPIC : DMAR_SCOPE_HPET;
	const struct dmar *t = d->tables->dmar;

	for (u32 u = 0; u < t->nunits; u++)
		for (u32 k = 0; k < t->units[u].nscopes; k++) {
			const struct dmar_scope *s = &t->units[u].scopes[k];
			const struct dmar_hop *hop = s->path;

			if (s->type == type && s->depth == 1 && hop->device < 32 &&
			    hop->function < 8)
				describe_special(
				    d, &d->io->units[u], kind, s->id,
				    (u16)(s->bus << 8 | hop->device << 3 | hop->function));
		}
}

static void specials_of_amdvi(struct describe *d, enum iommu_device_kind kind)
{
	u8 wanted = kind == IOMMU_DEV_IOAPIC ? IVRS_IOAPIC : IVRS_HPET;
	const struct ivrs *t = d->tables->ivrs;
	u32 index = 0;

	for (u32 u = 0; u < t->nunits; u++) {
		const struct ivrs_unit *unit = &t->units[u];

		for (u32 k = 0; unit->used && k < unit->nentries; k++)
			if (unit->entries[k].kind == wanted)
				describe_special(d, &d->io->units[index], kind,
						 unit->entries[k].handle, unit->entries[k].first);
		index += unit->used;
	}
}

static void describe_specials(struct describe *d, enum iommu_device_kind kind)
{
	if (d->tables->dmar)
		specials_of_vtd(d, kind);
	else
		specials_of_amdvi(d, kind);
}

static u32 count_specials(const struct iommu_tables *t)
{
	u32 count = 0;

	for (u32 u = 0; t->dmar && u < t->dmar->nunits; u++)
		count += t->dmar->units[u].nscopes;
	for (u32 u = 0; t->ivrs && u < t->ivrs->nunits; u++)
		count += t->ivrs->units[u].nentries;
	return count;
}

int iommu_describe(struct iommu *io, const struct iommu_ops *ops, const struct iommu_tables *tables,
		   const struct iommu_function *f, u32 n, const u32 *group, bool x2apic,
		   struct pool *pool, u32 *device_of)
{
	struct describe d = {
	    .io = io, .tables = tables, .f = f, .n = n, .group = group, .device_of = device_of};
	u32 units = tables->dmar ? tables->dmar->nunits : tables->ivrs->nunits;
	u32 specials = count_specials(tables);
	u32 *set;

	*io = (struct iommu){.ops = ops, .pool = pool};
	if (!(tables->dmar ? tables->dmar->complete : tables->ivrs->complete)) {
		port_log(LOG_ERROR,
			 "iommu: the firmware's %s table is not complete: nothing is assigned",
			 tables->dmar ? "DMAR" : "IVRS");
		return ERR_UNSUPPORTED;
	}
	if (!units) {
		port_log(LOG_ERROR, "iommu: the firmware describes no unit: nothing is assigned");
		return ERR_UNSUPPORTED;
	}
	d.rids_left = n * SOURCE_RIDS_MAX + specials;
	io->units = pool_bytes(pool, units * sizeof(*io->units));
	io->devices = pool_bytes(pool, (u64)(n + specials) * sizeof(*io->devices));
	d.rids = pool_bytes(pool, (u64)d.rids_left * sizeof(*d.rids));
	set = pool_bytes(pool, 2 * (u64)(n + 1) * sizeof(*set));
	if (!io->units || !io->devices || !d.rids || !set)
		return ERR_NOMEM;

	if (tables->dmar)
		describe_vtd(&d, x2apic);
	else
		describe_amdvi(&d, x2apic);
	for (u32 i = 0; i < io->nunits; i++) {
		io->units[i].iommu = io;
		io->units[i].index = i;
	}
	for (u32 i = 0; i < n; i++) {
		device_of[i] = NO_DEVICE;
		set[i] = NO_FUNCTION;
	}
	describe_specials(&d, IOMMU_DEV_IOAPIC);
	for (u32 i = 0; i < n; i++) {
		if (set[i] != NO_FUNCTION)
			continue;
		mark_set(&d, i, set, set + n);
		describe_set(&d, i, set);
	}
	describe_specials(&d, IOMMU_DEV_HPET);
	for (u32 i = 0; i < io->ndevices; i++)
		io->devices[i].unit->desc.irqs_wanted += io->devices[i].interrupts;
	return OK;
}
