/*
 * A machine's facts as `caprock probe` writes them down and the other verbs read them back: all
 * that core/partition's struct machine has, and what people and rules want to know besides.
 *
 * The file is a mirror of these structs: profiles/host/facts/schema.c names every member once, and the
 * writers, the reader and the comparison follow it.
 *
 * Everything a struct points to belongs to whoever built it and outlives it. Lists are a pointer and
 * a number. Strings are NUL-terminated UTF-8, NULL when nothing is known. All sizes are bytes.
 */
#pragma once

#include "core/base/arena.h"
#include "core/partition/machine.h"

#define FACTS_VERSION 1
#define FACTS_UNKNOWN (~0u) /* a node, group or index that nobody told */

struct facts_cpu {
	u32 apic_id;
	u32 package, core, thread; /* equal package and core: siblings */
	u32 node;
};

struct facts_processors {
	const char *vendor; /* CPUID leaf 0: "GenuineIntel" */
	const char *model;  /* as the processor calls itself */
	bool svm, vmx;
	bool
	    virtualization; /* SVM or VMX, and firmware did not lock it off, as far as one can see */
	bool nested_paging; /* NPT, or EPT */
	bool x2apic;
	bool smt;	  /* some core has more than one thread */
	u8 phys_bits;	  /* width of physical addresses, 0: unknown */
	u32 boot_apic_id; /* the BSP */
	const struct facts_cpu *cpus;
	u32 ncpus;
};

struct facts_node {
	u32 id;
	u64 memory;
	const u32 *distances; /* to each node of the list, in its order (SLIT: 10 is local) */
	u32 ndistances;
};

struct facts_memory {
	u64 base, size;
	u32 kind; /* enum memory_kind */
	u32 node;
	const char *what; /* firmware's word for it: "System RAM", "ACPI tables" */
};

/* ---- IOMMUs -------------------------------------------------------------------------------- */

enum facts_iommu_kind { FACTS_NO_IOMMU, FACTS_VTD, FACTS_AMDVI };

struct facts_unit {
	u16 segment;
	u64 registers, register_size;
	bool rest;    /* covers all functions of the segment that no other unit names */
	u64 features; /* AMD-Vi: EFR image; VT-d: 0 in the table, the unit itself tells */
	u32 node;     /* FACTS_UNKNOWN: no table says */
	const char *const *scopes;
	u32 nscopes;
};

struct facts_reserved {
	u64 base, size;
	bool read, write;
	const char *const *scopes; /* as the table says it */
	u32 nscopes;
	const struct bdf *functions; /* of those functions that are there */
	u32 nfunctions;
};

/* Something odd, or a firmware switch that looks off. */
struct facts_note {
	const char *level; /* "info", "odd", "error" */
	const char *name;  /* stable, kebab-case */
	const char *text;
	const char *remedy; /* what to look for, under which names; NULL: nothing to be done */
};

struct facts_iommu {
	u32 kind;  /* enum facts_iommu_kind */
	u32 units; /* how many, as nunits */
	u32 rmrr;  /* RMRRs or IVMDs, as nreserved */
	bool interrupt_remapping;
	bool complete; /* the table was read to its end; false: nothing is assignable */
	bool x2apic_opt_out;
	u8 address_bits; /* of DMA addresses; 0: the table does not tell */
	const struct facts_unit *unit_list;
	u32 nunits;
	const struct facts_reserved *reserved;
	u32 nreserved;
	const struct facts_note *notes;
	u32 nnotes;
};

/* ---- PCI functions ------------------------------------------------------------------------- */

struct facts_bar {
	u8 index;	/* 0..5 */
	u64 base, size; /* size 0: there is one, but a dump does not tell how large */
	bool io, is64, prefetch;
};

struct facts_capability {
	u16 id;
	u16 offset; /* from 100h: extended */
	const char *name;
};

/* The kernel's own answers about a function bound to vfio-pci (linux/vfio.h). */
struct facts_region {
	u32 index; /* VFIO_PCI_BAR0_REGION_INDEX ... */
	u64 size;
	bool read, write, mmap;
};

struct facts_interrupts {
	u32 index; /* VFIO_PCI_INTX_IRQ_INDEX ... */
	u32 count;
};

struct facts_vfio {
	bool bound;  /* false: the rest says nothing */
	bool viable; /* the kernel would hand over its group */
	bool reset;
	const struct facts_region *regions;
	u32 nregions;
	const struct facts_interrupts *interrupts;
	u32 ninterrupts;
};

enum facts_rom {
	FACTS_ROM_NONE,
	FACTS_ROM_PRESENT,  /* there is a BAR for one; not looked into */
	FACTS_ROM_READABLE, /* begins with 55AAh */
	FACTS_ROM_BAD,	    /* does not, or cannot be read */
	FACTS_ROM_SHADOW,   /* a copy by firmware in low memory only */
};

struct facts_sriov {
	u16 total, initial, enabled; /* total 0: no such capability */
	u16 first_offset, stride, vf_device;
	const struct facts_bar *bars;
	u32 nbars;
};

struct facts_acs {
	bool present;
	u16 capable, enabled; /* registers, PCIe 5.0 §7.7.8 */
};

struct facts_function {
	struct bdf bdf;
	struct pci_path path;
	u16 vendor, device, subvendor, subdevice;
	const char *vendor_name, *device_name, *subsystem_name, *class_name; /* of pci.ids */
	u32 class_code;							     /* 24 bits */
	u8 revision;
	u8 header_type; /* 0 endpoint, 1 bridge, 2 CardBus */
	bool multifunction;
	u8 secondary, subordinate; /* of a bridge */
	u32 port;		   /* enum iommu_port */
	u64 serial;		   /* 0: none */
	u32 node;		   /* FACTS_UNKNOWN: firmware does not say */
	u8 resets;		   /* enum reset_method bits */
	u8 msi_vectors;		   /* 0: no MSI */
	u16 msix_vectors;	   /* 0: no MSI-X */
	bool ats;
	struct facts_acs acs;
	struct facts_sriov sriov;
	bool is_vf;
	struct bdf pf; /* when is_vf */
	const struct facts_bar *bars;
	u32 nbars;
	u64 rom_size;
	u32 rom; /* enum facts_rom */
	const struct facts_capability *capabilities;
	u32 ncapabilities;
	u16 config_size;    /* bytes of config space that could be read: 64, 256, 4096 */
	u32 group;	    /* as computed from topology and access control; equal: inseparable */
	u32 kernel_group;   /* as Linux numbers it, FACTS_UNKNOWN: it has no IOMMU on */
	const char *driver; /* of Linux, NULL: none */
	bool boot_display;  /* the firmware's framebuffer lies in one of its BARs */
	/*
	 * The system that probe ran on started from it. Caprock's own medium may be another: then
	 * people change the file.
	 */
	bool boot_medium;
	bool assignable;
	const char *because; /* why not; or a word of caution */
	const char *unfit;   /* as machine_function.unfit: what no plan and no setting changes */
	struct facts_vfio vfio;
};

/* ---- displays ------------------------------------------------------------------------------ */

struct facts_mode {
	u32 width, height;
	u32 millihertz;
	bool preferred;
};

struct facts_output {
	const char *name; /* "DP-1" */
	bool connected;
	u32 width_mm, height_mm;
	const char *monitor; /* from the EDID */
	const char *edid;    /* hexadecimal, NULL: none */
	const struct facts_mode *modes;
	u32 nmodes;
};

struct facts_gpu {
	struct bdf bdf;
	const char *driver; /* its DRM driver, NULL: none is bound, so outputs are not known */
	u64 memory;	    /* of its own; 0: not known */
	const struct facts_output *outputs;
	u32 noutputs;
};

struct facts_firmware {
	const char *vendor, *version, *date; /* of BIOS or UEFI */
	const char *system_vendor, *product, *board;
	const char *boot; /* "uefi", "bios" */
};

struct facts {
	u32 version;		    /* FACTS_VERSION */
	const char *source;	    /* "hardware", or the names of the dumps */
	const char *const *missing; /* a sentence each: what could not be read, and how it could */
	u32 nmissing;
	struct facts_firmware firmware;
	struct facts_processors processors;
	const struct facts_node *nodes;
	u32 nnodes;
	const struct facts_memory *memory; /* sorted by base, not overlapping */
	u32 nmemory;
	struct facts_iommu iommu;
	const struct facts_function *functions; /* sorted by segment, bus, device, function */
	u32 nfunctions;
	const struct facts_gpu *gpus;
	u32 ngpus;
};

/* Bytes an arena needs at most for facts_machine(). */
u64 facts_machine_memory(const struct facts *f);

/*
 * What prove() has to know. Arrays are taken from `a`; texts stay those of `f`. Nodes that nobody told are 0.
 * ERR_NOMEM when the arena is too small; ERR_NOENT when the boot processor or a virtual function's
 * physical one is not among the lists; ERR_INVAL when the vendor's name is too long or two functions
 * or processors are the same.
 */
__must_check int facts_machine(const struct facts *f, struct arena *a, struct machine *out);

/* Index of a function; FACTS_UNKNOWN when there is none. */
u32 facts_find(const struct facts *f, struct bdf bdf);
