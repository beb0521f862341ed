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
	bool ats, is_vf;
	u16 pf, vf;  /* when is_vf: index of the physical function, its number there from 0 */
	u16 vfs;     /* virtual functions it can have at most, 0: it has no SR-IOV */
	bool vfs_on; /* the hypervisor has switched some on: it stays with it until power-off */
	const char
	    *no_vfs; /* why none can be switched on here, a clause; NULL: no reason is known */
	bool boot_display; /* the firmware's framebuffer lies in one of its BARs */
	bool boot_medium;  /* what the hypervisor starts from hangs on it, as far as is known */
	const char *unfit; /* why nobody can have it, a clause; NULL: nothing speaks against it */
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

/*
 * What only a boot, or the building of a medium, knows: the hypervisor in memory and the size of
 * the bundle. Sizes of 0: not known yet, then the plan's word is taken.
 */
struct machine_boot {
	paddr_t hv_base;
	u64 hv_size;	 /* bytes from hv_base that image, heap and per-core memory take */
	u64 bundle_size; /* bytes */
};

struct machine {
	char vendor[13];     /* CPUID leaf 0 */
	bool virtualization; /* SVM or VMX present and not disabled by firmware */
	bool nested_paging;  /* NPT, or EPT with unrestricted guest */
	bool x2apic;
	bool iommu; /* DMA remapping for every assignable function */
	bool interrupt_remapping;
	u8 phys_bits;
	struct machine_boot boot;
	u32 boot_cpu; /* index into cpus: the BSP, whose core is the host core */
	u32 ncpus, nmemory, nfunctions, nreserved;
	const struct machine_cpu *cpus;
	const struct machine_memory *memory; /* sorted by base, not overlapping */
	const struct machine_function *functions;
	const struct machine_reserved *reserved;
};

/*
 * "0000:00/1c.4/00.0": segment, root bus, then a device.function for each hop. Returns the length
 * as fmt() does.
 */
size_t pci_path_text(const struct pci_path *p, char *buf, size_t size);
bool pci_path_equal(const struct pci_path *a, const struct pci_path *b);

/* Index of the function at a path, or of the core with an APIC id; ~0u when there is none. */
u32 machine_find_function(const struct machine *m, const struct pci_path *path);
u32 machine_find_cpu(const struct machine *m, u32 apic_id);
/* The RAM entry that [base, base + size) lies in wholly, adjacent entries of RAM taken as one. */
bool machine_is_ram(const struct machine *m, paddr_t base, u64 size);
/* Threads of one core? */
bool machine_same_core(const struct machine_cpu *a, const struct machine_cpu *b);
