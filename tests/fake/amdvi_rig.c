#include <string.h>

#include "tests/fake/amdvi_rig.h"
#include "tests/fake/view.h"

static void must(int err, const char *what)
{
	if (err)
		fake_fail("%s: %s", what, err_text(err));
}

/* An op's caller gives memory away that the unit no longer uses: it must have seen that. */
static void ordered(const struct rig *r)
{
	for (u32 n = 0; n < r->iommu.nunits; n++)
		if (amdvi_model_unordered(r->model[n]))
			fake_fail("no barrier between unit %u's completion and what follows", n);
}

struct amdvi_model_config rig_config(u32 n)
{
	return (struct amdvi_model_config){
	    .function = {.devfn = 2, .bus = n ? 0x40 : 0},
	    .registers = PADDR(0xfd000000 + n * MIB(4)),
	    .features = RIG_FEATURES,
	    .first_bus = n ? 0x40 : 0,
	    .last_bus = n ? 0xff : 0x3f,
	};
}

static void add_unit(struct rig *r, u32 n, const struct amdvi_model_config *c)
{
	r->model[n] = amdvi_model_add(c);
	r->unit[n] = (struct iommu_unit){
	    .iommu = &r->iommu,
	    .index = n,
	    .desc = {.registers = c->registers,
		     .register_size = 0x4000,
		     .segment = c->function.segment,
		     .flags = AMDVI_IVHD_IOTLB,
		     .pci = c->function,
		     .pci_cap = 0x40,
		     .x2apic = true},
	};
	r->iommu.nunits = n + 1;
}

void rig_init(struct rig *r, const struct amdvi_model_config *first,
	      const struct amdvi_model_config *second)
{
	amdvi_model_reset();
	fake_machine_reset();
	memset(r, 0, sizeof(*r));
	fake_view_init(RIG_RAM, RIG_SIZE, true);
	pool_init(&r->hv, RIG_HV, RIG_HV_SIZE);
	pool_init(&r->ws[0], RIG_WS(0), RIG_WS_SIZE);
	pool_init(&r->ws[1], RIG_WS(1), RIG_WS_SIZE);
	r->iommu.ops = &amdvi_ops;
	r->iommu.units = r->unit;
	r->iommu.devices = r->dev;
	r->iommu.pool = &r->hv;
	add_unit(r, 0, first);
	if (second)
		add_unit(r, 1, second);
}

void rig_enable(struct rig *r)
{
	for (u32 n = 0; n < r->iommu.nunits; n++)
		must(amdvi_ops.probe(&r->unit[n]), "probe");
	for (u32 n = 0; n < r->iommu.nunits; n++)
		must(amdvi_ops.take_over(&r->unit[n]), "take_over");
	for (u32 n = 0; n < r->iommu.nunits; n++)
		must(amdvi_ops.enable(&r->unit[n]), "enable");
}

void rig_start(struct rig *r, const struct amdvi_model_config *config)
{
	struct amdvi_model_config c = config ? *config : rig_config(0);

	rig_init(r, &c, NULL);
	rig_enable(r);
}

void rig_end(struct rig *r)
{
	if (amdvi_model_violations())
		fake_fail("the driver broke a rule: %s", amdvi_model_violation());
}

struct iommu_device *rig_device(struct rig *r, u32 u, u16 rid, u16 interrupts)
{
	u32 n = r->ndevices++;

	if (n == RIG_DEVICES)
		fake_fail("too many devices");
	r->rids[n][0] = rid;
	r->dev[n] = (struct iommu_device){.unit = &r->unit[u],
					  .nrids = 1,
					  .rids = r->rids[n],
					  .interrupts = interrupts,
					  .irq_rid = rid,
					  .owner = IOMMU_NO_OWNER};
	r->dev[n].segment = r->unit[u].desc.segment;
	r->iommu.ndevices = r->ndevices;
	return &r->dev[n];
}

struct iommu_domain *rig_domain(struct rig *r, u32 n, u16 id)
{
	struct iommu_domain *d = &r->dom[n];

	*d = (struct iommu_domain){.iommu = &r->iommu, .id = id, .owner = n};
	must(pt_init(&d->pt, amdvi_ops.format, &r->ws[n], 4, PT_LEAF_1G, true), "pt_init");
	return d;
}

struct flush {
	struct rig *r;
	struct iommu_domain *dom;
};

static int flush_all(void *ctx, const struct pt_gather *g)
{
	struct flush *f = ctx;
	struct iommu_change c = {
	    .lo = g->lo, .hi = g->hi, .removed = true, .tables = g->tables != 0};
	int err = OK;

	for (u32 n = 0; n < f->r->iommu.nunits && !err; n++)
		err = amdvi_ops.flush(&f->r->unit[n], f->dom, &c);
	ordered(f->r);
	return err;
}

void rig_domain_end(struct rig *r, struct iommu_domain *dom)
{
	struct flush f = {r, dom};

	if (dom->devices)
		fake_fail("the domain still has a device");
	must(pt_fini(&dom->pt, flush_all, &f), "pt_fini");
}

void rig_attach(struct rig *r, struct iommu_device *dev, struct iommu_domain *dom)
{
	dev->next = dom->devices;
	dom->devices = dev;
	must(amdvi_ops.attach(dev, dom), "attach");
	ordered(r);
}

void rig_block(struct rig *r, struct iommu_device *dev)
{
	struct iommu_device **link = dev->domain ? &dev->domain->devices : NULL;

	must(amdvi_ops.block(dev, false), "block");
	ordered(r);
	for (; link && *link; link = &(*link)->next) {
		if (*link != dev)
			continue;
		*link = dev->next;
		break;
	}
}

void rig_map(struct rig *r, struct iommu_domain *dom, u64 iova, u64 pa, u64 size, u32 attrs)
{
	struct iommu_change c = {.lo = iova, .hi = iova + size - 1, .added = true};

	must(pt_map(&dom->pt, iova, PADDR(pa), size, attrs), "pt_map");
	for (u32 n = 0; n < r->iommu.nunits; n++)
		must(amdvi_ops.flush(&r->unit[n], dom, &c), "flush");
}

void rig_unmap(struct rig *r, struct iommu_domain *dom, u64 iova, u64 size)
{
	struct flush f = {r, dom};

	must(pt_unmap(&dom->pt, iova, size), "pt_unmap");
	must(pt_settle(&dom->pt, flush_all, &f), "pt_settle");
}

struct bdf rig_bdf(const struct iommu_device *dev)
{
	return (struct bdf){
	    .segment = dev->segment, .bus = (u8)(dev->rids[0] >> 8), .devfn = (u8)dev->rids[0]};
}

bool rig_reaches(struct iommu_device *dev, u64 iova, bool write, u64 pa)
{
	u64 got;

	if (!amdvi_model_dma(rig_bdf(dev), iova, write, &got))
		return false;
	if (got != pa)
		fake_fail("%#llx reached %#llx, not %#llx", (unsigned long long)iova,
			  (unsigned long long)got, (unsigned long long)pa);
	return true;
}

bool rig_blocked(struct iommu_device *dev, u64 iova, bool write)
{
	u64 got;

	return !amdvi_model_dma(rig_bdf(dev), iova, write, &got);
}
