#include <string.h>

#include "iommu/amdvi/amdvi.h"
#include "iommu/group.h"
#include "iommu/vtd/vtd.h"
#include "tests/fake/remap.h"
#include "tests/fake/view.h"

/*
 * The hypervisor's pool. An AMD device table takes 2 MiB on a 2 MiB boundary; memory is kept small,
 * since a strict barrier looks at all of it.
 */
#define HV_SIZE(vtd) ((vtd) ? MIB(1) : MIB(2) + KIB(512))
#define RAM	     (MIB(256) - KIB(256))
#define REGISTERS(n) PADDR(0xfd000000 + (n)*MIB(4))
#define FAR	     0x40 /* first bus behind the second unit */

const struct remap_config remap_configs[] = {
    {.kind = IOMMU_VTD, .name = "VT-d", .strict = true},
    {.kind = IOMMU_VTD,
     .name = "VT-d, late, not snooping",
     .strict = true,
     .late = 3,
     .incoherent = true},
    {.kind = IOMMU_VTD,
     .name = "VT-d, caching mode",
     .strict = true,
     .late = 1,
     .caches_absent = true},
    {.kind = IOMMU_VTD,
     .name = "VT-d, write buffers",
     .strict = true,
     .incoherent = true,
     .buffered = true},
    {.kind = IOMMU_VTD, .name = "VT-d, scalable mode only", .strict = true, .scalable = true},
    {.kind = IOMMU_VTD, .name = "VT-d, 8-bit destinations", .strict = true, .xapic = true},
    {.kind = IOMMU_AMDVI, .name = "AMD-Vi", .strict = true, .big_entries = true},
    {.kind = IOMMU_AMDVI,
     .name = "AMD-Vi, late, caching absence",
     .strict = true,
     .late = 2,
     .caches_absent = true,
     .big_entries = true},
    {.kind = IOMMU_AMDVI, .name = "AMD-Vi, 32-bit entries", .strict = true, .xapic = true},
    {.name = NULL},
};

static void must(int err, const char *what)
{
	if (err)
		fake_fail("%s: %s", what, err_text(err));
}

/* ---- the functions -------------------------------------------------------------------------- */

static void set(struct remap *r, enum remap_function f, u8 bus, u8 device, u8 function,
		enum iommu_port port)
{
	r->function[f] = (struct iommu_function){
	    .bdf = {0, bus, (u8)(device << 3 | function)},
	    .path = {.root_bus = bus >= FAR ? FAR : 0, .depth = 1},
	    .port = port,
	    .interrupts = 8,
	};
}

static void set_bridge(struct remap *r, enum remap_function f, u8 device, enum iommu_port port,
		       u8 below)
{
	set(r, f, 0, device, 0, port);
	r->function[f].bridge = true;
	r->function[f].acs = port == PORT_ROOT;
	r->function[f].secondary = r->function[f].subordinate = below;
}

static void set_functions(struct remap *r)
{
	set_bridge(r, REMAP_PORT, 1, PORT_ROOT, 1);
	set(r, REMAP_GPU, 1, 0, 0, PORT_ENDPOINT);
	set(r, REMAP_AUDIO, 1, 0, 1, PORT_ENDPOINT);
	r->function[REMAP_GPU].multifunction = r->function[REMAP_AUDIO].multifunction = true;
	set_bridge(r, REMAP_TO_PCI, 3, PORT_TO_PCI, 3);
	set(r, REMAP_PCI0, 3, 0, 0, PORT_CONVENTIONAL);
	set(r, REMAP_PCI1, 3, 1, 0, PORT_CONVENTIONAL);
	set(r, REMAP_NIC, 0, 4, 0, PORT_INTEGRATED);
	set(r, REMAP_DISK, 0, 5, 0, PORT_INTEGRATED);
	set(r, REMAP_FAR0, FAR, 1, 0, PORT_INTEGRATED);
	set(r, REMAP_FAR1, FAR, 2, 0, PORT_INTEGRATED);
	functions_link(r->function, REMAP_FUNCTIONS);
}

/* ---- Intel ---------------------------------------------------------------------------------- */

static void add_vtd(struct remap *r, struct iommu_tables *tables)
{
	static const struct dmar_hop hops[] = {{1, 0}, {2, 0}, {31, 7}};
	static struct dmar_scope far[] = {
	    {.type = DMAR_SCOPE_ENDPOINT, .bus = FAR, .depth = 1, .path = &hops[0]},
	    {.type = DMAR_SCOPE_ENDPOINT, .bus = FAR, .depth = 1, .path = &hops[1]},
	};
	static struct dmar_scope near[] = {
	    {.type = DMAR_SCOPE_IOAPIC,
	     .id = REMAP_IOAPIC_ID,
	     .bus = 0,
	     .depth = 1,
	     .path = &hops[2]},
	};
	static struct dmar_unit units[2];
	static struct dmar dmar;

	for (u32 i = 0; i < 2; i++) {
		struct vtd_model_config m = {
		    .base = REGISTERS(i),
		    .cap = VTDM_CAP_DESKTOP | (r->config.caches_absent ? VTDM_CM : 0) |
			   (r->config.buffered ? VTDM_RWBF : 0),
		    .ecap = (VTDM_ECAP_DESKTOP & ~(r->config.incoherent ? VTDM_C : 0) &
			     ~(r->config.xapic ? VTDM_EIM : 0)) |
			    (r->config.scalable ? VTDM_SMTS | VTDM_SLTS | VTDM_SMPWC : 0),
		    .no_legacy = r->config.scalable,
		    .late = r->config.late,
		};

		r->vtd[i] = vtd_model_new(&m);
		units[i] = (struct dmar_unit){.base = REGISTERS(i).v, .size = PAGE_SIZE};
	}
	units[0].all = true;
	units[0].nscopes = 1;
	units[0].scopes = near;
	units[1].nscopes = 2;
	units[1].scopes = far;
	dmar =
	    (struct dmar){.complete = true, .flags = DMAR_INTR_REMAP, .nunits = 2, .units = units};
	tables->dmar = &dmar;
}

/* ---- AMD ------------------------------------------------------------------------------------ */

static void add_amdvi(struct remap *r, struct iommu_tables *tables)
{
	static struct ivrs_entry near[] = {
	    {.kind = IVRS_RANGE, .first = 8, .last = 0x3fff},
	    {.kind = IVRS_RANGE, .first = 0x300, .last = 0x3ff, .aliased = true, .alias = 3 << 3},
	    {.kind = IVRS_IOAPIC, .first = 0xa0, .last = 0xa0, .handle = REMAP_IOAPIC_ID},
	};
	static struct ivrs_entry far[] = {{.kind = IVRS_RANGE, .first = FAR << 8, .last = 0xffff}};
	static struct ivrs_unit units[2];
	static struct ivrs ivrs;
	u64 features = AMDVI_MODEL_IA | AMDVI_MODEL_SMIF | AMDVI_MODEL_HATS(4);

	if (r->config.big_entries)
		features |= AMDVI_MODEL_GA;
	if (!r->config.xapic)
		features |= AMDVI_MODEL_XT;
	for (u32 i = 0; i < 2; i++) {
		struct amdvi_model_config m = {
		    .function = {.bus = i ? FAR : 0, .devfn = 2},
		    .registers = REGISTERS(i),
		    .features = features,
		    .np_cache = r->config.caches_absent,
		    .late = r->config.late,
		    .delay = r->config.late,
		    .first_bus = i ? FAR : 0,
		    .last_bus = i ? 0xff : FAR - 1,
		};

		r->amdvi[i] = amdvi_model_add(&m);
		units[i] = (struct ivrs_unit){
		    .type = 0x11,
		    .used = true,
		    .devid = (u16)(m.function.bus << 8 | m.function.devfn),
		    .capability = 0x40,
		    .base = REGISTERS(i).v,
		    .features = features,
		    .nentries = i ? 1 : 3,
		    .entries = i ? far : near,
		};
	}
	/* requests from the conventional bus carry the bridge's id, as bridges do */
	amdvi_model_alias(remap_bdf(r, REMAP_PCI0), remap_bdf(r, REMAP_TO_PCI));
	amdvi_model_alias(remap_bdf(r, REMAP_PCI1), remap_bdf(r, REMAP_TO_PCI));
	ivrs = (struct ivrs){.complete = true, .nunits = 2, .units = units};
	tables->ivrs = &ivrs;
}

/* ---- the whole ------------------------------------------------------------------------------ */

void remap_build(struct remap *r, const struct remap_config *config)
{
	struct group_member member[REMAP_FUNCTIONS];
	struct iommu_tables tables = {NULL, NULL};
	u32 group[REMAP_FUNCTIONS];
	bool vtd = config->kind == IOMMU_VTD;

	for (u32 i = 0; i < 2; i++)
		if (r->vtd[i])
			vtd_model_free(r->vtd[i]);
	amdvi_model_reset();
	fake_machine_reset();
	memset(r, 0, sizeof(*r));
	r->config = *config;
	fake_view_init(PADDR(RAM), HV_SIZE(vtd) + REMAP_WS * REMAP_WS_SIZE, config->strict);
	pool_init(&r->hv, PADDR(RAM), HV_SIZE(vtd));
	for (u32 i = 0; i < REMAP_WS; i++)
		pool_init(&r->ws[i], PADDR(RAM + HV_SIZE(vtd) + i * REMAP_WS_SIZE), REMAP_WS_SIZE);
	set_functions(r);
	if (vtd)
		add_vtd(r, &tables);
	else
		add_amdvi(r, &tables);
	group_compute(r->function, REMAP_FUNCTIONS, tables.ivrs, member);
	for (u32 i = 0; i < REMAP_FUNCTIONS; i++)
		group[i] = member[i].group;
	must(iommu_describe(&r->iommu, vtd ? &vtd_ops : &amdvi_ops, &tables, r->function,
			    REMAP_FUNCTIONS, group, !config->xapic, &r->hv, r->device_of),
	     "iommu_describe");
}

u32 remap_cpu(u32 ws, u32 i)
{
	return 2 + 2 * ws + i;
}

void remap_domain(struct remap *r, u32 ws)
{
	static const u32 cpus[REMAP_WS][2] = {{2, 3}, {4, 5}, {6, 7}};

	must(iommu_domain_init(&r->domain[ws], &r->iommu, ws, &r->ws[ws], cpus[ws], 2),
	     "iommu_domain_init");
}

void remap_start(struct remap *r, const struct remap_config *config)
{
	remap_build(r, config);
	must(iommu_start(&r->iommu), "iommu_start");
	for (u32 i = 0; i < REMAP_WS; i++)
		remap_domain(r, i);
}

void remap_end(struct remap *r)
{
	for (u32 i = 0; i < 2; i++)
		if (r->vtd[i] && vtd_model_violations(r->vtd[i]))
			fake_fail("%s: the driver broke a rule: %s", r->config.name,
				  vtd_model_first_violation(r->vtd[i]));
	if (amdvi_model_violations())
		fake_fail("%s: the driver broke a rule: %s", r->config.name,
			  amdvi_model_violation());
}

struct iommu_device *remap_device(struct remap *r, enum remap_function f)
{
	if (r->device_of[f] == NO_DEVICE)
		fake_fail("function %d has no device", f);
	return &r->iommu.devices[r->device_of[f]];
}

struct bdf remap_bdf(const struct remap *r, enum remap_function f)
{
	return r->function[f].bdf;
}

/* What the function's requests carry when they reach the unit. */
static struct bdf on_the_bus(const struct remap *r, struct bdf who)
{
	if (r->config.kind == IOMMU_VTD && who.bus == 3)
		return (struct bdf){who.segment, 3, 0};
	return who;
}

bool remap_dma(struct remap *r, struct bdf who, u64 address, bool write, u64 *reached)
{
	paddr_t at;

	who = on_the_bus(r, who);
	if (r->config.kind == IOMMU_AMDVI)
		return amdvi_model_dma(who, address, write, reached);
	if (!vtd_model_dma(r->vtd[who.bus >= FAR], bdf_rid(who), address,
			   write ? VTDM_WRITE : VTDM_READ, &at, NULL))
		return false;
	*reached = at.v;
	return true;
}

bool remap_msi(struct remap *r, struct bdf who, u64 address, u32 data, struct remap_irq *irq)
{
	struct amdvi_model_irq a;
	struct vtd_model_irq v;

	who = on_the_bus(r, who);
	if (r->config.kind == IOMMU_AMDVI) {
		if (!amdvi_model_msi(who, address, data, &a))
			return false;
		*irq = (struct remap_irq){a.apic_id, a.vector,
					  a.remapped && !a.delivery && !a.logical};
		return true;
	}
	if (!vtd_model_msi(r->vtd[who.bus >= FAR], bdf_rid(who), address, data, &v, NULL))
		return false;
	*irq = (struct remap_irq){v.apic_id, v.vector, v.remapped && !v.delivery && !v.logical};
	return true;
}

u64 remap_flushes(const struct remap *r, u32 i)
{
	const struct vtd_model_counts *c;

	if (r->config.kind == IOMMU_AMDVI)
		return amdvi_model_count(r->amdvi[i], AMDVI_MODEL_INVALIDATE_PAGES);
	c = vtd_model_counts(r->vtd[i]);
	return c->iotlb_global + c->iotlb_domain + c->iotlb_page;
}

void remap_ats(struct remap *r, enum remap_function f, bool answers)
{
	struct bdf bdf = remap_bdf(r, f);

	if (r->config.kind == IOMMU_AMDVI)
		amdvi_model_ats_mute(bdf, !answers);
	else
		vtd_model_ats_device(r->vtd[bdf.bus >= FAR], bdf_rid(bdf), bdf_rid(bdf), 32,
				     answers);
}

void remap_break(struct remap *r)
{
	for (u32 i = 0; i < 2; i++) {
		if (r->config.kind == IOMMU_AMDVI)
			amdvi_model_break_command(r->amdvi[i], 5, 1000);
		else
			vtd_model_refuse(r->vtd[i], 1000);
	}
}
