#include "core/base/cpio.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/build.h"
#include "core/metal/devices.h"
#include "core/metal/host.h"
#include "core/metal/idt.h"
#include "core/metal/run.h"
#include "core/metal/smp.h"
#include "core/metal/time.h"
#include "core/port.h"
#include "core/vcpu/gacpi.h"

#define MSR_PLATFORM_ID	      0x17
#define MSR_PATCH_LEVEL	      0x8b
#define MSR_ARCH_CAPABILITIES 0x10a

#define ECAM_BUSES 256
#define NEED32	   MIB(256) /* a hole for BARs, so that there is always a window */

/* ---- what the platform and the MSRs ask of us ------------------------------------------------ */

static u64 guest_time_ns(const struct workstation *w)
{
	return tsc_to_ns(rdtsc()) - tsc_to_ns(w->start_tsc);
}

static void op_interrupt(void *ctx, const struct ioapic_message *m)
{
	struct workstation *w = ctx;
	struct guest *g = &w->guest;
	struct ipi ipi = {
	    .mode = m->lowest ? IPI_LOWEST : IPI_FIXED,
	    .vector = m->vector,
	    .logical = m->logical,
	    .x2apic = g->lapics[0].mode == LAPIC_X2APIC,
	    .dest = m->destination,
	};

	if (!ipi.x2apic && ipi.dest == 0xff)
		ipi.dest = IPI_BROADCAST;
	for (u32 t = lapic_next_target(&g->lapics[0], &ipi, IPI_END); t != IPI_END;
	     t = lapic_next_target(&g->lapics[0], &ipi, t))
		run_apic_ops.ipi(&g->vcpus[0], t, IPI_FIXED, ipi.vector);
}

static void op_console_put(void *ctx, u8 byte)
{
	struct workstation *w = ctx;

	if (console_put(&w->console, (char)byte))
		host_wake();
}

static void op_reset(void *ctx, u32 vcpu, enum platform_reset_kind kind)
{
	struct workstation *w = ctx;

	w->guest.ops->event(&w->guest, &w->guest.vcpus[vcpu], GUEST_RESET);
}

static void op_power_off(void *ctx, u32 vcpu)
{
	struct workstation *w = ctx;

	w->guest.ops->event(&w->guest, &w->guest.vcpus[vcpu], GUEST_POWER_OFF);
}

static u64 op_time_ns(void *ctx)
{
	return guest_time_ns(ctx);
}

static void op_refused(void *ctx, const struct platform_refused *r)
{
	/* Counted by the platform; one line each would let a guest flood the log. */
}

static const struct platform_ops platform_ops = {
    .interrupt = op_interrupt,
    .console_put = op_console_put,
    .reset = op_reset,
    .power_off = op_power_off,
    .time_ns = op_time_ns,
    .refused = op_refused,
};

static u64 op_efer_read(void *hw)
{
	struct vcpu *v = hw;

	return v->ops->read(v, VIRT_EFER);
}

static void op_efer_write(void *hw, u64 efer)
{
	struct vcpu *v = hw;

	v->ops->write(v, VIRT_EFER, efer);
}

static u64 op_cr0_read(void *hw)
{
	struct vcpu *v = hw;

	return v->ops->read(v, VIRT_CR0);
}

static int op_guest_write(void *hw, gpa_t gpa, const void *src, size_t n)
{
	struct vcpu *v = hw;

	return guest_write(v->guest, gpa, src, n);
}

static u64 op_time_100ns(void *hw)
{
	struct vcpu *v = hw;
	struct workstation *w = (struct workstation *)v->guest;

	return guest_time_ns(w) / 100;
}

static const struct msr_ops msr_ops = {
    .efer_read = op_efer_read,
    .efer_write = op_efer_write,
    .cr0_read = op_cr0_read,
    .guest_write = op_guest_write,
    .time_100ns = op_time_100ns,
};

/* ---- building -------------------------------------------------------------------------------- */

static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	cpuid(leaf, sub, out);
}

static void *grant_alloc(struct pool *p, u64 size)
{
	paddr_t pa;

	return pool_run(p, (size + PAGE_SIZE - 1) / PAGE_SIZE, &pa) ? NULL : port_va(pa);
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
		err = layout_make(bytes, need32, need64, ECAM_BUSES, (u8)r[0], &w->layout);
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
	    .threads_per_core = threads_per_core(plan),
	    .invariant_tsc = smp_tsc_reliable(),
	    .x2apic = apic_has_x2apic(),
	};
	int err = cpuid_build(&g->cpuid, &params);

	g->vcpus = grant_alloc(&w->grant, plan->ncpus * sizeof(struct vcpu));
	g->lapics = grant_alloc(&w->grant, plan->ncpus * sizeof(struct lapic));
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
		msr_init(&v->msr, &g->msr, &msr_ops, v, v->lapic);
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
	    .ops = &platform_ops,
	    .ctx = w,
	    .epoch_s = time_epoch_s(),
	    .ecam = GPA(LAYOUT_ECAM),
	    .ecam_buses = ECAM_BUSES,
	    .memory_low = w->layout.low_top,
	    .memory_high = high,
	    .regions =
		regions ? grant_alloc(&w->grant, regions * sizeof(struct platform_region)) : NULL,
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
	struct workstation *w = grant_alloc(&grant, sizeof(*w));

	if (!w)
		return ERR_NOMEM;
	w->grant = grant;
	w->plan = plan;
	w->bundle = bundle;
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

/* ---- loading --------------------------------------------------------------------------------- */

static const u8 *file_bytes(const struct workstation *w, const struct load_file *f, u64 off)
{
	return (const u8 *)port_va(w->bundle->base) + f->handle + off;
}

static int io_read(void *ctx, const struct load_file *f, u64 off, void *dst, u64 n)
{
	memcpy(dst, file_bytes(ctx, f, off), n);
	return OK;
}

static int io_write(void *ctx, gpa_t gpa, const void *src, u64 n)
{
	struct workstation *w = ctx;

	return guest_write(&w->guest, gpa, src, n);
}

static int io_copy(void *ctx, gpa_t gpa, const struct load_file *f, u64 off, u64 n)
{
	return io_write(ctx, gpa, file_bytes(ctx, f, off), n);
}

/* Its memory was scrubbed just before. */
static int io_zero(void *ctx, gpa_t gpa, u64 n)
{
	return OK;
}

static int find_file(struct workstation *w, const char *name, struct load_file *out)
{
	const struct cpio c = {
	    .ctx = port_va(w->bundle->base), .read = cpio_read_mapped, .size = w->bundle->size};
	struct cpio_member m;

	*out = (struct load_file){0};
	if (!name)
		return OK;
	int err = cpio_find(&c, name, &m);

	if (err)
		port_log(LOG_ERROR,
			 "%s: the boot bundle has no file '%s'. Build the bundle again with it",
			 w->plan->name, name);
	else
		*out = (struct load_file){.handle = m.offset, .size = m.size};
	return err;
}

/* What firmware would have left in memory. */
const u8 *workstation_file(struct workstation *w, const char *name, u64 *size)
{
	struct load_file f;

	if (find_file(w, name, &f))
		return NULL;
	*size = f.size;
	return file_bytes(w, &f, 0);
}

static int write_firmware(struct workstation *w, gpa_t *rsdp)
{
	const struct gacpi_config c = {
	    .ncpus = w->guest.ncpus,
	    .layout = &w->layout,
	    .name = w->plan->name,
	    .serial = w->plan->serial,
	    .threads_per_core = threads_per_core(w->plan),
	    .cpu_name = "",
	    .cpu_mhz = (u16)(tsc_hz() / 1000000),
	};
	struct gacpi_config config = c;
	struct gacpi_image acpi, smbios;
	u32 size =
	    gacpi_size(&config) > smbios_size(&config) ? gacpi_size(&config) : smbios_size(&config);
	void *buffer = grant_alloc(&w->grant, size);
	int err;

	memcpy(config.uuid, w->plan->uuid, sizeof(config.uuid));
	if (!buffer)
		return ERR_NOMEM;
	err = gacpi_build(&config, buffer, size, &acpi);
	if (!err)
		err = guest_write(&w->guest, acpi.base, buffer, acpi.size);
	if (!err)
		err = smbios_build(&config, &acpi, buffer, size, &smbios);
	if (!err)
		err = guest_write(&w->guest, smbios.base, buffer, smbios.size);
	if (!err)
		err = guest_write(&w->guest, GPA(LAYOUT_BIOS_RESET), reset_bios_entry,
				  sizeof(reset_bios_entry));
	*rsdp = acpi.base;
	return err;
}

static struct reset_segment flat(u16 selector, u16 attrib)
{
	return (struct reset_segment){.selector = selector, .attrib = attrib, .limit = ~0u};
}

/* struct guest_entry as processor state, as load.h defines it. */
static void set_entry(struct vcpu *v, const struct guest_entry *e)
{
	struct reset_state *s = &v->start;
	bool is_long = e->mode == GUEST_LONG;

	s->rip = e->rip;
	s->gpr[GPR_SP] = e->rsp;
	s->gpr[GPR_BX] = e->rbx;
	s->gpr[GPR_SI] = e->rsi;
	s->cr0 = is_long ? 0x80000011 : 0x11;
	s->cr3 = is_long ? e->cr3 : 0;
	s->cr4 = is_long ? 0x20 : 0;
	s->efer = is_long ? 0x500 : 0;
	for (u32 i = 0; i < SEG_COUNT; i++)
		s->seg[i] = flat(e->ds, 0xc93);
	s->seg[SEG_CS] = flat(e->cs, is_long ? 0xa9b : 0xc9b);
	s->gdtr = (struct reset_segment){.limit = e->gdt_limit, .base = e->gdt_base};
	s->tr = (struct reset_segment){.attrib = 0x8b, .limit = 0x67};
}

int workstation_load(struct workstation *w, struct workstation_costs *costs, struct load_error *why)
{
	static const struct load_io ops = {
	    .read = io_read, .write = io_write, .copy = io_copy, .zero = io_zero};
	struct load_io io = ops;
	struct layout_piece pieces[LAYOUT_PIECES];
	struct guest_entry entry;
	gpa_t rsdp;

	if (w->guest.nram > LAYOUT_PIECES)
		return ERR_INVAL;
	for (u32 i = 0; i < w->guest.nram; i++)
		pieces[i] = (struct layout_piece){w->guest.ram[i].gpa, w->guest.ram[i].size};
	io.ctx = w;
	struct load_request r = {
	    .io = &io,
	    .cmdline = w->plan->cmdline,
	    .kind = w->plan->boot,
	    .ram = pieces,
	    .nram = w->guest.nram,
	    .ecam_buses = ECAM_BUSES,
	};
	int err = find_file(w, w->plan->kernel, &r.kernel);

	if (!err)
		err = find_file(w, w->plan->initrd, &r.initrd);
	if (!err)
		err = write_firmware(w, &rsdp);
	if (err)
		return err;
	r.rsdp = rsdp;
	u64 begin = rdtsc();

	err = load_kernel(&r, &entry, why);
	costs->copy_ticks += rdtsc() - begin;
	costs->copy_bytes += r.kernel.size + r.initrd.size;
	if (!err)
		set_entry(&w->guest.vcpus[0], &entry);
	return err;
}
