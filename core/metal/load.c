#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/load.h"
#include "core/metal/time.h"
#include "core/vcpu/gacpi.h"

static int io_read(void *ctx, const struct load_file *f, u64 off, void *dst, u64 n)
{
	const struct workstation *w = ctx;

	memcpy(dst, bundle_bytes(w->bundle, f, off), n);
	return OK;
}

static int io_write(void *ctx, gpa_t gpa, const void *src, u64 n)
{
	struct workstation *w = ctx;

	return guest_write(&w->guest, gpa, src, n);
}

static int io_copy(void *ctx, gpa_t gpa, const struct load_file *f, u64 off, u64 n)
{
	const struct workstation *w = ctx;

	return io_write(ctx, gpa, bundle_bytes(w->bundle, f, off), n);
}

/* Its memory was scrubbed just before. */
static int io_zero(void *ctx, gpa_t gpa, u64 n)
{
	return OK;
}

/* What firmware would have left in memory. */
static int write_firmware(struct workstation *w, gpa_t *rsdp)
{
	const struct gacpi_config c = {
	    .ncpus = w->guest.ncpus,
	    .layout = &w->layout,
	    .name = w->plan->name,
	    .serial = w->plan->serial,
	    .threads_per_core = w->threads_per_core,
	    .cpu_name = "",
	    .cpu_mhz = (u16)(tsc_hz() / 1000000),
	};
	struct gacpi_config config = c;
	struct gacpi_image acpi, smbios;
	u32 size =
	    gacpi_size(&config) > smbios_size(&config) ? gacpi_size(&config) : smbios_size(&config);
	void *buffer = pool_bytes(&w->grant, size);
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
	    .ecam_buses = LAYOUT_ECAM_BUSES,
	};
	int err = bundle_find(w->bundle, w->plan->name, w->plan->kernel, &r.kernel);

	if (!err)
		err = bundle_find(w->bundle, w->plan->name, w->plan->initrd, &r.initrd);
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
