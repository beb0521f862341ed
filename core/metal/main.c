/*
 * From the first C instruction to the host core's loop: what must be there is checked in the order
 * in which it is needed, and each thing that is not ends in one line with its remedy.
 */
#include "core/abi.h"
#include "core/base/cpio.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/boot/boot_info.h"
#include "core/metal/counters.h"
#include "core/metal/cpu.h"
#include "core/metal/host.h"
#include "core/metal/idt.h"
#include "core/metal/log.h"
#include "core/metal/machine.h"
#include "core/metal/memory.h"
#include "core/metal/panic.h"
#include "core/metal/remap.h"
#include "core/metal/run.h"
#include "core/metal/smp.h"
#include "core/metal/time.h"
#include "core/metal/workstation.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "core/port.h"

#define BUNDLE_MAX GIB(16)

void boot_main(u32 source, u64 info) __noreturn;

extern u64 boot_tsc;
extern unsigned long __stack_chk_guard;

static struct boot_info boot;
static struct firmware firmware;
static struct machine machine;
static struct cpu boot_cpu; /* the BSP's, until memory for all of them is there */

static void read_boot_info(u32 source, u64 info)
{
	int err = OK;

	if (source == BOOT_FROM_UEFI) {
		memcpy(&boot, (const void *)info, sizeof(boot));
		if (boot.magic != BOOT_INFO_MAGIC)
			err = ERR_VERSION;
	} else {
		boot.magic = BOOT_INFO_MAGIC;
		boot.start_tsc = boot_tsc;
		err = source == BOOT_FROM_PVH ? boot_from_pvh(info, &boot)
					      : boot_from_multiboot2(info, &boot);
	}
	if (err)
		refuse_boot("Use a boot loader that follows its own specification",
			    "what the boot loader handed over cannot be read: %s", err_text(err));
}

/* The fixed and per-core ranges must be RAM that nobody else uses. */
static void check_own_memory(u32 n)
{
	u64 base = HV_LOAD_ADDRESS, end = base + HV_MEMORY(n);

	for (u32 i = 0; i < boot.nmemory; i++) {
		const struct boot_memory *m = &boot.memory[i];

		if (m->kind == MEMORY_RAM && m->base <= base && m->base + m->size >= end)
			return;
	}
	refuse_boot("Give the machine more memory, or start by UEFI if BIOS left this range in use",
		    "there is no RAM at %#lx-%#lx, where the hypervisor must lie",
		    (unsigned long)base, (unsigned long)end);
}

/* The loader's idea of free memory and ours differ; whoever comes first would be overwritten. */
static void keep_bundle_off(u64 size)
{
	u64 before = boot.bundle;
	int err = boot_clear_range(&boot, HV_LOAD_ADDRESS, size);

	if (boot.bundle != before)
		port_log(LOG_INFO,
			 "boot bundle moved from %#lx to %#lx, off the hypervisor's memory",
			 (unsigned long)before, (unsigned long)boot.bundle);
	if (err)
		refuse_boot("Give the machine more memory, or make the bundle smaller",
			    "the boot loader put the boot bundle of %lu MiB at %#lx, into the "
			    "hypervisor's own memory, and it can go nowhere else: %s",
			    (unsigned long)(boot.bundle_size >> 20), (unsigned long)boot.bundle,
			    err_text(err));
}

static void start_cores(void)
{
	u32 online;

	firmware_list_cores(&firmware, apic_id());
	cpu_load(&cpus[0]);
	cpu_setup();
	cpu_read_topology(&cpus[0]);
	if (virt->core_start(&cpus[0]))
		refuse_boot("Report this machine", "%s cannot be switched on", virt->name);
	online = smp_start(&boot);
	port_log(LOG_INFO, "%u of %u cores online, %s, TSC %lu MHz%s", online, ncpus,
		 apic_has_x2apic() ? "x2APIC" : "xAPIC", (unsigned long)(tsc_hz() / 1000000),
		 smp_tsc_reliable() ? " invariant" : "");
	if (online < 2)
		refuse_boot(
		    "Use a machine with at least two cores, or enable them in the firmware",
		    "only one core is there: it is the host core, and workstations need others");
}

/* ---- the bundle and the plan ----------------------------------------------------------------- */

static struct cpio bundle_archive(void)
{
	return (struct cpio){
	    .ctx = port_va(PADDR(boot.bundle)), .read = cpio_read_mapped, .size = boot.bundle_size};
}

static void check_bundle(void)
{
	if (boot.note[0])
		port_log(LOG_INFO, "boot medium: %s", boot.note);
	if (!boot.bundle_size && boot.problem[0])
		refuse_boot("Copy a boot bundle to the medium again, or build the medium again",
			    "%s", boot.problem);
	if (!boot.bundle_size)
		refuse_boot(
		    "Give the boot bundle as the module: QEMU -initrd FILE, GRUB module2 FILE, "
		    "or caprock.bundle beside BOOTX64.EFI",
		    "the boot loader loaded no boot bundle");
	if (boot.bundle_size > BUNDLE_MAX || boot.bundle + boot.bundle_size < boot.bundle)
		refuse_boot("Build the bundle again", "a boot bundle of %lu bytes makes no sense",
			    (unsigned long)boot.bundle_size);
	if (memory_own(PADDR(align_down(boot.bundle, PAGE_SIZE)),
		       align_up(boot.bundle + boot.bundle_size, PAGE_SIZE) -
			   align_down(boot.bundle, PAGE_SIZE)))
		refuse_boot("Report this machine", "the boot bundle at %#lx cannot be mapped",
			    (unsigned long)boot.bundle);

	const struct cpio c = bundle_archive();
	u64 extent;
	int err = cpio_extent(&c, &extent);

	if (err)
		refuse_boot("Copy the bundle again, or build it again",
			    "the boot bundle of %lu bytes %s", (unsigned long)boot.bundle_size,
			    err == ERR_RANGE ? "ends early" : "is no cpio archive, or damaged");
}

static void *plan_blob(u64 *size)
{
	const struct cpio c = bundle_archive();
	struct cpio_member m;
	int err = cpio_find(&c, BUNDLE_PLAN_NAME, &m);

	if (err)
		refuse_boot("Build the bundle again with 'caprock build'",
			    "the boot bundle holds no plan: %s",
			    err == ERR_NOENT ? "no member called '" BUNDLE_PLAN_NAME "'"
					     : err_text(err));
	*size = m.size;
	return (u8 *)c.ctx + m.offset;
}

static void read_plan(struct plan *plan)
{
	struct blob_error why;
	u64 size, arena_size;
	void *blob = plan_blob(&size);
	paddr_t arena;

	arena_size = blob_arena_size(blob, size);
	if (pool_run(&heap, arena_size / PAGE_SIZE + 1, &arena))
		refuse_boot("Build a plan with fewer workstations",
			    "the plan needs %lu KiB, more than the hypervisor has",
			    (unsigned long)(arena_size >> 10));
	int err = blob_decode(blob, size, port_va(arena), (arena_size / PAGE_SIZE + 1) * PAGE_SIZE,
			      plan, &why);

	if (err)
		refuse_boot(
		    err == ERR_VERSION ? "Build the bundle with the 'caprock' of this version"
				       : "Copy the bundle again, or build it again",
		    "the plan cannot be used: %s (byte %lu)", why.text, (unsigned long)why.offset);
	log_set_level(plan->log_level);
}

/*
 * What a refusal costs: a card that is not where it was keeps its own workstation from starting and
 * nobody else's; any other conflict puts the whole plan in doubt.
 */
static bool costs_one(enum rule rule)
{
	static const u8 rules[] = {
	    RULE_NO_IOMMU,	   RULE_NO_INTERRUPT_REMAPPING, RULE_DEVICE_UNKNOWN,
	    RULE_DEVICE_IDENTITY,  RULE_DEVICE_BRIDGE,		RULE_GROUP_SPLIT,
	    RULE_NO_RESET,	   RULE_RESERVED_RANGE,		RULE_DEVICE_SRIOV,
	    RULE_DEVICE_UNFIT,	   RULE_DEVICE_SPLIT,		RULE_DEVICE_BAR,
	    RULE_VIRTUAL_FUNCTION,
	};

	for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i] == rule)
			return true;
	return false;
}

struct verdict {
	bool *refused; /* by workstation of the plan */
	bool whole;
};

static void take_refusal(void *ctx, const struct refusal *r)
{
	struct verdict *v = ctx;

	port_log(LOG_ERROR, "refused (%s): %s. %s.", rule_name(r->rule), r->text, r->remedy);
	if (r->workstation != ~0u && costs_one(r->rule))
		v->refused[r->workstation] = true;
	else
		v->whole = true;
}

/* Workstations to start first, then those that are refused. Returns how many of the former. */
static u32 part(struct plan_workstation *ws, const bool *refused, u32 n)
{
	u32 kept = 0;

	for (u32 i = 0; i < n; i++) {
		struct plan_workstation w = ws[i];

		if (refused[i])
			continue;
		memmove(&ws[kept + 1], &ws[kept], (i - kept) * sizeof(*ws));
		ws[kept++] = w;
	}
	return kept;
}

/* Leaves in `plan` what can be carried out; the refused follow its workstations in the array. */
static void prove_plan(struct plan *plan)
{
	struct plan_workstation *ws = (struct plan_workstation *)plan->workstations;
	struct verdict v = {0};
	paddr_t marks;

	if (pool_run(&heap, plan->nworkstations / PAGE_SIZE + 1, &marks))
		refuse_boot("Build a plan with fewer workstations",
			    "the hypervisor's own memory does not hold the plan");
	v.refused = port_va(marks);
	/* Each round refuses one more at least: what shared something with it may be next. */
	while (prove(&machine, NULL, plan, take_refusal, &v)) {
		plan->nworkstations = part(ws, v.refused, plan->nworkstations);
		if (v.whole || !plan->nworkstations)
			refuse_boot(
			    "Mend the profile as the lines above say and build the bundle again",
			    "the plan does not fit this machine");
		memset(v.refused, 0, plan->nworkstations);
	}
}

/* Move the bundle to its home, out of the way of the workstations' memory. */
static struct bundle settle_bundle(const struct plan *plan, u64 *ticks)
{
	u64 begin = rdtsc();
	struct bundle b = {plan->bundle.base, boot.bundle_size};
	int err = memory_own(b.base, plan->bundle.size);

	/* Where the loader put it may overlap its home; that part is mapped already. */
	if (err)
		refuse_boot("Report this machine", "the bundle's home cannot be mapped: %s",
			    err_text(err));
	memmove(port_va(b.base), port_va(PADDR(boot.bundle)), boot.bundle_size);
	*ticks = rdtsc() - begin;
	return b;
}

static void report_boot(u64 settle_ticks)
{
	const struct workstation_costs *c = workstation_costs();
	u64 ready = workstations_entered();

	port_log(
	    LOG_INFO,
	    "boot: entry_tsc %lu ready_tsc %lu copied %lu bytes in %lu ticks scrubbed %lu bytes in "
	    "%lu ticks",
	    (unsigned long)boot.start_tsc, (unsigned long)ready,
	    (unsigned long)(c->copy_bytes + boot.bundle_size),
	    (unsigned long)(c->copy_ticks + settle_ticks), (unsigned long)c->scrub_bytes,
	    (unsigned long)c->scrub_ticks);
}

void boot_main(u32 source, u64 info)
{
	struct plan plan;
	u64 settle_ticks;
	u32 size, planned;

	__stack_chk_guard = rdtsc() * 0x9e3779b97f4a7c15ull ^ 0xff00ull;
	idt_init();
	cpu_load(&boot_cpu);
	log_init();
	port_log(LOG_INFO, "Caprock, a hypervisor for graphics workstations");
	read_boot_info(source, info);
	log_set_screen(&boot.fb, true);
	keep_bundle_off(HV_MEMORY_FIXED);
	memory_begin();
	firmware_read(&boot, &firmware);
	check_own_memory(firmware.ncpus);
	keep_bundle_off(HV_MEMORY(firmware.ncpus));
	if (memory_init())
		refuse_boot("Report this machine",
			    "the hypervisor's own page tables do not fit its memory");
	log_set_screen(&boot.fb, false); /* at once: the early map of it is gone */
	if (memory_add_cores(firmware.ncpus))
		refuse_boot("Report this machine", "the memory of %u cores cannot be mapped",
			    firmware.ncpus);
	crash_record_init(port_va(PADDR(HV_LOAD_ADDRESS + HV_MEMORY_FIXED - CRASH_RECORD_SIZE)),
			  &boot);
	virt_choose();
	if (apic_init())
		refuse_boot("Report this machine", "the local APIC cannot be mapped");
	apic_enable();
	time_init(firmware_pm_timer(&firmware), boot.start_tsc);
	start_cores();
	firmware_map_ecam(&firmware);
	if (machine_find(&boot, &firmware, &machine))
		refuse_boot("Report this machine", "the machine cannot be described");
	check_bundle();
	read_plan(&plan);
	remap_start(&boot, &firmware, &plan, &machine);
	planned = plan.nworkstations;
	prove_plan(&plan);
	struct bundle bundle = settle_bundle(&plan, &settle_ticks);

	if (workstations_init(planned) || workstations_apply(&plan, &bundle))
		refuse_boot("Build a plan with fewer workstations",
			    "the hypervisor's own memory does not hold %u workstations", planned);
	for (u32 i = plan.nworkstations; i < planned; i++)
		workstation_refused(i, plan.workstations[i].name);
	paddr_t counters = counters_address(&size);

	port_log(LOG_INFO, "counters at %#lx size %u", (unsigned long)counters.v, size);
	while (workstations_starting())
		workstations_poll(false);
	report_boot(settle_ticks);
	if (workstations_entered())
		boot_confirm_trial(&boot);
	host_loop();
}
