/*
 * What every way of starting (PVH, multiboot2, UEFI) boils down to. Filled once by the entry in
 * use, before the hypervisor has its own page tables; all addresses are host-physical.
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/machine.h"

#define BOOT_INFO_MAGIC	 0x4f464e4950434143ull /* "CACPINFO" */
#define BOOT_MEMORY_MAX	 512
#define BOOT_EARLY_LIMIT GIB(4) /* what the entry's own page tables show */

#define BOOT_CRASH_MAX 2048

enum boot_source { BOOT_FROM_PVH, BOOT_FROM_MULTIBOOT2, BOOT_FROM_UEFI };

struct boot_framebuffer {
	u64 base;		  /* 0: none */
	u32 width, height, pitch; /* pixels, pixels, bytes */
	u8 bits;		  /* per pixel: 32 */
	u8 red_shift, green_shift, blue_shift;
};

struct boot_memory {
	u64 base, size;
	u32 kind; /* enum memory_kind */
	u32 pad;
};

struct boot_info {
	u64 magic;
	u32 source; /* #define BOOT_CRASH_MAX 2048

enum boot_source */
	u32 nmemory;
	u64 rsdp;		 /* 0: look for it where BIOS leaves it */
	u64 bundle, bundle_size; /* the boot bundle as loaded, size 0: none was given */
	u64 start_tsc;		 /* at the first instruction of the entry */
	struct boot_framebuffer fb;
	char note[160];		    /* which bundle and why, for the log; may be empty */
	char problem[240];	    /* why there is no bundle, where the loader knows */
	u64 set_variable;	    /* UEFI only: the runtime service, physical */
	char crash[BOOT_CRASH_MAX]; /* UEFI only: last words of the run before; may be empty */
	u8 trial;		    /* the slot on trial, to be confirmed once it runs; 0: none */
	struct boot_memory memory[BOOT_MEMORY_MAX];
};

/* Variables of our own in the firmware's store (UEFI 2.10 §8.2): the slot that ran well. */
#define CAPROCK_VARIABLES                                              \
	{                                                              \
		0x8d4ea1c6, 0x30f7, 0x4b52,                            \
		{                                                      \
			0x9a, 0x1e, 0x6f, 0x25, 0xc0, 0x7b, 0xd3, 0x48 \
		}                                                      \
	}
#define CONFIRM_VARIABLE u"CaprockConfirmed"
#define CRASH_VARIABLE	 u"CaprockCrash" /* the last words of a run that crashed */

/* Translate the loader's structure at physical `pa` (identity-mapped below 4 GiB). */
__must_check int boot_from_pvh(u64 pa, struct boot_info *out);
__must_check int boot_from_multiboot2(u64 pa, struct boot_info *out);

/* Add a range, or make the last one longer where they meet; ERR_NOMEM when the map is full. */
__must_check int boot_add_memory(struct boot_info *b, u64 base, u64 size, enum memory_kind kind);

/*
 * Loaders know of the image, not of the memory the hypervisor takes behind it. Where they put the
 * bundle into [base, base + size), move it to other RAM. On the entry's page tables only.
 * ERR_NOMEM: there is no such RAM. ERR_RANGE: it makes no sense or lies beyond those tables.
 */
__must_check int boot_clear_range(struct boot_info *b, u64 base, u64 size);

/*
 * Every workstation of the plan has started: vouch for the slot on trial by a variable in the
 * firmware's store, which the boot program looks for. Firmware is called for this and for a crash,
 * for nothing else.
 */
void boot_confirm_trial(const struct boot_info *b);

/*
 * Keep the end of `text` for the next start in the firmware's store, which a cold start and firmware
 * that clears memory leave alone. False: there is none, or it refused.
 */
bool boot_keep_crash(const struct boot_info *b, const char *text, u32 n);
