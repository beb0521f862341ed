#include "core/acpi/acpi.h"
#include "core/acpi/madt.h"
#include "core/acpi/mcfg.h"
#include "core/acpi/srat.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/machine.h"
#include "core/metal/memory.h"
#include "core/metal/panic.h"
#include "core/metal/pci.h"
#include "core/metal/run.h"
#include "core/port.h"

#define FADT_PM_TIMER	  76 /* ACPI 6.5 table 5.9: PM_TMR_BLK, PM_TMR_LEN */
#define FADT_PM_TIMER_LEN 91

static int physical_read(void *ctx, paddr_t pa, void *buf, u64 n)
{
	if (pa.v + n > GIB(4) || pa.v + n < pa.v)
		return ERR_RANGE; /* beyond the early map; no firmware puts its tables there */
	port_copy_from(buf, pa, n);
	return OK;
}

static void *heap_alloc(u64 size, paddr_t *pa)
{
	if (pool_run(&heap, (size + PAGE_SIZE - 1) / PAGE_SIZE, pa))
		refuse_boot("Use fewer workstations or report this machine",
			    "the hypervisor's own %lu MiB do not hold this machine's tables",
			    (unsigned long)(HV_MEMORY_FIXED >> 20));
	return port_va(*pa);
}

static void load(const struct acpi *a, const char *signature, struct firmware_table *t)
{
	paddr_t pa;
	u32 size;

	*t = (struct firmware_table){0};
	if (acpi_find(a, signature, 0, &pa, &size))
		return;
	void *copy = heap_alloc(size, &t->pa);
	int err = acpi_load(a, signature, pa, copy, size);

	if (err && err != ERR_CORRUPT) {
		port_log(LOG_WARN, "ACPI table %s at %#lx is unusable: %s", signature,
			 (unsigned long)pa.v, err_text(err));
		return;
	}
	if (err)
		port_log(LOG_WARN, "ACPI table %s at %#lx has a wrong checksum; used all the same",
			 signature, (unsigned long)pa.v);
	t->size = size;
}

void firmware_read(const struct boot_info *b, struct firmware *f)
{
	static const struct acpi_source source = {physical_read, NULL};
	struct acpi acpi;
	paddr_t rsdp = PADDR(b->rsdp);
	const char *why = "there is none";

	if ((!rsdp.v && acpi_find_rsdp(&source, &rsdp)) || acpi_open(&acpi, &source, rsdp, &why))
		refuse_boot("Boot with ACPI enabled in the firmware",
			    "the ACPI root table cannot be read: %s", why);
	load(&acpi, "APIC", &f->madt);
	load(&acpi, "MCFG", &f->mcfg);
	load(&acpi, "FACP", &f->fadt);
	load(&acpi, "SRAT", &f->srat);
	load(&acpi, "DMAR", &f->dmar);
	load(&acpi, "IVRS", &f->ivrs);
	if (!f->madt.size)
		refuse_boot("Boot with ACPI enabled in the firmware",
			    "the machine has no MADT, so its cores cannot be found");
	f->ncpus = madt_cpus(port_va(f->madt.pa), NULL, 0, &why);
	if (why)
		port_log(LOG_WARN, "MADT: %s", why);
}

u16 firmware_pm_timer(const struct firmware *f)
{
	const u8 *t = port_va(f->fadt.pa);

	if (f->fadt.size <= FADT_PM_TIMER_LEN || t[FADT_PM_TIMER_LEN] != 4)
		return 0;
	return (u16)acpi_u32(t + FADT_PM_TIMER);
}

void firmware_list_cores(const struct firmware *f, u32 bsp)
{
	paddr_t pa;
	u32 *ids = heap_alloc(f->ncpus * sizeof(u32), &pa);

	madt_cpus(port_va(f->madt.pa), ids, f->ncpus, NULL);
	cpus[0].apic_id = bsp;
	ncpus = 1;
	for (u32 i = 0; i < f->ncpus; i++) {
		if (ids[i] == bsp)
			continue;
		if (ncpus == f->ncpus)
			refuse_boot("Update the firmware",
				    "the MADT does not list the boot processor (APIC id %u)", bsp);
		if (ids[i] > 254 && !apic_has_x2apic()) {
			port_log(LOG_WARN,
				 "core with APIC id %u needs x2APIC mode, which the "
				 "processor lacks; unused",
				 ids[i]);
			continue;
		}
		cpus[ncpus].index = ncpus;
		cpus[ncpus++].apic_id = ids[i];
	}
}

void firmware_map_ecam(const struct firmware *f)
{
	struct mcfg_window w;
	struct mmio regs;

	if (!f->mcfg.size)
		return;
	for (u32 i = 0;; i++) {
		int err = mcfg_window(port_va(f->mcfg.pa), i, &w);

		if (err == ERR_NOENT)
			return;
		if (err) {
			port_log(LOG_WARN, "MCFG entry %u makes no sense; passed over", i);
			continue;
		}
		u64 size = (u64)(w.last_bus - w.first_bus + 1) << 20;
		paddr_t base = PADDR(w.base.v + ((u64)w.first_bus << 20));

		if (port_mmio_map(base, size, &regs) ||
		    !pci_add_ecam(w.segment, w.first_bus, w.last_bus, &regs))
			port_log(LOG_WARN, "configuration window of segment %u cannot be mapped",
				 w.segment);
	}
}

/* Sort by address; where entries overlap, RAM gives way to anything else. */
static u32 copy_memory(const struct boot_info *b, const struct firmware *f,
		       struct machine_memory *out)
{
	u32 n = 0;

	for (u32 i = 0; i < b->nmemory; i++) {
		struct machine_memory m = {
		    .base = PADDR(b->memory[i].base),
		    .size = b->memory[i].size,
		    .kind = b->memory[i].kind,
		};
		u32 at = n++;

		if (f->srat.size)
			m.node = srat_memory_node(port_va(f->srat.pa), m.base);
		for (; at && out[at - 1].base.v > m.base.v; at--)
			out[at] = out[at - 1];
		out[at] = m;
	}
	for (u32 i = 0; i + 1 < n; i++) {
		struct machine_memory *a = &out[i], *c = &out[i + 1];
		u64 end = a->base.v + a->size;

		if (end <= c->base.v)
			continue;
		if (a->kind != MEMORY_RAM && c->kind == MEMORY_RAM) {
			u64 cut = min_u64(end - c->base.v, c->size);

			c->base.v += cut;
			c->size -= cut;
		} else {
			a->size = c->base.v - a->base.v;
		}
	}
	u32 kept = 0;

	for (u32 i = 0; i < n; i++)
		if (out[i].size)
			out[kept++] = out[i];
	return kept;
}

int machine_find(const struct boot_info *b, const struct firmware *f, struct machine *out)
{
	paddr_t pa;
	u32 r[4], online = 0;
	struct machine_cpu *list = heap_alloc(ncpus * sizeof(*list), &pa);
	struct machine_memory *memory = heap_alloc(b->nmemory * sizeof(*memory), &pa);

	*out = (struct machine){.virtualization = true, .nested_paging = true};
	cpuid(0, 0, r);
	memcpy(out->vendor, &r[1], 4);
	memcpy(out->vendor + 4, &r[3], 4);
	memcpy(out->vendor + 8, &r[2], 4);
	cpuid(0x80000008, 0, r);
	out->phys_bits = r[0] & 0xff;
	out->x2apic = apic_has_x2apic();
	for (u32 i = 0; i < ncpus; i++) {
		const struct cpu *c = &cpus[i];

		if (!c->online)
			continue;
		list[online++] = (struct machine_cpu){
		    .apic_id = c->apic_id,
		    .package = c->package,
		    .core = c->core,
		    .thread = c->thread,
		    .node = f->srat.size ? srat_cpu_node(port_va(f->srat.pa), c->apic_id) : 0,
		};
	}
	out->cpus = list;
	out->ncpus = online;
	out->boot_cpu = 0;
	out->boot = (struct machine_boot){
	    .hv_base = PADDR(HV_LOAD_ADDRESS),
	    .hv_size = HV_MEMORY(ncpus),
	    .bundle_size = b->bundle_size,
	};
	out->memory = memory;
	out->nmemory = copy_memory(b, f, memory);
	return OK;
}
