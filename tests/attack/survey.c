/* Functions of the machine, the firmware's tables, the units, two domains. */
#include "iommu/amdvi/amdvi.h"
#include "iommu/group.h"
#include "iommu/vtd/vtd.h"
#include "attack.h"

#define FUNCTIONS 64

struct iommu iommu;
struct iommu_domain domain_a, domain_b;
bool intel;

static struct iommu_function function[FUNCTIONS];
static u32 nfunctions, device_of[FUNCTIONS];
static struct pool hv, grant_a, grant_b;
static u64 table_memory[8192];

static void must(int err, const char *what)
{
	if (err)
		fatal("%s: %s", what, err_text(err));
}

static bool has_acs(struct bdf bdf)
{
	u16 at = 0x100;

	for (u32 i = 0; at >= 0x100 && i < 100; i++) {
		u32 head = port_pci_read(bdf, at, 4);

		if ((head & 0xffff) == 0x000d)
			return true;
		at = (u16)(head >> 20);
	}
	return false;
}

static enum iommu_port port_type(struct bdf bdf, bool express)
{
	static const enum iommu_port types[16] = {
	    [0] = PORT_ENDPOINT, [1] = PORT_ENDPOINT,	[4] = PORT_ROOT,
	    [5] = PORT_UPSTREAM, [6] = PORT_DOWNSTREAM, [7] = PORT_TO_PCI,
	    [8] = PORT_FROM_PCI, [9] = PORT_INTEGRATED, [10] = PORT_EVENT,
	};
	u16 at = (u16)pci_capability(place_of(bdf), 0x10);

	return express ? types[port_pci_read(bdf, (u16)(at + 2), 2) >> 4 & 15] : PORT_CONVENTIONAL;
}

static void add_function(struct bdf bdf)
{
	struct iommu_function *f = &function[nfunctions];
	u32 header = port_pci_read(bdf, 0x0e, 1);
	u16 msix = (u16)pci_capability(place_of(bdf), 0x11);
	bool express = pci_capability(place_of(bdf), 0x10);

	if (nfunctions++ == FUNCTIONS)
		fatal("more functions than this program was made for");
	f->bdf = bdf;
	f->path = (struct pci_path){.depth = 1}; /* one root bus, number 0 */
	f->vendor = (u16)port_pci_read(bdf, 0, 2);
	f->device = (u16)port_pci_read(bdf, 2, 2);
	f->class_code = port_pci_read(bdf, 8, 4) >> 8;
	f->port = port_type(bdf, express);
	f->bridge = (header & 0x7f) == 1;
	f->multifunction = port_pci_read((struct bdf){0, bdf.bus, bdf.devfn & 0xf8}, 0x0e, 1) >> 7;
	f->acs = express && has_acs(bdf);
	f->interrupts = msix ? (u16)((port_pci_read(bdf, (u16)(msix + 2), 2) & 0x7ff) + 1) : 8;
	if (f->bridge) {
		f->secondary = (u8)port_pci_read(bdf, 0x19, 1);
		f->subordinate = (u8)port_pci_read(bdf, 0x1a, 1);
	}
}

static void scan(void)
{
	for (u32 bus = 0; bus <= machine.ecam_last; bus++)
		for (u32 devfn = 0; devfn < 256; devfn++) {
			struct bdf bdf = {0, (u8)bus, (u8)devfn};
			struct bdf first = {0, (u8)bus, (u8)(devfn & 0xf8)};

			if (port_pci_read(bdf, 0, 2) == 0xffff)
				continue;
			if (devfn & 7 && !(port_pci_read(first, 0x0e, 1) & 0x80))
				continue;
			/* DMA off until it is somebody's */
			port_pci_write(bdf, 4, 2, port_pci_read(bdf, 4, 2) & ~4u);
			add_function(bdf);
		}
	functions_link(function, nfunctions);
}

static void read_tables(struct iommu_tables *tables, struct dmar *dmar, struct ivrs *ivrs)
{
	const u8 *t = acpi_find("DMAR");
	u32 length;

	intel = t;
	if (!t)
		t = acpi_find("IVRS");
	if (!t)
		fatal("the machine has no IOMMU");
	length = *(const u32 *)(t + 4);
	if (intel) {
		must(dmar_parse(t, length, table_memory, sizeof(table_memory), dmar, NULL, NULL),
		     "DMAR");
		tables->dmar = dmar;
	} else {
		must(ivrs_parse(t, length, table_memory, sizeof(table_memory), ivrs, NULL, NULL),
		     "IVRS");
		tables->ivrs = ivrs;
	}
}

static void make_domains(void)
{
	static u32 cpu_a, cpu_b;

	cpu_a = cpus[0].apic_id;
	cpu_b = cpus[1].apic_id;
	pool_init(&grant_a, PADDR(GRANT_A), GRANT_SIZE);
	pool_init(&grant_b, PADDR(GRANT_B), GRANT_SIZE);
	must(iommu_domain_init(&domain_a, &iommu, 0, &grant_a, &cpu_a, 1), "domain A");
	must(iommu_domain_init(&domain_b, &iommu, 1, &grant_b, &cpu_b, 1), "domain B");
	must(iommu_map(&domain_a, IOVA(IOVA_A), PADDR(MEMORY_A), MEMORY_SIZE, PT_RW), "map");
	must(iommu_map(&domain_a, IOVA(IOVA_SMALL), PADDR(MEMORY_A + MIB(1) + PAGE_SIZE), MIB(1),
		       PT_RW),
	     "map small");
	must(iommu_map(&domain_a, IOVA(IOVA_RO), PADDR(MEMORY_A + MIB(4)), PAGE_SIZE, PT_R),
	     "map RO");
	must(iommu_map(&domain_a, IOVA(IOVA_WO), PADDR(MEMORY_A + MIB(5)), PAGE_SIZE, PT_W),
	     "map WO");
	must(iommu_map(&domain_a, IOVA(IOVA_HUGE), PADDR(HUGE_A), GIB(1), PT_RW), "map huge");
	must(iommu_map(&domain_b, IOVA(0), PADDR(MEMORY_B), MEMORY_SIZE, PT_RW), "map B");
	/* to see that a success would be seen: give away what no plan would */
	if (option("sabotage"))
		must(iommu_map(&domain_a, IOVA(MEMORY_B), PADDR(MEMORY_B), PAGE_SIZE, PT_RW),
		     "sabotage");
}

void survey(void)
{
	static struct group_member member[FUNCTIONS];
	static u32 group[FUNCTIONS];
	struct iommu_tables tables = {NULL, NULL};
	static struct dmar dmar;
	static struct ivrs ivrs;

	scan();
	read_tables(&tables, &dmar, &ivrs);
	group_compute(function, nfunctions, tables.ivrs, member);
	for (u32 i = 0; i < nfunctions; i++)
		group[i] = member[i].group;
	pool_init(&hv, PADDR(HV_POOL), HV_POOL_MAX);
	must(iommu_describe(&iommu, intel ? &vtd_ops : &amdvi_ops, &tables, function, nfunctions,
			    group, apic_x2, &hv, device_of),
	     "describing the machine");
	must(iommu_start(&iommu), "starting the units");
	print(
	    "%s: %u unit(s), %u functions, %u devices, %u levels, leaves up to %s, %s destinations\n",
	    iommu.ops->name, iommu.nunits, nfunctions, iommu.ndevices, iommu.levels,
	    iommu.caps.leaf_max == PT_LEAF_1G ? "1 GiB" : "2 MiB or less",
	    iommu.caps.x2apic && apic_x2 ? "32-bit" : "8-bit");
	make_domains();
}

struct bdf find_function(u16 vendor, u16 device, u32 nth)
{
	for (u32 i = 0; i < nfunctions; i++)
		if (function[i].vendor == vendor && function[i].device == device && !nth--)
			return function[i].bdf;
	fatal("no function %04x:%04x", vendor, device);
}

struct iommu_device *device_at(struct bdf bdf)
{
	for (u32 i = 0; i < nfunctions; i++)
		if (bdf_rid(function[i].bdf) == bdf_rid(bdf) && device_of[i] != NO_DEVICE)
			return &iommu.devices[device_of[i]];
	fatal("%02x:%02x.%x is behind no unit", bdf.bus, bdf.devfn >> 3, bdf.devfn & 7);
}
