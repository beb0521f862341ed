/* Entry bits by format, and the few operations on an entry. Private to core/paging. */
#pragma once

#include "core/paging/paging.h"

#define PT_ENTRIES    512u
#define PT_LEVELS_MAX 6u
#define PT_ADDR	      0x000ffffffffff000ull

struct pt_format {
	u8 levels_min, levels_max;
	bool canonical;		      /* input addresses are sign-extended to 64 bits */
	bool write_only;	      /* an entry may allow writing and not reading */
	u64 present;		      /* any of these bits: an entry is there */
	u64 table[PT_LEVELS_MAX + 1]; /* bits of an entry that points to a table, by its level */
	u64 leaf_mask, leaf_is;	      /* above level 1: (entry & mask) == is: a leaf */
	u64 leaf, large;	      /* bits of every leaf; of those above level 1 besides */
	u64 read, write, exec;	      /* set: allowed */
	u64 noexec;		      /* set: execution not allowed */
	u64 snoop;
	u64 type_mask, type[4]; /* by attribute type >> 4 */
	u32 attrs;		/* attribute bits the format can express; the others are dropped */
};

static inline u64 level_size(unsigned level)
{
	return 1ull << (12 + 9 * (level - 1));
}

static inline unsigned entry_index(u64 in, unsigned level)
{
	return (in >> (12 + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

static inline bool entry_present(const struct pt_format *f, u64 e)
{
	return e & f->present;
}

static inline bool entry_is_leaf(const struct pt_format *f, u64 e, unsigned level)
{
	return level == 1 || (e & f->leaf_mask) == f->leaf_is;
}

/* Bits of a leaf at `level`; 0: the format cannot express these attributes. */
u64 format_leaf_bits(const struct pt_format *f, u32 attrs, unsigned level);
u32 format_attrs(const struct pt_format *f, u64 entry);

/* Largest level, at most `max`, at which a leaf can lead from `in` to `out`. */
unsigned pt_leaf_level(u64 in, u64 out, unsigned max);

/*
 * Tables of all levels below `level` that [a, b] takes where nothing is yet. A table of level k
 * stands for one slot of level k + 1; a slot that one leaf fills needs none.
 */
u64 pt_tables_below(unsigned level, unsigned leaf, u64 a, u64 b);
