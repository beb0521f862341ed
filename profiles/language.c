/* The keys of the language. A row is read by people: help is what documentation prints. */
#include "core/partition/plan.h"
#include "profiles/profile.h"
#include "vgpu/head.h"

#define NO_LIMIT		 0, 0
#define ROW(type_, member, key_) .key = key_, .type = type_, .offset = offsetof(STRUCT, member)
#define SCHEMA(id, name_, shorthand_, help_) \
	const struct schema schema_##id = {  \
	    name_, help_, shorthand_, id##_fields, ARRAY_SIZE(id##_fields), sizeof(STRUCT)}

const char *const wish_classes[] = {"any",     "display", "audio", "network",
				    "storage", "nvme",	  "usb",   NULL};
const char *const stream_security[] = {"x509plain", "x509none", "x509vnc", "vnc", "none", NULL};
static const char *const functions_words[] = {"one", "all", NULL};
static const char *const boot_words[] = {"auto", "pvh", "bzimage", NULL};
static const char *const role_words[] = {"desk", "service", NULL};
static const char *const log_words[] = {"error", "warning", "info", "debug", NULL};

/* ---- device ---------------------------------------------------------------------------------- */

#define STRUCT struct wish_device
static const struct field device_fields[] = {
    {ROW(FIELD_ADDRESS, address, "device"),
     .help = "Where it is: a bus address as lspci prints it (`01:00.0`, `0000:01:00.0`, "
	     "`pci_0000_01_00_0`), without the function for the whole card (`01:00`), or a path "
	     "from the root bus (`0000:00/1c.0/00.0`), which outlives renumbered buses.",
     .also = "bdf address pci path host hostdev slot"},
    {ROW(FIELD_IDS, ids, "ids"),
     .help = "What it is: `vendor:device`, or with `:subvendor:subdevice`. With `device` a check, "
	     "alone a search.",
     .also = "id vendor pciid pci-id vendor-id device-id"},
    {ROW(FIELD_CHOICE, class, "class"), .words = wish_classes, .fallback = "any",
     .help = "What kind it is. Alone a search for the only one of its kind.", .also = "kind type"},
    {ROW(FIELD_SERIAL, serial, "serial"),
     .help = "Device serial number, as `caprock probe` prints it: only that very card will do.",
     .also = "serial-number"},
    {ROW(FIELD_CHOICE, functions, "functions"), .words = functions_words, .fallback = "one",
     .help = "`all`: every function of the card goes along, as a GPU's audio.",
     .also = "multifunction all"},
    {ROW(FIELD_STRUCTS, any_of, "any-of"), .count_offset = offsetof(STRUCT, nany_of), .min = 1,
     .max = 16, .of = &schema_device,
     .help = "Alternatives, this or that: the first that the machine has is taken.",
     .also = "or oneof one-of alternatives either"},
    {ROW(FIELD_FILE, rom, "rom"), .help = "Option ROM to show instead of the card's own.",
     .also = "romfile rom-file vbios"},
    {ROW(FIELD_SLOT, slot, "guest-slot"),
     .help = "Place on the workstation's own bus, as `04.0`. Not given: chosen.",
     .also = "guest addr"},
    {ROW(FIELD_BOOL, keep_reserved, "keep-reserved"), .fallback = "no",
     .help = "Let the device go on reaching the memory that firmware demands for it (RMRR, IVMD).",
     .also = "rmrr reserved"},
    {ROW(FIELD_TEXT, peer_to_peer, "peer-to-peer"), .min = 1, .max = PLAN_NAME_MAX,
     .fallback = "no", .help = "`own`: may reach the other devices of its workstation directly.",
     .also = "p2p"},
    {ROW(FIELD_COUNT, virtual_functions, "virtual-functions"), .min = 0, .max = 256,
     .fallback = "0",
     .help = "Keep the card with the hypervisor and switch on this many virtual functions "
	     "(SR-IOV), which workstations then own. They are devices of their own: switch as "
	     "many on in Linux before `caprock probe`, so that the machine file has them. "
	     "Experimental for graphics cards.",
     .also = "vfs sriov numvfs num-vfs sr-iov"},
};
SCHEMA(device, "device", "device",
       "A device that a workstation owns: by place, by ids, by class, or the first of several.");
#undef STRUCT

/* ---- head ------------------------------------------------------------------------------------ */

#define STRUCT struct profile_head
static const struct field head_fields[] = {
    {ROW(FIELD_TEXT, output, "output"), .min = 1, .max = 31,
     .help = "Which output of the GPU, as `DP-1`. Not given: the next free one.",
     .also = "connector port"},
    {ROW(FIELD_MODE, mode, "mode"),
     .help =
	 "Resolution and rate, as `2560x1440@60`: the mode that the workstation's kernel starts with and "
	 "prefers. Not given: what the monitor prefers.",
     .also = "resolution size"},
    {ROW(FIELD_FILE, edid, "edid"),
     .help =
	 "EDID to show, whether or not a monitor is plugged in. It lies in the initial RAM disk as "
	 "`/caprock/edid/DP-1.bin`; a root file system that takes its place needs it there, too, or as "
	 "`/lib/firmware/edid/DP-1.bin`.",
     .also = "edid-file"},
};
SCHEMA(head, "head", "output", "A monitor of the workstation.");
#undef STRUCT

/* ---- stream ---------------------------------------------------------------------------------- */

#define STRUCT struct profile_stream
static const struct field stream_fields[] = {
    {ROW(FIELD_COUNT, port, "port"), .min = 1, .max = 65535, .fallback = "5900",
     .help = "TCP port of the streaming agent."},
    {ROW(FIELD_CHOICE, security, "security"), .words = stream_security, .fallback = "x509plain",
     .help = "How viewers log in; the last two are not encrypted.", .also = "auth tls"},
    {ROW(FIELD_COUNT, effort, "effort"), .min = 0, .max = 3, .fallback = "3",
     .help = "Processor time that video may take at most, 0 is least.", .also = "quality preset"},
    {ROW(FIELD_COUNT, viewers, "viewers"), .min = 1, .max = 64, .fallback = "8",
     .help = "Viewers at a time.", .also = "max-viewers clients"},
    {ROW(FIELD_COUNT, idle_minutes, "idle-minutes"), .min = 0, .max = 1440, .fallback = "0",
     .help = "Minutes without input before a viewer is dropped; 0 never.", .also = "idle timeout"},
};
SCHEMA(stream, "stream", NULL,
       "Settings of the streaming agent, which finds them on the kernel's command line.");
#undef STRUCT

/* ---- workstation ----------------------------------------------------------------------------- */

#define STRUCT struct profile
static const struct field workstation_fields[] = {
    {ROW(FIELD_TEXT, name, "name"), .min = 1, .max = PLAN_NAME_MAX,
     .help = "1 to 31 of a-z, 0-9 and -. Not given: the file's name, or workstation-1 and so on.",
     .also = "hostname title"},
    {ROW(FIELD_CHOICE, role, "role"), .words = role_words, .fallback = "desk",
     .help = "`service`: may read the counters and use the control channel.",
     .also = "rights privilege"},
    {ROW(FIELD_COUNT, cores, "cores"), .min = 1, .max = 4096, .fallback = "1",
     .help = "Whole cores, with all their threads.",
     .also = "cpus vcpus vcpu cpu smp core-count ncpus"},
    {ROW(FIELD_CPUS, processors, "processors"),
     .help = "These processors instead of `cores`: APIC ids and ranges, as `[2, 3, 8-11]`.",
     .also = "cpuset cpu-list apic-ids pin vcpupin affinity"},
    {ROW(FIELD_TEXT, near, "near"), .min = 1, .max = 8, .fallback = "gpu",
     .help = "Where cores and memory are taken: `gpu` near its GPU (or first device), `any`, or a "
	     "NUMA node's number.",
     .also = "numa node numa-node"},
    {ROW(FIELD_SIZE, memory, "memory"), .required = true, .min = MIB(64), .max = 1ull << 46,
     .help = "A multiple of 2 MiB.", .also = "ram mem memory-size currentmemory"},
    {ROW(FIELD_FILE, kernel, "kernel"), .required = true,
     .help = "Linux bzImage, or ELF64 with a PVH note.", .also = "image vmlinuz bzimage os"},
    {ROW(FIELD_FILE, initrd, "initrd"), .help = "Initial RAM disk.", .also = "initramfs ramdisk"},
    {ROW(FIELD_TEXT, command_line, "command-line"), .min = 0, .max = PLAN_CMDLINE_MAX,
     .fallback = "", .help = "What the kernel is told.",
     .also = "cmdline append args arguments options kernel-args"},
    {ROW(FIELD_CHOICE, boot, "boot"), .words = boot_words, .fallback = "auto",
     .help = "How the kernel is entered; `auto`: by what the file is.", .also = "entry loader"},
    {ROW(FIELD_BOOL, autostart, "autostart"), .fallback = "yes",
     .help = "Start it when the machine boots.", .also = "auto onboot start"},
    {ROW(FIELD_BOOL, console, "console"), .fallback = "yes",
     .help = "Its serial port is read by people; `no` silences the advice about it.",
     .also = "serial-console tty"},
    {ROW(FIELD_STRUCTS, devices, "devices"), .count_offset = offsetof(STRUCT, ndevices), .min = 0,
     .max = 64, .of = &schema_device, .help = "Devices it owns.",
     .also = "device hostdevs pci hostpci passthrough gpus gpu"},
    {ROW(FIELD_STRUCTS, heads, "heads"), .count_offset = offsetof(STRUCT, nheads), .min = 0,
     .max = HEADS_MAX, .of = &schema_head,
     .help =
	 "Its monitors: checked against the outputs of its GPUs, and told to its kernel, a Linux bzImage.",
     .also = "monitors displays outputs screens display monitor"},
    {ROW(FIELD_UUID, uuid, "uuid"),
     .help = "What SMBIOS says. Not given: made from site and name, the same each time.",
     .also = "guid id"},
    {ROW(FIELD_TEXT, serial, "serial"), .min = 0, .max = 63, .fallback = "",
     .help = "System serial number in SMBIOS.", .also = "serial-number asset"},
    {ROW(FIELD_STRUCT, stream, "stream"), .of = &schema_stream,
     .help = "Settings of the streaming agent.", .also = "streaming vnc agent video"},
};
SCHEMA(workstation, "workstation", NULL,
       "One person's machine: processors, memory, kernel, devices, monitors.");
#undef STRUCT

/* ---- site ------------------------------------------------------------------------------------ */

#define STRUCT struct site_hypervisor
static const struct field hypervisor_fields[] = {
    {ROW(FIELD_CHOICE, log, "log"), .words = log_words, .fallback = "info",
     .help = "How much it says.", .also = "log-level loglevel verbosity"},
};
SCHEMA(hypervisor, "hypervisor", NULL, "Settings of the hypervisor.");
#undef STRUCT

#define STRUCT struct site_emulator
static const struct field emulator_fields[] = {
    {ROW(FIELD_COUNT, cores, "cores"), .min = 2, .max = 255, .fallback = "4",
     .help = "Cores of the emulated machine; the hypervisor keeps one.",
     .also = "cpus smp processors"},
    {ROW(FIELD_COUNT, threads, "threads"), .min = 1, .max = 2, .fallback = "1",
     .help = "Threads a core.", .also = "smt"},
    {ROW(FIELD_SIZE, memory, "memory"), .min = MIB(128), .max = 1ull << 40, .fallback = "4 GiB",
     .help = "Its RAM.", .also = "ram mem"},
};
SCHEMA(emulator, "emulator", NULL, "The machine of a site that names no machine file.");
#undef STRUCT

#define STRUCT struct site
static const struct field site_fields[] = {
    {ROW(FIELD_FILE, machine, "machine"),
     .help = "Facts of the machine, as `caprock probe` wrote them. Not given: the emulator's.",
     .also = "board host facts hardware"},
    {ROW(FIELD_PROFILES, workstations, "workstations"),
     .count_offset = offsetof(STRUCT, nworkstations), .required = true, .min = 1, .max = 4096,
     .of = &schema_workstation, .help = "Its workstations: files, or the keys themselves.",
     .also = "workstation guests vms domains desks"},
    {ROW(FIELD_STRUCT, hypervisor, "hypervisor"), .of = &schema_hypervisor,
     .help = "Settings of the hypervisor.", .also = "caprock vmm"},
    {ROW(FIELD_STRUCT, emulator, "emulator"), .of = &schema_emulator,
     .help = "The emulated machine, when there is no machine file.", .also = "qemu"},
};
SCHEMA(site, "site", NULL, "A machine and the workstations made of it.");
#undef STRUCT

const struct schema *const schemas[] = {
    &schema_site,   &schema_workstation, &schema_device,   &schema_head,
    &schema_stream, &schema_hypervisor,	 &schema_emulator, NULL,
};
