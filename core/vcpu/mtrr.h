/*
 * Memory type range registers as a guest sees them (APM vol. 2 §7.7, SDM vol. 3 §11.11).
 *
 * They are state only: memory types come from second-level tables and the guest's PAT. They exist
 * so that a guest finds RAM write-back and holes uncacheable, trusts its PAT, and may keep books.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

#define MTRR_VARIABLE 8
#define MTRR_FIXED    11

enum memory_type { MT_UC = 0, MT_WC = 1, MT_WT = 4, MT_WP = 5, MT_WB = 6 };

struct mtrr {
	u64 def_type; /* MTRRdefType: type, FE bit 10, E bit 11 */
	u64 fixed[MTRR_FIXED];
	u64 base[MTRR_VARIABLE], mask[MTRR_VARIABLE];
	u8 phys_bits;
};

/* An uncacheable piece of the guest-physical space: the hole below 4 GiB, the high BAR window. */
struct mtrr_hole {
	gpa_t base;
	u64 size; /* both multiples of 4 KiB */
};

/* As a processor leaves power-on: disabled. For a guest that brings its own firmware. */
void mtrr_reset(struct mtrr *m, u8 phys_bits);

/*
 * As firmware leaves it for an operating system: on, write-back by default, the VGA window and the
 * holes uncacheable. ERR_RANGE: the holes need more than MTRR_VARIABLE power-of-two ranges.
 */
__must_check int mtrr_boot(struct mtrr *m, u8 phys_bits, const struct mtrr_hole *holes, u32 n);

/* Any MTRR by its MSR number, MTRRCAP included. ERR_PERM: raise #GP(0). ERR_NOENT: not an MTRR. */
__must_check int mtrr_read(const struct mtrr *m, u32 msr, u64 *value);
__must_check int mtrr_write(struct mtrr *m, u32 msr, u64 value);

/* The type the registers give one byte: for tests and explanations. */
enum memory_type mtrr_type(const struct mtrr *m, gpa_t gpa);
