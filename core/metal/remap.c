#include "core/metal/remap.h"
#include "core/abi.h"
#include "core/base/err.h"
#include "core/metal/apic.h"
#include "core/metal/layout.h"
#include "core/metal/memory.h"
#include "core/metal/panic.h"
#include "core/metal/takeover.h"
#include "core/metal/virtual.h"
#include "core/metal/workstation.h"
#include "core/port.h"
#include "iommu/amdvi/amdvi.h"
#include "iommu/fault.h"
#include "iommu/group.h"
#include "iommu/quarantine.h"
#include "iommu/start.h"
#include "iommu/unity.h"
#include "iommu/vtd/vtd.h"

#define FAULT_BUDGET 64 /* records taken before the host core looks at something else */

static struct survey survey;
static struct iommu iommu;
static struct dmar dmar;
static struct ivrs ivrs;
static struct iommu_tables tables;
static struct unity_range *kept; /* those some device needs */
static u32 nkept;
static u32 *device_of; /* by function, NO_DEVICE: none */
static bool started;   /* every unit is on */
static bool on;	       /* and can remap interrupts */
static bool poll_failed;

/* ---- tables ---------------------------------------------------------------------------------- */

static void print_note(void *ctx, const struct table_note *note)
{
	enum log_level levels[] = {
	    [NOTE_INFO] = LOG_DEBUG, [NOTE_ODD] = LOG_INFO, [NOTE_ERROR] = LOG_WARN};

	port_log(levels[note->level], "%s: %s", (const char *)ctx, note->text);
}

static int parse(const struct firmware *f)
{
	bool intel = f->dmar.size;
	const struct firmware_table *t = intel ? &f->dmar : &f->ivrs;
	size_t size = intel ? dmar_memory(t->size) : ivrs_memory(t->size);
	void *memory;
	int err;

	if (!t->size)
		return ERR_NOENT;
	memory = pool_bytes(&heap, size);
	if (!memory)
		return ERR_NOMEM;
	err = intel ? dmar_parse(port_va(t->pa), t->size, memory, size, &dmar, print_note, "DMAR")
		    : ivrs_parse(port_va(t->pa), t->size, memory, size, &ivrs, print_note, "IVRS");
	if (!err && intel)
		tables.dmar = &dmar;
	else if (!err)
		tables.ivrs = &ivrs;
	return err;
}

/* ---- reserved ranges ------------------------------------------------------------------------- */

/* Those the machine's devices really need: what only firmware used ended with the hand-over. */
static int find_reserved(struct machine *out)
{
	u32 n = unity_collect(tables.dmar, tables.ivrs, survey.requesters, survey.n, NULL, 0);
	struct unity_range *ranges = pool_bytes(&heap, (n + 1) * sizeof(*ranges));
	struct machine_reserved *reserved = pool_bytes(&heap, (n + 1) * sizeof(*reserved));
	struct unity_decision decision;

	if (!ranges || !reserved)
		return ERR_NOMEM;
	kept = ranges;
	unity_collect(tables.dmar, tables.ivrs, survey.requesters, survey.n, ranges, n);
	for (u32 i = 0; i < n; i++) {
		unity_decide(&ranges[i], survey.requesters, false, out, PADDR(HV_LOAD_ADDRESS),
			     HV_MEMORY(out->ncpus), &decision);
		port_log(LOG_DEBUG, "%s", decision.text);
		if (decision.verdict == UNITY_DROP)
			continue;
		kept[nkept++] = ranges[i];
		reserved[out->nreserved++] = (struct machine_reserved){
		    .function = ranges[i].function, .base = ranges[i].base, .size = ranges[i].size};
	}
	out->reserved = reserved;
	return OK;
}

/* ---- the units ------------------------------------------------------------------------------- */

static int describe(void)
{
	u32 *group = pool_bytes(&heap, (survey.n + 1) * sizeof(*group));

	device_of = pool_bytes(&heap, (survey.n + 1) * sizeof(*device_of));
	if (!group || !device_of)
		return ERR_NOMEM;
	for (u32 i = 0; i < survey.n; i++) {
		group[i] = survey.functions[i].group;
		device_of[i] = NO_DEVICE;
	}
	return iommu_describe(&iommu, tables.dmar ? &vtd_ops : &amdvi_ops, &tables,
			      survey.requesters, survey.n, group, apic_has_x2apic(), &iommu_pool,
			      device_of);
}

static void arm_faults(void)
{
	for (u32 i = 0; i < iommu.nunits; i++) {
		int err = iommu.ops->arm_faults(&iommu.units[i], apic_id(), VECTOR_IOMMU);

		if (err)
			port_log(LOG_WARN,
				 "%s unit %u cannot interrupt: %s; its faults are looked for four "
				 "times a second",
				 iommu.ops->name, i, err_text(err));
	}
}

static void report(void)
{
	u32 devices = 0, uncovered = 0;

	for (u32 i = 0; i < survey.n; i++) {
		struct machine_function *f = &survey.functions[i];

		if (f->header_type)
			continue;
		if (device_of[i] != NO_DEVICE) {
			devices++;
			continue;
		}
		uncovered++;
		if (!f->unfit)
			f->unfit = "no IOMMU unit, or more than one, answers for its requests";
	}
	port_log(LOG_INFO,
		 "%s: %u unit%s on, %u functions quarantined, %u behind no unit, %u-level tables, "
		 "interrupts remapped to %s ids",
		 iommu.ops->name, iommu.nunits, iommu.nunits == 1 ? "" : "s", devices, uncovered,
		 iommu.levels, iommu.caps.x2apic && apic_has_x2apic() ? "32-bit" : "8-bit");
}

/* Named where it fails; what follows from it is the same for all. */
static int start_units(const struct firmware *f, const struct plan *plan, struct machine *out)
{
	const char *what = "the firmware describes no IOMMU";
	int err = parse(f);

	if (!err)
		virtual_start(&survey, plan, out, f, &tables);
	else
		virtual_refuse(&survey, plan, "there is no working IOMMU to hold them in");
	if (!err) {
		what = "its reserved ranges";
		err = survey_group(&survey, tables.ivrs);
	}
	if (!err)
		err = find_reserved(out);
	if (!err) {
		what = "describing its devices";
		err = describe();
	}
	takeover_controllers(&survey);
	if (!err) {
		what = "starting its units";
		err = iommu_start(&iommu);
	}
	if (err == ERR_NOENT)
		port_log(LOG_INFO, "%s: no device can be assigned", what);
	else if (err)
		port_log(LOG_ERROR, "IOMMU: %s: %s. No device can be assigned", what,
			 err_text(err));
	return err;
}

void remap_start(const struct boot_info *b, const struct firmware *f, const struct plan *plan,
		 struct machine *out)
{
	int err = survey_find(&survey);

	if (err)
		refuse_boot("Report this machine", "its PCI functions cannot be listed: %s",
			    err_text(err));
	survey_mark_display(&survey, b->fb.base);
	err = start_units(f, plan, out);
	out->functions = survey.functions;
	out->nfunctions = survey.n;
	if (err) {
		if (!tables.ivrs && !tables.dmar && survey_group(&survey, NULL))
			port_log(LOG_WARN, "isolation groups are not known");
		return;
	}
	started = true;
	report();
	arm_faults();
	takeover_open_bridges(&survey);
	out->iommu = true;
	out->interrupt_remapping = iommu.caps.irq_remapping;
	on = iommu.caps.irq_remapping;
}

struct iommu *remap_iommu(void)
{
	return on ? &iommu : NULL;
}

const struct survey *remap_survey(void)
{
	return &survey;
}

struct iommu_device *remap_device(u32 function)
{
	if (!device_of || device_of[function] == NO_DEVICE)
		return NULL;
	return &iommu.devices[device_of[function]];
}

int remap_keep(u32 function, struct iommu_domain *domain)
{
	int err = OK;

	for (u32 i = 0; i < nkept && !err; i++)
		if (kept[i].function == function)
			err = quarantine_carry_over(domain, &kept[i], 1);
	return err;
}

/* ---- faults ---------------------------------------------------------------------------------- */

static const char *owner_name(void *ctx, u32 owner)
{
	return owner == IOMMU_HV_OWNER ? "hypervisor" : workstation_name(owner);
}

static void count_fault(void *ctx, struct iommu_device *dev, const struct iommu_fault *f)
{
	workstation_fault(dev->owner);
}

static void blocked(void *ctx, struct iommu_device *dev, u32 owner, const char *line)
{
	workstation_device_blocked(owner, line);
}

bool remap_poll(void)
{
	static const struct iommu_fault_handler handler = {
	    .owner_name = owner_name, .fault = count_fault, .blocked = blocked};
	int taken;

	if (!started)
		return false;
	taken = iommu_faults_take(&iommu, &handler, FAULT_BUDGET);
	if (taken < 0 && !poll_failed) {
		poll_failed = true;
		port_log(LOG_ERROR, "%s: fault records cannot be read: %s", iommu.ops->name,
			 err_text(taken));
	}
	return taken == FAULT_BUDGET;
}

void remap_quiesce(void)
{
	if (started && iommu_quiesce(&iommu))
		port_log(LOG_WARN, "%s: a unit is not quiet", iommu.ops->name);
}
