/*
 * The machine as facts: what `caprock probe` wrote down, or what the hypervisor found at boot.
 * The proof (prove.h) takes either, so that the tool can accept nothing that the boot would refuse.
 *
 * All arrays belong to whoever built the struct and outlive it. Strings are NUL-terminated.
 */
#pragma once

#include "core/base/types.h"

struct machine_cpu {
	u32 apic_id; /* physical, from the MADT */
	u32 package, core,
	    thread; /* from CPUID 0Bh/1Fh/8000001Eh; equal package and core: siblings */
	u32 node;   /* proximity domain from the SRAT, 0 when there is none */
};

enum memory_kind {
	MEMORY_RAM,	 /* usable */
	MEMORY_RESERVED, /* firmware, ACPI, persistent: nobody's */
	MEMORY_MMIO,
};

struct machine_memory {
	paddr_t base;
	u64 size;
	enum memory_kind kind;
	u32 node;
};

/*
 * Where a function sits, stable over renumbering of buses: the root bus' host bridge, then the
 * device and function of each bridge on the way, then its own (as in DMAR scopes, VT-d §8.3.1).
 */
#define PCI_PATH_MAX 16
struct pci_path {
	u16 segment;
	u8 root_bus; /* bus number of the host bridge's root bus, assigned by firmware tables */
	u8 depth;    /* hops used, at least 1 */
	u8 devfn[PCI_PATH_MAX];
};

struct machine_bar {
	u64 base, size; /* size 0: not implemented */
	bool io, is64, prefetch;
};

enum reset_method { RESET_FLR = 1, RESET_AF_FLR = 2, RESET_PM = 4, RESET_BUS = 8 };

struct machine_function {
	struct bdf bdf;
	struct pci_path path;
	u16 vendor, device, subvendor, subdevice;
	u32 class_code; /* 24 bits: base, sub, interface */
	u64 serial;	/* Device Serial Number capability, 0: none */
	u8 header_type; /* 0 endpoint, 1 bridge */
	u8 resets;	/* enum reset_method bits */
	bool msi;
	u32 msix_vectors;
	bool ats, sriov, is_vf;
	u16 pf;		   /* index of the physical function when is_vf */
	bool boot_display; /* the firmware's framebuffer lies in one of its BARs */
	u32 group;	   /* isolation group, numbered by the IOMMU part; equal: inseparable */
	u32 node;
	struct machine_bar bar[6];
	u64 rom_size;
};

/* An RMRR or IVMD: firmware says this device must keep reaching this memory. */
struct machine_reserved {
	u32 function; /* index into functions */
	paddr_t base;
	u64 size;
};

struct machine {
	char vendor[13];     /* CPUID leaf 0 */
	bool virtualization; /* SVM or VMX present and not disabled by firmware */
	bool nested_paging;  /* NPT, or EPT with unrestricted guest */
	bool x2apic;
	bool iommu; /* DMA remapping for every assignable function */
	bool interrupt_remapping;
	u8 phys_bits;
	u32 boot_cpu; /* index into cpus: the BSP, whose core is the host core */
	u32 ncpus, nmemory, nfunctions, nreserved;
	const struct machine_cpu *cpus;
	const struct machine_memory *memory; /* sorted by base, not overlapping */
	const struct machine_function *functions;
	const struct machine_reserved *reserved;
};
