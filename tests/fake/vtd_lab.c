#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/machine.h"
#include "tests/fake/view.h"
#include "tests/fake/vtd_lab.h"

#define CAP  VTDM_CAP_DESKTOP
#define ECAP VTDM_ECAP_DESKTOP

const struct vtd_lab_config lab_units[] = {
    {.name = "desktop", .cap = CAP, .ecap = ECAP},
    {.name = "desktop, slow", .cap = CAP, .ecap = ECAP, .late = 7},
    {.name = "walks do not snoop", .cap = CAP, .ecap = ECAP & ~VTDM_C, .late = 3},
    {.name = "caching mode", .cap = CAP | VTDM_CM, .ecap = ECAP, .late = 2},
    {.name = "caching mode, walks do not snoop", .cap = CAP | VTDM_CM, .ecap = ECAP & ~VTDM_C},
    {.name = "write buffers in the chipset",
     .cap = CAP | VTDM_RWBF,
     .ecap = ECAP & ~VTDM_C,
     .late = 1},
    {.name = "no page-selective invalidation", .cap = CAP & ~VTDM_PSI, .ecap = ECAP},
    {.name = "small address masks", .cap = (CAP & ~VTDM_MAMV(63)) | VTDM_MAMV(9), .ecap = ECAP},
    {.name = "39 bits, small pages only",
     .cap = (CAP & ~(VTDM_SAGAW_48 | VTDM_2M | VTDM_1G | VTDM_MGAW(64))) | VTDM_MGAW(39),
     .ecap = ECAP & ~(VTDM_SC | VTDM_DT),
     .haw = 39,
     .levels = 3},
    {.name = "pointer sets flush by themselves",
     .cap = CAP | VTDM_ESRTPS | VTDM_ESIRTPS,
     .ecap = ECAP},
    {.name = "no draining", .cap = CAP & ~(VTDM_DRD | VTDM_DWD), .ecap = ECAP & ~VTDM_SC},
    {.name = "no protected memory", .cap = CAP & ~(VTDM_PLMR | VTDM_PHMR), .ecap = ECAP},
    {.name = "8-bit destinations", .cap = CAP, .ecap = ECAP & ~VTDM_EIM, .xapic = true},
    {.name = "one index at a time", .cap = CAP, .ecap = ECAP & ~VTDM_MHMV(15)},
    {.name = "scalable mode only",
     .cap = CAP,
     .ecap = ECAP | VTDM_SMTS | VTDM_SLTS | VTDM_SMPWC,
     .no_legacy = true,
     .late = 2},
    {.name = "scalable mode only, walks do not snoop",
     .cap = CAP,
     .ecap = (ECAP & ~VTDM_C) | VTDM_SMTS | VTDM_SLTS,
     .no_legacy = true},
    {.name = "scalable mode only, caching mode",
     .cap = CAP | VTDM_CM,
     .ecap = ECAP | VTDM_SMTS | VTDM_SLTS,
     .no_legacy = true},
    {.name = "scalable mode besides legacy, other walks snoop",
     .cap = CAP,
     .ecap = ECAP | VTDM_SMTS | VTDM_SLTS},
    {.name = NULL},
};

static void set_device(struct vtd_lab *lab, u32 i, enum iommu_device_kind kind, u16 rid)
{
	/* Behind a device's own ids lie another's: who reads too far does harm. */
	for (u32 n = 1; n < LAB_RIDS; n++)
		lab->rids[i][n] = rid == 0x0010 ? 0x0018 : 0x0010;
	lab->rids[i][0] = rid;
	lab->devices[i] = (struct iommu_device){.unit = &lab->unit,
						.kind = kind,
						.nrids = 1,
						.rids = lab->rids[i],
						.interrupts = 8,
						.irq_rid = rid,
						.pf_rid = rid,
						.owner = IOMMU_NO_OWNER};
}

void lab_build(struct vtd_lab *lab, const struct vtd_lab_config *config)
{
	struct vtd_model_config m = {.base = PADDR(LAB_REGISTERS),
				     .cap = config->cap,
				     .ecap = config->ecap,
				     .haw = config->haw,
				     .no_legacy = config->no_legacy,
				     .anonymous_timeouts = config->anonymous_timeouts,
				     .restarts_records = config->restarts_records,
				     .late = config->late};
	u64 hv = config->hv ? config->hv : KIB(128);

	memset(lab, 0, sizeof(*lab));
	lab->config = *config;
	fake_machine_reset();
	fake_view_init(PADDR(LAB_RAM), LAB_DOMAINS * LAB_WS + hv, true);
	lab->model = vtd_model_new(&m);
	for (u32 i = 0; i < LAB_DOMAINS; i++)
		pool_init(&lab->ws[i], PADDR(LAB_RAM + i * LAB_WS), LAB_WS);
	pool_init(&lab->hv, PADDR(LAB_RAM + LAB_DOMAINS * LAB_WS), hv);
	lab->unit = (struct iommu_unit){.iommu = &lab->iommu,
					.desc = {.registers = PADDR(LAB_REGISTERS),
						 .register_size = 0x1000,
						 .x2apic = !config->xapic,
						 .last_bus = LAB_BUSES - 1,
						 .buses = {(1u << LAB_BUSES) - 1},

						 .irqs_wanted = config->irqs ? config->irqs : 40}};
	lab->iommu = (struct iommu){.ops = &vtd_ops,
				    .nunits = 1,
				    .units = &lab->unit,
				    .ndevices = LAB_DEVICES,
				    .devices = lab->devices,
				    .pool = &lab->hv};
	set_device(lab, 0, IOMMU_DEV_PCI, 0x0010);
	set_device(lab, 1, IOMMU_DEV_PCI, 0x0018);
	set_device(lab, 2, IOMMU_DEV_PCI, 0x0100);
	set_device(lab, 3, IOMMU_DEV_IOAPIC, 0x00f8);
}

void lab_domains(struct vtd_lab *lab)
{
	const struct iommu_caps *caps = &lab->unit.caps;

	for (u32 i = 0; i < LAB_DOMAINS; i++) {
		struct iommu_domain *d = &lab->domains[i];

		*d = (struct iommu_domain){.iommu = &lab->iommu, .id = (u16)(i + 1), .owner = i};
		assert_int_equal(pt_init(&d->pt, vtd_ops.format, &lab->ws[i],
					 lab->config.levels ? lab->config.levels : 4,
					 caps->leaf_max, caps->coherent),
				 OK);
	}
}

void lab_start(struct vtd_lab *lab, const struct vtd_lab_config *config)
{
	lab_build(lab, config);
	assert_int_equal(vtd_ops.probe(&lab->unit), OK);
	assert_int_equal(vtd_ops.take_over(&lab->unit), OK);
	assert_int_equal(vtd_ops.enable(&lab->unit), OK);
	lab_domains(lab);
}

void lab_end(struct vtd_lab *lab)
{
	if (vtd_model_violations(lab->model))
		fail_msg("%s: %u violations, first: %s", lab->config.name,
			 vtd_model_violations(lab->model), vtd_model_first_violation(lab->model));
	vtd_model_free(lab->model);
	lab->model = NULL;
}

/* An op's caller gives memory away that the unit no longer uses: it must have seen that. */
static int ordered(const struct vtd_lab *lab, int err)
{
	if (!err && vtd_model_unordered(lab->model))
		fail_msg("no barrier between the unit's status and what follows");
	return err;
}

int lab_attach(struct vtd_lab *lab, u32 dev, u32 dom)
{
	struct iommu_device *d = &lab->devices[dev];
	int err;

	d->next = lab->domains[dom].devices;
	lab->domains[dom].devices = d;
	err = ordered(lab, vtd_ops.attach(d, &lab->domains[dom]));
	if (err)
		lab->domains[dom].devices = d->next;
	return err;
}

int lab_block(struct vtd_lab *lab, u32 dev, bool silent)
{
	int err = ordered(lab, vtd_ops.block(&lab->devices[dev], silent));

	for (u32 i = 0; !err && i < LAB_DOMAINS; i++)
		for (struct iommu_device **p = &lab->domains[i].devices; *p; p = &(*p)->next)
			if (*p == &lab->devices[dev]) {
				*p = (*p)->next;
				break;
			}
	return err;
}

struct flush_ctx {
	struct vtd_lab *lab;
	u32 dom;
};

static int flush_removed(void *ctx, const struct pt_gather *g)
{
	const struct flush_ctx *c = ctx;
	struct iommu_change change = {
	    .lo = g->lo, .hi = g->hi, .removed = true, .tables = g->tables};

	return ordered(c->lab, vtd_ops.flush(&c->lab->unit, &c->lab->domains[c->dom], &change));
}

int lab_map(struct vtd_lab *lab, u32 dom, u64 iova, u64 pa, u64 size, u32 attrs)
{
	struct iommu_change change = {.lo = iova, .hi = iova + size - 1, .added = true};
	int err = pt_map(&lab->domains[dom].pt, iova, PADDR(pa), size, attrs);

	return err ? err : vtd_ops.flush(&lab->unit, &lab->domains[dom], &change);
}

static int settle(struct vtd_lab *lab, u32 dom)
{
	struct flush_ctx ctx = {lab, dom};

	return pt_settle(&lab->domains[dom].pt, flush_removed, &ctx);
}

int lab_unmap(struct vtd_lab *lab, u32 dom, u64 iova, u64 size)
{
	int err = pt_unmap(&lab->domains[dom].pt, iova, size);

	return err ? err : settle(lab, dom);
}

int lab_protect(struct vtd_lab *lab, u32 dom, u64 iova, u64 size, u32 attrs)
{
	int err = pt_protect(&lab->domains[dom].pt, iova, size, attrs);

	return err ? err : settle(lab, dom);
}

static u64 access(struct vtd_lab *lab, u32 dev, u64 iova, enum vtd_model_access what)
{
	paddr_t pa;

	return vtd_model_dma(lab->model, lab->rids[dev][0], iova, what, &pa, NULL) ? pa.v : 0;
}

u64 lab_read(struct vtd_lab *lab, u32 dev, u64 iova)
{
	return access(lab, dev, iova, VTDM_READ);
}

u64 lab_write(struct vtd_lab *lab, u32 dev, u64 iova)
{
	return access(lab, dev, iova, VTDM_WRITE);
}

u32 lab_faults(struct vtd_lab *lab, struct iommu_fault *last)
{
	struct iommu_fault f;
	u32 n = 0;
	int got;

	while ((got = vtd_ops.poll(&lab->unit, &f)) > 0) {
		n++;
		if (last)
			*last = f;
	}
	assert_int_equal(got, 0);
	return n;
}
