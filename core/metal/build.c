#include "core/base/err.h"
#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/build.h"
#include "core/metal/devices.h"
#include "core/metal/idt.h"
#include "core/metal/platform.h"
#include "core/metal/run.h"
#include "core/metal/smp.h"
#include "core/metal/time.h"
#include "core/port.h"

#define MSR_PLATFORM_ID	      0x17
#define MSR_PATCH_LEVEL	      0x8b
#define MSR_ARCH_CAPABILITIES 0x10a

#define NEED32 MIB(256) /* a hole for BARs, so that there is always a window */

static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	cpuid(leaf, sub, out);
}

static u32 threads_per_core(const struct plan_workstation *plan)
{
	const struct cpu *first = cpu_by_apic_id(plan->cpus[0]);
	u32 n = 0;

	for (u32 i = 0; i < plan->ncpus; i++) {
		const struct cpu *c = cpu_by_apic_id(plan->cpus[i]);

		n += c->package == first->package && c->core == first->core;
	}
	return n && plan->ncpus % n == 0 ? n : 1;
}

/* Where the plan put memory is none of the layout's windows. */
static bool memory_as_planned(const struct workstation *w)
{
	const struct layout_window *windows[] = {&w->layout.mmio32[0], &w->layout.mmio32[1],
						 &w->layout.mmio64};

	for (u32 i = 0; i < w->guest.nram; i++)
		for (u32 k = 0; k < ARRAY_SIZE(windows); k++) {
			u64 base = w->guest.ram[i].gpa.v, size = w->guest.ram[i].size;

			if (windows[k]->size && base < windows[k]->base + windows[k]->size &&
			    windows[k]->base < base + size)
				return false;
		}
	return true;
}

static int build_memory(struct workstation *w)
{
	struct guest *g = &w->guest;
	u64 bytes = 0, need32 = NEED32, need64 = 0;
	u32 r[4];
	int err;

	for (u32 i = 0; i < g->nram; i++)
		bytes += g->ram[i].size;
	cpuid(0x80000008, 0, r);
	err = devices_begin(w, &need32, &need64);
	if (!err)
		err = layout_make(bytes, need32, need64, LAYOUT_ECAM_BUSES, (u8)r[0], &w->layout);
	if (!err && !memory_as_planned(w)) {
		port_log(
		    LOG_ERROR,
		    "%s: its devices need %lu MiB of addresses below 4 GiB, where the plan has "
		    "memory. Build the plan again with this machine's facts",
		    w->plan->name, (unsigned long)(need32 >> 20));
		err = ERR_RANGE;
	}
	if (!err)
		err = pt_init(&g->second_level, virt->format, &w->grant, 4, virt->leaf_max(), true);
	for (u32 i = 0; i < g->nram && !err; i++)
		err = pt_map(&g->second_level, g->ram[i].gpa.v, g->ram[i].hpa, g->ram[i].size,
			     PT_RWX | PT_WB);
	return err;
}

/* A register the guest may read, 0 where this processor has none. */
static u64 rdmsr_if_there(u32 msr)
{
	u64 value;

	return rdmsr_safe(msr, &value) ? value : 0;
}

static int build_processors(struct workstation *w)
{
	const struct plan_workstation *plan = w->plan;
	struct guest *g = &w->guest;
	struct cpuid_params params = {
	    .host = host_cpuid,
	    .ncpus = plan->ncpus,
	    .threads_per_core = w->threads_per_core,
	    .invariant_tsc = smp_tsc_reliable(),
	    .x2apic = apic_has_x2apic(),
	};
	int err = cpuid_build(&g->cpuid, &params);

	g->vcpus = pool_bytes(&w->grant, plan->ncpus * sizeof(struct vcpu));
	g->lapics = pool_bytes(&w->grant, plan->ncpus * sizeof(struct lapic));
	if (err || !g->vcpus || !g->lapics)
		return err ? err : ERR_NOMEM;
	g->ncpus = plan->ncpus;
	g->msr = (struct msr_workstation){
	    .features = msr_features(host_cpuid, NULL),
	    .invariant_tsc = params.invariant_tsc,
	    .tsc_hz = tsc_hz(),
	    .apic_hz = lapic_timer_hz(),
	    .efer_allowed = cpuid_efer_allowed(&g->cpuid),
	    .microcode = rdmsr_if_there(MSR_PATCH_LEVEL),
	    .platform_id = rdmsr_if_there(MSR_PLATFORM_ID),
	    .arch_capabilities = rdmsr_if_there(MSR_ARCH_CAPABILITIES),
	};
	const struct mtrr_hole holes[] = {
	    {GPA(w->layout.low_top), GIB(4) - w->layout.low_top},
	    {GPA(w->layout.mmio64.base), w->layout.mmio64.size},
	};
	u32 r[4], signature;

	cpuid(1, 0, r);
	signature = r[0];
	cpuid(0x80000008, 0, r);
	for (u32 i = 0; i < g->ncpus; i++) {
		struct vcpu *v = &g->vcpus[i];

		v->ops = virt;
		v->guest = g;
		v->id = i;
		v->view.apic_id = i;
		v->view.apic_enabled = true;
		v->lapic = &g->lapics[i];
		v->signature = signature;
		err = virt->vcpu_init(v, &w->grant);
		if (err)
			return err;
		lapic_reset(v->lapic, &run_apic_ops, v, g->lapics, i, g->ncpus, params.x2apic);
		msr_init(&v->msr, &g->msr, &metal_msr_ops, v, v->lapic);
		err = mtrr_boot(&v->msr.mtrr, (u8)r[0], holes, w->layout.mmio64.size ? 2 : 1);
		if (err)
			return err;
		startup_begin(&v->startup, i != 0);
		reset_power_on(&v->start, signature);
	}
	return OK;
}

static int build_platform(struct workstation *w)
{
	u64 high = 0;

	for (u32 i = 0; i < w->guest.nram; i++)
		if (w->guest.ram[i].gpa.v >= GIB(4))
			high += w->guest.ram[i].size;
	u32 regions = devices_regions(w->plan);
	const struct platform_config config = {
	    .ops = &metal_platform_ops,
	    .ctx = w,
	    .epoch_s = time_epoch_s(),
	    .ecam = GPA(LAYOUT_ECAM),
	    .ecam_buses = LAYOUT_ECAM_BUSES,
	    .memory_low = w->layout.low_top,
	    .memory_high = high,
	    .regions =
		regions ? pool_bytes(&w->grant, regions * sizeof(struct platform_region)) : NULL,
	    .max_regions = regions,
	};

	if (regions && !config.regions)
		return ERR_NOMEM;

	return platform_init(&w->guest.platform, &config);
}

int workstation_build(const struct plan_workstation *plan, u32 index, const struct guest_ops *ops,
		      const struct bundle *bundle, struct workstation **out)
{
	struct pool grant;

	pool_init(&grant, plan->grant.base, plan->grant.size);
	struct workstation *w = pool_bytes(&grant, sizeof(*w));

	if (!w)
		return ERR_NOMEM;
	w->grant = grant;
	w->plan = plan;
	w->bundle = bundle;
	w->threads_per_core = threads_per_core(plan);
	w->start_tsc = rdtsc();
	w->guest.name = plan->name;
	w->guest.index = index;
	w->guest.ops = ops;
	w->guest.ram = plan->ram;
	w->guest.nram = plan->nram;
	console_init(&w->console);
	int err = build_memory(w);

	if (!err)
		err = build_processors(w);
	if (!err)
		err = build_platform(w);
	if (!err)
		err = devices_build(w);
	*out = w;
	return err;
}
