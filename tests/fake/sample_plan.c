#include <string.h>

#include "core/abi.h"
#include "core/port.h"
#include "tests/fake/sample_plan.h"

struct machine sample_machine;
struct machine_cpu sample_cpus[8];
struct machine_memory sample_memory[4];
struct machine_function sample_functions[SAMPLE_FUNCTIONS];
struct machine_reserved sample_reserved[1];
struct plan sample_plan;
struct plan_workstation sample_ws[2];
u32 sample_ws_cpus[2][2];
struct plan_ram sample_ram[2][2];
struct plan_device sample_devices[2][2];

static void function(enum sample_function i, u8 bus, u8 devfn, u16 vendor, u16 device, u32 group,
		     u8 resets)
{
	struct machine_function *f = &sample_functions[i];

	*f = (struct machine_function){
	    .bdf = {0, bus, devfn},
	    .path = {.depth = 1, .devfn = {devfn}},
	    .vendor = vendor,
	    .device = device,
	    .subvendor = 0x1028,
	    .subdevice = (u16)i,
	    .class_code = 0x020000,
	    .resets = resets,
	    .msi = true,
	    .msix_vectors = 8,
	    .group = group,
	};
	if (bus)
		f->path = (struct pci_path){.depth = 2, .devfn = {0x08, devfn}};
}

struct plan_device sample_device(enum sample_function i)
{
	const struct machine_function *f = &sample_functions[i];

	return (struct plan_device){
	    .path = f->path,
	    .vendor = f->vendor,
	    .device = f->device,
	    .subvendor = f->subvendor,
	    .subdevice = f->subdevice,
	    .serial = f->serial,
	    .guest_devfn = 0xff,
	};
}

static void reset_machine(void)
{
	function(SAMPLE_PORT, 0, 0x08, 0x8086, 0x1901, 0, 0);
	function(SAMPLE_GPU, 1, 0x00, 0x10de, 0x1b80, 1, RESET_FLR | RESET_BUS);
	function(SAMPLE_AUDIO, 1, 0x01, 0x10de, 0x10f0, 1, RESET_BUS);
	function(SAMPLE_NIC, 0, 0x18, 0x8086, 0x10c9, 2, RESET_FLR);
	function(SAMPLE_USB, 0, 0xa0, 0x8086, 0xa12f, 3, RESET_FLR);
	function(SAMPLE_SATA, 0, 0xb8, 0x8086, 0xa102, 4, RESET_FLR);
	function(SAMPLE_OLD, 0, 0xd8, 0x1102, 0x0012, 5, 0);
	sample_functions[SAMPLE_PORT].header_type = 1;
	sample_functions[SAMPLE_PORT].class_code = 0x060400;
	sample_functions[SAMPLE_NIC].serial = 0xa0369fffff123456ull;
	sample_functions[SAMPLE_NIC].vfs = 7;
	sample_functions[SAMPLE_SATA].boot_medium = true;
	sample_reserved[0] = (struct machine_reserved){SAMPLE_USB, PADDR(0x7f800000), KIB(128)};
	for (u32 i = 0; i < 8; i++)
		sample_cpus[i] = (struct machine_cpu){i, 0, i / 2, i % 2, 0};
	sample_memory[0] = (struct machine_memory){PADDR(0), KIB(640), MEMORY_RAM, 0};
	sample_memory[1] = (struct machine_memory){PADDR(MIB(1)), GIB(2) - MIB(17), MEMORY_RAM, 0};
	sample_memory[2] =
	    (struct machine_memory){PADDR(GIB(2) - MIB(16)), MIB(16), MEMORY_RESERVED, 0};
	sample_memory[3] = (struct machine_memory){PADDR(GIB(4)), GIB(4), MEMORY_RAM, 0};
	sample_machine = (struct machine){
	    .vendor = "AuthenticAMD",
	    .virtualization = true,
	    .nested_paging = true,
	    .x2apic = true,
	    .iommu = true,
	    .interrupt_remapping = true,
	    .phys_bits = 40,
	    .ncpus = 8,
	    .nmemory = 4,
	    .nfunctions = SAMPLE_FUNCTIONS,
	    .nreserved = 1,
	    .cpus = sample_cpus,
	    .memory = sample_memory,
	    .functions = sample_functions,
	    .reserved = sample_reserved,
	};
}

static void workstation(u32 w, const char *name, u32 first_cpu, u64 grant)
{
	sample_ws_cpus[w][0] = first_cpu;
	sample_ws_cpus[w][1] = first_cpu + 1;
	sample_ws[w] = (struct plan_workstation){
	    .name = name,
	    .uuid = {(u8)(w + 1)},
	    .serial = w ? "" : "CR-0001",
	    .rights = w ? 0 : RIGHT_SERVICE,
	    .ncpus = 2,
	    .cpus = sample_ws_cpus[w],
	    .ram = sample_ram[w],
	    .grant = {PADDR(grant), MIB(8)},
	    .kernel = "vmlinuz",
	    .initrd = w ? NULL : "initrd",
	    .cmdline = w ? "" : "console=ttyS0",
	    .autostart = true,
	    .devices = sample_devices[w],
	};
}

void sample_reset(void)
{
	reset_machine();
	sample_devices[0][0] = sample_device(SAMPLE_GPU);
	sample_devices[0][0].rom = "gpu.rom";
	sample_devices[0][1] = sample_device(SAMPLE_AUDIO);
	sample_devices[1][0] = sample_device(SAMPLE_NIC);
	sample_ram[0][0] = (struct plan_ram){GPA(0), PADDR(GIB(5)), GIB(1)};
	sample_ram[1][0] = (struct plan_ram){GPA(0), PADDR(MIB(256)), MIB(32)};
	sample_ram[1][1] = (struct plan_ram){GPA(MIB(32)), PADDR(MIB(512)), MIB(32)};
	workstation(0, "alpha", 2, MIB(64));
	workstation(1, "beta", 4, MIB(72));
	sample_ws[0].nram = 1;
	sample_ws[0].ndevices = 2;
	sample_ws[1].nram = 2;
	sample_ws[1].ndevices = 1;
	sample_plan = (struct plan){
	    .hv = {PADDR(HV_LOAD_ADDRESS), HV_MEMORY(8)},
	    .bundle = {PADDR(MIB(32)), MIB(16)},
	    .host_cpu = 0,
	    .log_level = LOG_INFO,
	    .nworkstations = 2,
	    .workstations = sample_ws,
	};
}
