/*
 * The plan: who owns which core, range and device. Intent and facts are resolved before it exists:
 * every number in it is physical and final. The tool makes it, the blob carries it, prove() accepts
 * or refuses it, the hypervisor carries it out. Nothing in it names a processor vendor.
 *
 * All arrays and strings belong to whoever built the struct (the blob decoder: its arena).
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/machine.h"

struct plan_range {
	paddr_t base;
	u64 size; /* bytes, multiple of PAGE_SIZE */
};

/*
 * Guest RAM is dealt out in whole 2 MiB: the hypervisor reaches it through windows of that size,
 * which must show nobody else's memory.
 */
#define PLAN_RAM_ALIGN MIB(2)

/* A piece of guest RAM. gpa and hpa agree modulo the largest leaf wanted (1 GiB where possible). */
struct plan_ram {
	gpa_t gpa;
	paddr_t hpa;
	u64 size;
};

enum plan_boot_kind {
	BOOT_AUTO, /* by what the file is: ELF with a PVH note, or bzImage */
	BOOT_PVH,
	BOOT_BZIMAGE,
};

struct plan_device {
	struct pci_path path; /* identity: path, ids and, unless 0, serial must match at boot */
	u16 vendor, device, subvendor, subdevice;
	u64 serial;
	const char *rom;    /* bundle member, NULL: the device's own */
	u8 guest_devfn;	    /* place on the guest's bus 0, or 0xff: chosen */
	bool keep_reserved; /* its RMRR/IVMD ranges stay mapped */
	bool sriov_vfs; /* the hypervisor enables VFs of this function; it is not assigned itself */
	u16 num_vfs;
	bool p2p; /* may reach the other devices of its workstation directly */
};

/* Rights of a workstation (bits); `service` may read the counters page and the control channel. */
enum plan_right { RIGHT_SERVICE = 1 };

struct plan_workstation {
	const char *name; /* 1..31 characters of [a-z0-9-] */
	u8 uuid[16];
	const char *serial; /* SMBIOS system serial number, may be "" */
	u32 rights;
	u32 ncpus, nram, ndevices;
	const u32 *cpus;	    /* physical APIC ids; index = virtual CPU = virtual APIC id */
	const struct plan_ram *ram; /* sorted by gpa */
	struct plan_range grant; /* tables and state of this workstation, see plan_grant_size() */
	enum plan_boot_kind boot;
	const char *kernel;  /* bundle member */
	const char *initrd;  /* bundle member or NULL */
	const char *cmdline; /* may be "" */
	bool autostart;
	const struct plan_device *devices;
};

struct plan {
	struct plan_range hv;	  /* image, heap and per-core memory: HV_LOAD_ADDRESS and up */
	struct plan_range bundle; /* where the boot bundle is kept for restarts */
	u32 host_cpu;		  /* physical APIC id of the BSP; its siblings are host core too */
	u8 log_level;		  /* enum log_level */
	u32 nworkstations;
	const struct plan_workstation *workstations;
};

/* A plan beyond these is no machine's and is refused before anything is compared. */
#define PLAN_RAM_MAX	 64u /* pieces a workstation */
#define PLAN_NAME_MAX	 31u
#define PLAN_STRING_MAX	 1023u	/* serial, bundle members */
#define PLAN_CMDLINE_MAX 65535u /* Linux takes 2047, other kernels more */

/*
 * Bytes a workstation's grant needs: second-level tables for its RAM (of the processor, and of the
 * IOMMU when it has devices; at 2 MiB leaves, so that it suffices on machines without 1 GiB ones),
 * per-core control blocks, permission maps, platform state, ACPI images, and for every device its
 * windows and interrupt entries. Linear in cpus, RAM and devices; a multiple of 64 KiB. The tool
 * allots at least this; prove() checks it. A shape that prove() refuses gives some value.
 */
u64 plan_grant_size(const struct plan_workstation *ws);

/* What plan_grant_size() allows for besides tables. */
#define GRANT_FIXED	 KIB(512)
#define GRANT_PER_CPU	 KIB(32)
#define GRANT_PER_DEVICE KIB(256)

/* Bytes of RAM; does the guest have exactly the same resources and start the same way? */
u64 plan_memory(const struct plan_workstation *ws);
bool plan_workstation_equal(const struct plan_workstation *a, const struct plan_workstation *b);
