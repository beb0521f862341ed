/* Virtual MTRRs: see mtrr.h. */
#include "core/vcpu/mtrr.h"
#include "core/base/mem.h"

#define MSR_MTRRCAP  0xfe
#define MSR_VARIABLE 0x200 /* base, mask, base, mask, ... */
#define MSR_FIX64K   0x250
#define MSR_FIX16K   0x258
#define MSR_FIX4K    0x268
#define MSR_DEF_TYPE 0x2ff
#define CAP_FIXED    (1u << 8)
#define CAP_WC	     (1u << 10)
#define DEF_TYPE_FE  (1u << 10)
#define DEF_TYPE_E   (1u << 11)
#define MASK_VALID   (1u << 11)
#define TYPES_VALID  (1u << MT_UC | 1u << MT_WC | 1u << MT_WT | 1u << MT_WP | 1u << MT_WB)
#define ALL_WB	     0x0606060606060606ull
#define FIXED_A0000  2 /* index of the register for A0000h..BFFFFh */

static bool type_valid(u64 type)
{
	return type < 8 && TYPES_VALID >> type & 1;
}

/* type_valid() of all bytes at once: none above 7, and not 2, 3 or 7. */
static bool eight_types_valid(u64 types)
{
	const u64 each = 0x0101010101010101ull;

	return !(types & 0xf8 * each) && !(types >> 1 & (types | ~(types >> 2)) & each);
}

static u64 address_bits(const struct mtrr *m)
{
	return ((1ull << m->phys_bits) - 1) & ~0xfffull;
}

/* The fixed register behind an MSR, or MTRR_FIXED. */
static u32 fixed_index(u32 msr)
{
	if (msr == MSR_FIX64K)
		return 0;
	if (msr == MSR_FIX16K || msr == MSR_FIX16K + 1)
		return 1 + msr - MSR_FIX16K;
	if (msr >= MSR_FIX4K && msr < MSR_FIX4K + 8)
		return 3 + msr - MSR_FIX4K;
	return MTRR_FIXED;
}

void mtrr_reset(struct mtrr *m, u8 phys_bits)
{
	memset(m, 0, sizeof(*m));
	m->phys_bits = phys_bits;
}

int mtrr_boot(struct mtrr *m, u8 phys_bits, const struct mtrr_hole *holes, u32 n)
{
	u32 used = 0;

	mtrr_reset(m, phys_bits);
	m->def_type = DEF_TYPE_E | DEF_TYPE_FE | MT_WB;
	for (u32 i = 0; i < MTRR_FIXED; i++)
		m->fixed[i] = i == FIXED_A0000 ? 0 : ALL_WB;
	for (u32 i = 0; i < n; i++) {
		u64 at = holes[i].base.v, left = holes[i].size;

		while (left) {
			/* The largest naturally aligned block that begins here and fits. */
			u64 block = 1ull << (63 - __builtin_clzll(left));

			if (at && (at & -at) < block)
				block = at & -at;
			if (used == MTRR_VARIABLE || block < PAGE_SIZE)
				return ERR_RANGE;
			m->base[used] = at | MT_UC;
			m->mask[used++] = (~(block - 1) & address_bits(m)) | MASK_VALID;
			at += block;
			left -= block;
		}
	}
	return OK;
}

int mtrr_read(const struct mtrr *m, u32 msr, u64 *value)
{
	u32 variable = msr - MSR_VARIABLE, fixed;

	if (msr == MSR_DEF_TYPE) {
		*value = m->def_type;
	} else if (variable < 2 * MTRR_VARIABLE) {
		*value = msr & 1 ? m->mask[variable / 2] : m->base[variable / 2];
	} else if (msr == MSR_MTRRCAP) {
		*value = MTRR_VARIABLE | CAP_FIXED | CAP_WC;
	} else {
		fixed = fixed_index(msr);
		if (fixed == MTRR_FIXED)
			return ERR_NOENT;
		*value = m->fixed[fixed];
	}
	return OK;
}

static int write_variable(struct mtrr *m, u32 n, bool mask, u64 value)
{
	if (mask) {
		if (value & ~(address_bits(m) | MASK_VALID))
			return ERR_PERM;
		m->mask[n] = value;
	} else {
		if (value & ~(address_bits(m) | 0xff) || !type_valid(value & 0xff))
			return ERR_PERM;
		m->base[n] = value;
	}
	return OK;
}

int mtrr_write(struct mtrr *m, u32 msr, u64 value)
{
	u32 variable = msr - MSR_VARIABLE, fixed;

	if (msr == MSR_DEF_TYPE) {
		if (value & ~(u64)(DEF_TYPE_E | DEF_TYPE_FE | 0xff) || !type_valid(value & 0xff))
			return ERR_PERM;
		m->def_type = value;
		return OK;
	}
	if (variable < 2 * MTRR_VARIABLE)
		return write_variable(m, variable / 2, msr & 1, value);
	fixed = fixed_index(msr);
	if (fixed == MTRR_FIXED)
		return msr == MSR_MTRRCAP ? ERR_PERM : ERR_NOENT;
	if (!eight_types_valid(value))
		return ERR_PERM;
	m->fixed[fixed] = value;
	return OK;
}

static enum memory_type fixed_type(const struct mtrr *m, u64 gpa)
{
	if (gpa < 0x80000)
		return m->fixed[0] >> (gpa >> 16) * 8 & 0xff;
	if (gpa < 0xc0000)
		return m->fixed[1 + ((gpa - 0x80000) >> 17)] >> (gpa >> 14 & 7) * 8 & 0xff;
	return m->fixed[3 + ((gpa - 0xc0000) >> 15)] >> (gpa >> 12 & 7) * 8 & 0xff;
}

enum memory_type mtrr_type(const struct mtrr *m, gpa_t gpa)
{
	u32 types = 0;

	if (!(m->def_type & DEF_TYPE_E))
		return MT_UC;
	if (m->def_type & DEF_TYPE_FE && gpa.v < MIB(1))
		return fixed_type(m, gpa.v);
	for (u32 i = 0; i < MTRR_VARIABLE; i++) {
		u64 mask = m->mask[i] & ~0xfffull;

		if (m->mask[i] & MASK_VALID && (gpa.v & mask) == (m->base[i] & mask))
			types |= 1u << (m->base[i] & 0xff);
	}
	/* Where several match: one type, or UC over all, or WT over WB (SDM vol. 3 §11.11.4.1). */
	if (!types)
		return m->def_type & 0xff;
	if (types == (1u << MT_WT | 1u << MT_WB))
		return MT_WT;
	if (types & (types - 1))
		return MT_UC;
	return (enum memory_type)__builtin_ctz(types);
}
