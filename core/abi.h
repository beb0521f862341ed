/*
 * What the hypervisor and the programs around it agree on: the counters page and the boot bundle.
 * The plan blob's layout is private to core/partition (blob_format.h); its magic is here to recognise it.
 *
 * Everything is little-endian, naturally aligned, versioned. Numbers only grow; a reader that finds
 * a later minor version ignores what it does not know, another major version is refused.
 */
#pragma once

#include "core/base/types.h"

/* ---- the boot bundle ------------------------------------------------------------------------ */

/*
 * One newc cpio archive (the format of Linux initrds) serves all three boot entries. Its member
 * `plan` is the blob; every other member is a kernel, initrd or ROM that the blob names.
 */
#define BUNDLE_PLAN_NAME "plan"

/*
 * On a medium that UEFI starts: BOOTX64.EFI in its usual place, two bundles and which of them to
 * start (core/base/slots.h). Paths from the volume's root.
 */
#define MEDIUM_FOLDER	   "/caprock"
#define MEDIUM_STATE	   MEDIUM_FOLDER "/slots.txt"
#define MEDIUM_BUNDLE	   MEDIUM_FOLDER "/a.bundle" /* or b.bundle */
#define MEDIUM_BUNDLE_SLOT 9			     /* index of the slot's letter in it */

/* ---- where the hypervisor lives ------------------------------------------------------------- */

/*
 * Physical load address of the image. From there: the fixed part, the tables of the remapping units
 * (AMD-Vi: 2 MiB a PCI segment), and the cores' part.
 */
#define HV_LOAD_ADDRESS	   MIB(16)
#define HV_MEMORY_FIXED	   MIB(4)
#define HV_MEMORY_IOMMU	   MIB(8)
#define HV_MEMORY_PER_CORE KIB(64)
#define HV_MEMORY(cores)   (HV_MEMORY_FIXED + HV_MEMORY_IOMMU + (cores)*HV_MEMORY_PER_CORE)

/* ---- the counters page ---------------------------------------------------------------------- */

#define COUNTERS_MAGIC	 0x524e544b43504143ull /* "CAPCKTNR" */
#define COUNTERS_VERSION 1
#define COUNTERS_NAME	 32

/* Why a guest core came to the hypervisor. The order is ABI: append only. */
enum exit_cause {
	EXIT_CPUID,
	EXIT_MSR_READ,
	EXIT_MSR_WRITE,
	EXIT_IPI,  /* a write of the interrupt command register */
	EXIT_APIC, /* any other trapped local APIC register */
	EXIT_IO,
	EXIT_MMIO,
	EXIT_CR,
	EXIT_XSETBV,
	EXIT_CACHE,	/* INVD, WBINVD */
	EXIT_EXCEPTION, /* #DB, #AC, #MC */
	EXIT_NMI,	/* the kick */
	EXIT_IRET,	/* NMI window */
	EXIT_REFUSED,	/* instructions a guest does not have */
	EXIT_SHUTDOWN,
	EXIT_OTHER,
	EXIT_CAUSES,
};

enum workstation_state {
	WS_EMPTY,
	WS_STARTING,
	WS_RUNNING,
	WS_STOPPING,
	WS_OFF,	   /* powered off by its guest or by request */
	WS_FAILED, /* stopped by an error; the log says which */
};

struct counters_cpu {
	u32 apic_id;	 /* physical */
	u32 workstation; /* index, ~0: host core or spare */
	u64 exits[EXIT_CAUSES];
};

struct counters_workstation {
	char name[COUNTERS_NAME]; /* NUL-terminated */
	u32 state;		  /* enum workstation_state */
	u32 cpus;
	u64 memory;	  /* bytes of guest RAM */
	u64 table_memory; /* bytes of its grant in use for tables */
	u64 started_ns;	  /* hypervisor time of the last start */
	u64 starts;	  /* 1 after boot, then one more a restart */
	u64 iommu_faults;
	u64 refused; /* wild accesses dropped: unknown ports, MMIO, MSRs */
	u64 device_interrupts_refused;
	u64 reserved[4];
};

/* What a PCI function is, from nobody's to its guest's. The order is ABI: append only. */
enum device_state {
	DEVICE_QUARANTINED, /* no DMA, no interrupts: nobody's, or on its way */
	DEVICE_RUNNING,	    /* its workstation's */
	DEVICE_SILENCED,    /* its workstation's, blocked because it stormed */
	DEVICE_PARKED,	    /* it did not come back from a reset */
	DEVICE_UNCOVERED,   /* behind no remapping unit: never assigned */
};

/* One PCI function that is no bridge. */
struct counters_device {
	u16 segment;
	u8 bus, devfn;
	u16 vendor, device;
	u32 class_code;
	u32 workstation; /* index, ~0: nobody's */
	u32 state;	 /* enum device_state */
	u32 interrupts;	 /* remapping entries it has now */
	u64 faults;	 /* blocked requests, ever */
	u64 resets;	 /* done by the hypervisor, ever */
	u64 reserved[4];
};

/*
 * Lies in hypervisor memory, page-aligned; the log line "counters at 0x... size N" gives its place.
 * The entries of the three tables follow the header, found by offset and stride from its start.
 * A copy in whose time `sequence` moved, or was odd, may be half old: take another.
 */
struct counters {
	u64 magic;
	u32 version;
	u32 size; /* bytes of header and tables */
	u64 tsc_hz;
	u64 now_ns;    /* written by the host core several times a second */
	u64 hv_memory; /* bytes of fixed and per-core hypervisor memory */
	u64 iommu_faults;
	u32 workstations, ws_offset, ws_stride;
	u32 cpus, cpu_offset, cpu_stride;
	u32 devices, dev_offset, dev_stride;
	u32 sequence;	  /* odd while the host core writes above and the devices' rows */
	u64 iommu_memory; /* bytes of remapping units' tables */
	u64 reserved[5];
};
