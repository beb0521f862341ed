#include "core/paging/format.h"

#define BIT(n) (1ull << (n))

/*
 * Accessed and dirty are set from the start: no core ever writes an entry behind our back, so one
 * plain store is enough to change it.
 */
#define X86_P	BIT(0)
#define X86_RW	BIT(1)
#define X86_US	BIT(2)
#define X86_PWT BIT(3)
#define X86_PCD BIT(4)
#define X86_A	BIT(5)
#define X86_D	BIT(6)
#define X86_PS	BIT(7)
#define X86_NX	BIT(63)

/* PT_GUEST as WB: the host's MTRRs make device memory UC, and a guest's WC wins over that. */
#define X86_TYPES .type_mask = X86_PWT | X86_PCD, .type = {0, X86_PCD | X86_PWT, X86_PWT, 0}

#define X86_TABLES(bits)                        \
	{                                       \
		0, 0, bits, bits, bits, bits, 0 \
	}

const struct pt_format pt_format_x86 = {
    .levels_min = 4,
    .levels_max = 5,
    .canonical = true,
    .present = X86_P,
    .table = X86_TABLES(X86_P | X86_RW | X86_A),
    .leaf_mask = X86_PS,
    .leaf_is = X86_PS,
    .leaf = X86_P | X86_A | X86_D,
    .large = X86_PS,
    .read = X86_P,
    .write = X86_RW,
    .noexec = X86_NX,
    X86_TYPES,
    .attrs = PT_RWX | PT_TYPE_MASK,
};

/* A nested walk counts as a user access (APM 2 §15.25.5), so U/S is set at every level. */
const struct pt_format pt_format_npt = {
    .levels_min = 4,
    .levels_max = 5,
    .present = X86_P,
    .table = X86_TABLES(X86_P | X86_RW | X86_US | X86_A),
    .leaf_mask = X86_PS,
    .leaf_is = X86_PS,
    .leaf = X86_P | X86_US | X86_A | X86_D,
    .large = X86_PS,
    .read = X86_P,
    .write = X86_RW,
    .noexec = X86_NX,
    X86_TYPES,
    .attrs = PT_RWX | PT_TYPE_MASK,
};

/* Memory type in bits 5:3, bit 6 makes it final whatever the guest's PAT says (SDM 3 §29.3.7.2). */
#define EPT_UC	 (0ull << 3)
#define EPT_WC	 (1ull << 3)
#define EPT_WB	 (6ull << 3)
#define EPT_IPAT BIT(6)

const struct pt_format pt_format_ept = {
    .levels_min = 4,
    .levels_max = 5,
    .present = 7,
    .table = X86_TABLES(7),
    .leaf_mask = BIT(7),
    .leaf_is = BIT(7),
    .large = BIT(7),
    .read = BIT(0),
    .write = BIT(1),
    .exec = BIT(2),
    .type_mask = BIT(6) | 7ull << 3,
    .type = {EPT_WB, EPT_UC | EPT_IPAT, EPT_WC | EPT_IPAT, EPT_UC},
    .attrs = PT_RWX | PT_TYPE_MASK,
};

/* Bit 11 (snoop) is reserved where ECAP.SC is 0: the driver then leaves PT_SNOOP out. */
const struct pt_format pt_format_vtd = {
    .levels_min = 3,
    .levels_max = 5,
    .write_only = true,
    .present = 3,
    .table = X86_TABLES(3),
    .leaf_mask = BIT(7),
    .leaf_is = BIT(7),
    .large = BIT(7),
    .read = BIT(0),
    .write = BIT(1),
    .snoop = BIT(11),
    .attrs = PT_RW | PT_SNOOP,
};

/*
 * Bits 11:9 of an entry name the level of the table it points to; 0 is a leaf of that level's
 * default size. Permissions are the conjunction over the levels, so tables allow everything.
 */
#define AMDVI_PR   BIT(0)
#define AMDVI_NEXT 0xe00ull
#define AMDVI_FC   BIT(60)
#define AMDVI_IR   BIT(61)
#define AMDVI_IW   BIT(62)

#define AMDVI_TABLE(level) (AMDVI_PR | AMDVI_IR | AMDVI_IW | ((level)-1ull) << 9)

const struct pt_format pt_format_amdvi = {
    .levels_min = 1,
    .levels_max = 6,
    .write_only = true,
    .present = AMDVI_PR,
    .table = {0, 0, AMDVI_TABLE(2), AMDVI_TABLE(3), AMDVI_TABLE(4), AMDVI_TABLE(5), AMDVI_TABLE(6)},
    .leaf_mask = AMDVI_NEXT,
    .leaf_is = 0,
    .leaf = AMDVI_PR,
    .read = AMDVI_IR,
    .write = AMDVI_IW,
    .snoop = AMDVI_FC,
    .attrs = PT_RW | PT_SNOOP,
};

u64 format_leaf_bits(const struct pt_format *f, u32 attrs, unsigned level)
{
	u64 bits = f->leaf | f->type[(attrs & PT_TYPE_MASK) >> 4];

	attrs &= f->attrs;
	if (!(attrs & (PT_RWX)) || (!(attrs & PT_R) && !(f->write_only && (attrs & PT_W))))
		return 0;
	if (attrs & PT_R)
		bits |= f->read;
	if (attrs & PT_W)
		bits |= f->write;
	bits |= attrs & PT_X ? f->exec : f->noexec;
	if (attrs & PT_SNOOP)
		bits |= f->snoop;
	if (level > 1)
		bits |= f->large;
	return bits;
}

u32 format_attrs(const struct pt_format *f, u64 e)
{
	u32 attrs = 0;

	if (e & f->read)
		attrs |= PT_R;
	if (e & f->write)
		attrs |= PT_W;
	if (f->exec ? e & f->exec : f->noexec && !(e & f->noexec))
		attrs |= PT_X;
	if (e & f->snoop)
		attrs |= PT_SNOOP;
	for (u32 t = 0; t < ARRAY_SIZE(f->type); t++)
		if ((e & f->type_mask) == f->type[t])
			return attrs | t << 4;
	return attrs;
}
