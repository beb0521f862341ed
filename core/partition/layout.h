/*
 * The guest-physical address space: where RAM, device windows and the loaders' scratch lie.
 *
 *	0           .. low_top      RAM; [A0000, C0000) is not told to the guest, [E0000, 100000)
 *	                            holds the ACPI and SMBIOS tables and the BIOS's reset entry
 *	low_top     .. E0000000     32-bit BAR window, as large as the need
 *	E0000000    .. F0000000     ECAM (256 buses; fewer leave the rest to the window behind it)
 *	ecam end    .. FEC00000     32-bit BAR window
 *	FEC00000    .. 100000000    I/O APIC, local APIC, MSI window, reset vector: never RAM or BARs
 *	100000000   .. high RAM, 1 GiB aligned pieces
 *	after RAM   ..              64-bit BAR window
 *
 * Nothing lies in [FD00000000, 10000000000), which AMD reserves for HyperTransport (AMD I/O
 * Virtualization Technology 48882, §2.1.2: special address ranges), nor in [FEE00000, FEF00000),
 * where a device's write is an interrupt; so guest-physical addresses can serve as I/O virtual
 * addresses unchanged.
 */
#pragma once

#include "core/base/types.h"

#define LAYOUT_ECAM	    0xe0000000ull
#define LAYOUT_ECAM_BUSES   256 /* of a workstation */
#define LAYOUT_APIC_START   0xfec00000ull
#define LAYOUT_4G	    GIB(4)
#define LAYOUT_AMD_HOLE	    0xfd00000000ull
#define LAYOUT_AMD_HOLE_END 0x10000000000ull

#define LAYOUT_MIN_RAM MIB(64)
#define LAYOUT_PIECES  3

/* Fixed places below 1 MiB that the loaders and table builders use. */
#define LAYOUT_TABLES	   0xe0000u /* RSDP here, then the ACPI tables */
#define LAYOUT_TABLES_END  0xffff0u
#define LAYOUT_BIOS_RESET  0xffff0u /* where a BIOS starts: reset_bios_entry of core/vcpu/reset.h */
#define LAYOUT_SMBIOS	   0xf0000u /* earliest place of the SMBIOS entry point */
#define LAYOUT_BOOT_PARAMS 0x7000u  /* zero page, or hvm_start_info with its lists */
#define LAYOUT_GDT	   0x8000u
#define LAYOUT_PAGE_TABLES 0x9000u /* 6 pages: 4 GiB identity-mapped by 2 MiB pages */
#define LAYOUT_CMDLINE	   0x20000u
#define LAYOUT_CMDLINE_MAX 0x10000u /* with the NUL */

struct layout_piece {
	gpa_t base;
	u64 size; /* bytes */
};

/* An address window; size 0: none. */
struct layout_window {
	u64 base, size;
};

struct layout {
	u32 npieces;
	struct layout_piece ram[LAYOUT_PIECES]; /* sorted by base */
	u16 ecam_buses;
	u64 low_top;			/* end of RAM below 4 GiB */
	struct layout_window mmio32[2]; /* below and above the ECAM window */
	struct layout_window mmio64;
};

/*
 * Lay out `memory` bytes (multiple of 2 MiB, at least LAYOUT_MIN_RAM) with at least `need32` bytes
 * of contiguous window for BARs that must lie below 4 GiB and `need64` bytes for the others, within
 * 2^phys_bits bytes of guest-physical address space. RAM below the hole ends on a multiple of
 * 1 GiB (unless memory is smaller), so that the largest leaves can map it: at 3, 2 or 1 GiB.
 * ecam_buses: 64, 128 or 256.
 * ERR_INVAL: memory or buses break their shape. ERR_RANGE: it does not fit.
 */
__must_check int layout_make(u64 memory, u64 need32, u64 need64, u16 ecam_buses, u8 phys_bits,
			     struct layout *out);

/*
 * Only the RAM pieces of layout_make() for a machine without 64-bit windows: what a planner needs
 * to give each piece host memory. hole_need: bytes of 32-bit BARs, 0 when there are no devices.
 */
__must_check int layout_ram(u64 memory, u64 hole_need, struct layout_piece out[LAYOUT_PIECES],
			    u32 *npieces);

/*
 * May RAM lie at [base, base + size)? False in the holes above, for wraps, and for an end that a
 * device window may need (low RAM ends at 3 GiB at the latest).
 */
bool layout_ram_allowed(u64 base, u64 size);

/* ---- what the guest is told (E820, ACPI 6.5 table 15.4) --------------------------------------- */

enum layout_e820_kind { E820_RAM = 1, E820_RESERVED = 2 };

struct layout_e820 {
	u64 base, size;
	u32 kind; /* enum layout_e820_kind */
} __packed;

/* Entries a map of `npieces` RAM pieces can need. */
#define LAYOUT_E820_MAX(npieces) ((npieces) + 4)

/*
 * The map for RAM at `ram[0..n)` (sorted by base, adjacent pieces are merged, piece 0 starts at 0
 * and is larger than 1 MiB) and `ecam_buses` of ECAM. Returns the number of entries, or 0 when
 * `max` is too small. Sorted, not overlapping.
 */
u32 layout_e820(const struct layout_piece *ram, u32 n, u16 ecam_buses, struct layout_e820 *out,
		u32 max);
