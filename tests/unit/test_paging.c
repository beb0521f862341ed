/*
 * core/paging against two things it does not know: a walker written from the manuals for each
 * format, and a flat list of pages that says what should be mapped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/paging/paging.h"
#include "tests/fake/machine.h"

#define POOL_BASE 0x7f0000000ull
#define POOL_SIZE MIB(16)

struct fixture {
	const struct pt_format *format;
	unsigned levels;
	enum pt_leaf_max leaf;
	struct pool pool;
	struct pt pt;
};

#define KIND(f, l, max)                                            \
	{                                                          \
		.format = &pt_format_##f, .levels = l, .leaf = max \
	}

static const struct fixture kinds[] = {
    KIND(x86, 4, PT_LEAF_1G),	KIND(npt, 4, PT_LEAF_1G),   KIND(ept, 4, PT_LEAF_2M),
    KIND(ept, 5, PT_LEAF_1G),	KIND(vtd, 3, PT_LEAF_2M),   KIND(vtd, 4, PT_LEAF_4K),
    KIND(vtd, 5, PT_LEAF_1G),	KIND(amdvi, 3, PT_LEAF_1G), KIND(amdvi, 4, PT_LEAF_2M),
    KIND(amdvi, 6, PT_LEAF_1G),
};

static void begin(struct fixture *f, unsigned kind, u64 pool, bool coherent)
{
	fake_machine_reset();
	fake_ram_add(PADDR(POOL_BASE), POOL_SIZE);
	*f = kinds[kind];
	pool_init(&f->pool, PADDR(POOL_BASE), pool);
	assert_int_equal(pt_init(&f->pt, f->format, &f->pool, f->levels, f->leaf, coherent), OK);
}

static u64 flushes, flush_lo, flush_hi, flush_tables;
static int flush_result;

static int flush(void *ctx, const struct pt_gather *g)
{
	flushes++;
	flush_lo = g->lo;
	flush_hi = g->hi;
	flush_tables = g->tables;
	return flush_result;
}

static void settle(struct fixture *f)
{
	assert_int_equal(pt_settle(&f->pt, flush, NULL), OK);
}

/* ---- a walker by the manuals ----------------------------------------------------------------- */

struct seen {
	bool there;
	u64 out;
	bool r, w, x;
	u64 type; /* raw bits, for the formats that have a type */
	unsigned level;
};

static const u8 *(*memory)(u64 pa); /* whose view of memory the walker has */

static const u8 *memory_now(u64 pa)
{
	return port_va(PADDR(pa));
}

static u64 table_entry(u64 table, u64 in, unsigned level)
{
	u64 e;

	memcpy(&e, memory(table) + 8 * (in >> (12 + 9 * (level - 1)) & 511), 8);
	return e;
}

static struct seen walk_x86(u64 table, unsigned level, u64 in, bool nested)
{
	bool w = true, x = true;

	for (;; level--) {
		u64 e = table_entry(table, in, level), mask = (1ull << (12 + 9 * (level - 1))) - 1;

		if (!(e & 1))
			return (struct seen){0};
		assert_int_equal(e & 0x000ff00000000000ull, 0); /* above 44 bits: reserved here */
		assert_int_equal(!!(e & 4), nested);
		assert_true(e & 0x20);
		w = w && e & 2;
		x = x && !(e >> 63);
		table = e & 0x000ffffffffff000ull;
		if (level == 1 || e & 0x80) {
			assert_true(level <= 3);
			assert_int_equal(table & mask, 0);
			return (struct seen){true, table | (in & mask), true, w, x, e & 0x18,
					     level};
		}
		assert_int_equal(e & 0x98, 0);
	}
}

static struct seen walk_ept(u64 table, unsigned level, u64 in)
{
	for (;; level--) {
		u64 e = table_entry(table, in, level), mask = (1ull << (12 + 9 * (level - 1))) - 1;

		if (!(e & 7))
			return (struct seen){0};
		assert_int_equal(e >> 44, 0);
		assert_true(e & 1); /* write without read: misconfiguration, SDM 3 29.3.3.1 */
		table = e & 0x000ffffffffff000ull;
		if (level == 1 || e & 0x80) {
			assert_true(level <= 3);
			assert_int_equal(!!(e & 0x80), level > 1);
			assert_int_equal(table & mask, 0);
			return (struct seen){
			    true, table | (in & mask), true, e & 2, e & 4, e & 0x78, level};
		}
		assert_int_equal(e & 0xfff, 7);
	}
}

static struct seen walk_vtd(u64 table, unsigned level, u64 in)
{
	for (;; level--) {
		u64 e = table_entry(table, in, level), mask = (1ull << (12 + 9 * (level - 1))) - 1;

		if (!(e & 3))
			return (struct seen){0};
		assert_int_equal(e >> 44, 0);
		assert_int_equal(e & 0x77c, 0);
		table = e & 0x000ffffffffff000ull;
		if (level == 1 || e & 0x80) {
			assert_true(level <= 3);
			assert_int_equal(!!(e & 0x80), level > 1);
			assert_int_equal(table & mask, 0);
			return (struct seen){true,  table | (in & mask), e & 1, e & 2,
					     false, e & 0x800,		 level};
		}
		assert_int_equal(e & 0xfff, 3);
	}
}

static struct seen walk_amdvi(u64 table, unsigned level, u64 in)
{
	for (;;) {
		u64 e = table_entry(table, in, level), mask = (1ull << (12 + 9 * (level - 1))) - 1;
		unsigned next = e >> 9 & 7;

		if (!(e & 1))
			return (struct seen){0};
		assert_int_equal(e & 0x800ff000000001feull, 0);
		table = e & 0x000ffffffffff000ull;
		if (!next) {
			assert_true(level <= 3);
			assert_int_equal(table & mask, 0);
			return (struct seen){true,  table | (in & mask), e >> 61 & 1, e >> 62 & 1,
					     false, e & 1ull << 60,	 level};
		}
		assert_int_equal(next, level - 1);
		assert_int_equal(e >> 61 & 3, 3);
		level = next;
	}
}

static struct seen walk(const struct fixture *f, u64 in)
{
	u64 root = f->pt.root.v;

	if (f->format == &pt_format_x86 || f->format == &pt_format_npt)
		return walk_x86(root, f->levels, in, f->format == &pt_format_npt);
	if (f->format == &pt_format_ept)
		return walk_ept(root, f->levels, in);
	if (f->format == &pt_format_vtd)
		return walk_vtd(root, f->levels, in);
	return walk_amdvi(root, f->levels, in);
}

/* Count tables by the links alone; an empty one other than the root is a waste and counts 2^32. */
static u64 count_tables(const struct fixture *f, u64 table, unsigned level)
{
	bool amd = f->format == &pt_format_amdvi;
	u64 n = 1, used = 0;

	for (unsigned i = 0; i < 512; i++) {
		u64 e;

		memcpy(&e, memory_now(table) + 8 * i, 8);
		if (!e)
			continue;
		used++;
		if (level > 1 && (amd ? (e & 0xe00) != 0 : !(e & 0x80)))
			n += count_tables(f, e & 0x000ffffffffff000ull, level - 1);
	}
	return n + (!used && table != f->pt.root.v ? 1ull << 32 : 0);
}

static void check_accounts(const struct fixture *f)
{
	assert_int_equal(count_tables(f, f->pt.root.v, f->levels), f->pt.tables);
	assert_int_equal(f->pool.in_use, (f->pt.tables + f->pt.owed.tables) * PAGE_SIZE);
}

/* ---- examples -------------------------------------------------------------------------------- */

static void largest_leaves_and_fewest_tables(void **state)
{
	struct fixture f;

	memory = memory_now;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(&f, k, POOL_SIZE, true);

		u64 in = GIB(1) - MIB(2) - KIB(8), size = MIB(2) + KIB(8) + GIB(1) + KIB(4);
		u64 tables = pt_tables_for(f.levels, f.leaf, in, PADDR(GIB(5) + in), size);

		assert_int_equal(pt_map(&f.pt, in, PADDR(GIB(5) + in), size, PT_RW), OK);
		assert_int_equal(f.pt.tables, 1 + tables);
		check_accounts(&f);
		for (u64 at = 0; at < size; at += KIB(4)) {
			struct seen s = walk(&f, in + at + 0x123);
			unsigned level = 1;

			if (at >= KIB(8) && at < size - KIB(4))
				level = at < KIB(8) + MIB(2) ? 2 : 3;
			if (level > f.leaf)
				level = f.leaf;
			assert_true(s.there && s.r && s.w && !s.x);
			assert_int_equal(s.out, GIB(5) + in + at + 0x123);
			assert_int_equal(s.level, level);
			if (at == KIB(8) + MIB(2))
				at += GIB(1) - MIB(2) - KIB(4); /* the middle is alike */
		}
		assert_false(walk(&f, in - 1).there);
		assert_false(walk(&f, in + size).there);
	}
	/* 64 GiB in 1 GiB leaves: one table each below PML4 and nothing else. */
	assert_int_equal(pt_tables_for(4, PT_LEAF_1G, 0, PADDR(GIB(64)), GIB(64)), 1);
	assert_int_equal(pt_tables_for(4, PT_LEAF_2M, 0, PADDR(GIB(64)), GIB(64)), 1 + 64);
	assert_int_equal(pt_tables_for(4, PT_LEAF_1G, 0, PADDR(GIB(64) + MIB(2)), GIB(64)), 1 + 64);
	assert_int_equal(pt_tables_for(4, PT_LEAF_4K, 0, PADDR(0), GIB(1)), 2 + 512);
}

static void attributes_by_format(void **state)
{
	static const struct {
		unsigned kind;
		u32 attrs;
		bool r, w, x;
		u64 type;
	} rows[] = {
	    {0, PT_R, 1, 0, 0, 0},
	    {0, PT_RWX | PT_WB, 1, 1, 1, 0},
	    {0, PT_RW | PT_UC, 1, 1, 0, 0x18},
	    {0, PT_RW | PT_WC, 1, 1, 0, 8},
	    {1, PT_RWX | PT_GUEST, 1, 1, 1, 0},
	    {1, PT_R | PT_X | PT_UC, 1, 0, 1, 0x18},
	    {2, PT_RWX | PT_WB, 1, 1, 1, 0x30},
	    {2, PT_RW | PT_UC, 1, 1, 0, 0x40},
	    {2, PT_R | PT_WC, 1, 0, 0, 0x48},
	    {2, PT_RW | PT_GUEST, 1, 1, 0, 0},
	    {4, PT_W, 0, 1, 0, 0},
	    {4, PT_RWX | PT_UC, 1, 1, 0, 0},
	    {4, PT_R | PT_SNOOP, 1, 0, 0, 0x800},
	    {7, PT_W, 0, 1, 0, 0},
	    {7, PT_R, 1, 0, 0, 0},
	    {7, PT_RW | PT_SNOOP, 1, 1, 0, 1ull << 60},
	};
	struct fixture f;

	memory = memory_now;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pt_leaf l;

		begin(&f, rows[i].kind, POOL_SIZE, true);
		for (u64 in = MIB(8); in; in = in == MIB(8) ? KIB(4) : 0) {
			assert_int_equal(pt_map(&f.pt, in, PADDR(in), in, rows[i].attrs), OK);

			struct seen s = walk(&f, in);

			assert_true(s.there);
			assert_int_equal(s.r, rows[i].r);
			assert_int_equal(s.w, rows[i].w);
			assert_int_equal(s.x, rows[i].x);
			assert_int_equal(s.type, rows[i].type);
			assert_int_equal(pt_lookup(&f.pt, in, &l), OK);
			assert_int_equal(l.attrs & PT_RWX, s.r * PT_R | s.w * PT_W | s.x * PT_X);
			assert_int_equal(l.out.v, in);
		}
	}
}

static void refusals_change_nothing(void **state)
{
	struct fixture f;
	struct pt_leaf l;

	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(&f, k, POOL_SIZE, true);

		struct pt *pt = &f.pt;
		u64 end = k == 9 ? 0 : 1ull << pt_input_bits(pt);

		assert_int_equal(pt_map(pt, 1, PADDR(0), KIB(4), PT_R), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(12), KIB(4), PT_R), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(0), 0, PT_R), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(0), KIB(4) + 1, PT_R), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(0), KIB(4), 0), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(0), KIB(4), PT_SNOOP), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(0), KIB(4), PT_X), ERR_INVAL);
		if (f.format == &pt_format_npt || f.format == &pt_format_ept)
			assert_int_equal(pt_map(pt, 0, PADDR(0), KIB(4), PT_W), ERR_INVAL);
		assert_int_equal(pt_map(pt, 0, PADDR(1ull << 52), KIB(4), PT_R), ERR_RANGE);
		assert_int_equal(pt_map(pt, 0, PADDR((1ull << 52) - KIB(4)), KIB(8), PT_R),
				 ERR_RANGE);
		assert_int_equal(pt_map(pt, end - KIB(4), PADDR(0), KIB(8), PT_R), ERR_RANGE);
		assert_int_equal(pt_unmap(pt, end - KIB(4), KIB(8)), ERR_RANGE);
		assert_int_equal(pt_unmap(pt, 0, 17), ERR_INVAL);
		if (end) {
			assert_int_equal(pt_map(pt, end, PADDR(0), KIB(4), PT_R), ERR_RANGE);
			assert_int_equal(pt_lookup(pt, end, &l), ERR_RANGE);
		}
		assert_int_equal(pt->tables, 1);

		/* An overlap found last leaves the first part unmapped too. */
		assert_int_equal(pt_map(pt, MIB(4), PADDR(MIB(64)), KIB(4), PT_R), OK);
		assert_int_equal(pt_map(pt, 0, PADDR(MIB(60)), MIB(8), PT_RW), ERR_EXIST);
		assert_int_equal(pt_map(pt, 0, PADDR(MIB(61)), MIB(8), PT_R), ERR_EXIST);
		assert_int_equal(pt_lookup(pt, 0, &l), ERR_NOENT);
		assert_false(pt->owed.owed);
		/* The same again is no conflict, whatever leaves it uses. */
		assert_int_equal(pt_map(pt, 0, PADDR(MIB(60)), MIB(8), PT_R), OK);
		assert_int_equal(pt_map(pt, MIB(2), PADDR(MIB(62)), MIB(4), PT_R), OK);
		assert_int_equal(pt_map(pt, MIB(6) + KIB(4), PADDR(MIB(66) + KIB(4)), KIB(8), PT_R),
				 OK);
		check_accounts(&f);
	}
	assert_int_equal(pt_init(&f.pt, &pt_format_vtd, &f.pool, 6, PT_LEAF_1G, true),
			 ERR_UNSUPPORTED);
	assert_int_equal(pt_init(&f.pt, &pt_format_npt, &f.pool, 3, PT_LEAF_1G, true),
			 ERR_UNSUPPORTED);
}

static void upper_half_of_own_tables(void **state)
{
	u64 image = 0xffffffff80000000ull;
	struct pt_cursor c = {0};
	struct fixture f;
	struct pt_leaf l;

	begin(&f, 0, POOL_SIZE, true);
	assert_int_equal(pt_map(&f.pt, image, PADDR(MIB(16)), MIB(2), PT_RW), OK);
	assert_int_equal(pt_map(&f.pt, ~0ull << 12, PADDR(KIB(8)), KIB(4), PT_R), OK);
	assert_int_equal(pt_map(&f.pt, 0x0000800000000000ull, PADDR(0), KIB(4), PT_R), ERR_RANGE);
	assert_int_equal(pt_map(&f.pt, 0x00007ffffffff000ull, PADDR(0), KIB(8), PT_R), ERR_RANGE);
	assert_true(walk(&f, image & ((1ull << 48) - 1)).there);
	assert_true(pt_next(&f.pt, &c, &l));
	assert_int_equal(l.in, image);
	assert_true(pt_next(&f.pt, &c, &l));
	assert_int_equal(l.in, ~0ull << 12);
	assert_false(pt_next(&f.pt, &c, &l));
	assert_int_equal(pt_unmap(&f.pt, image, MIB(1)), OK);
	settle(&f);
	assert_int_equal(flush_lo, image);
	assert_int_equal(flush_hi, image + MIB(2) - 1);
}

static void end_of_the_address_space(void **state)
{
	struct pt_cursor c = {0};
	struct fixture f;
	struct pt_leaf l;

	memory = memory_now;
	begin(&f, 9, POOL_SIZE, true);
	assert_int_equal(pt_map(&f.pt, 0 - MIB(4), PADDR(0), MIB(4), PT_RW), OK);
	assert_true(walk(&f, ~0ull).there);
	for (int i = 0; i < 2; i++) {
		assert_true(pt_next(&f.pt, &c, &l));
		assert_int_equal(l.in, 0 - MIB(4 - 2 * i));
	}
	assert_false(pt_next(&f.pt, &c, &l));
	assert_int_equal(pt_unmap(&f.pt, 0 - MIB(1), MIB(1)), OK);
	settle(&f);
	assert_false(walk(&f, ~0ull).there);
	assert_true(walk(&f, ~0ull - MIB(1)).there);
	check_accounts(&f);
}

static void nothing_is_given_back_before_the_flush(void **state)
{
	struct fixture f;
	struct pt_leaf l;

	memory = memory_now;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(&f, k, POOL_SIZE, true);
		assert_int_equal(pt_map(&f.pt, GIB(2), PADDR(KIB(4)), MIB(4), PT_RW), OK);

		u64 tables = f.pt.tables - 1;

		assert_int_equal(pt_unmap(&f.pt, GIB(2), MIB(4)), OK);
		assert_int_equal(f.pt.tables, 1);
		assert_int_equal(f.pt.owed.tables, tables);
		assert_int_equal(f.pool.in_use, (1 + tables) * PAGE_SIZE);
		/* The range is barred until then, its neighbours are not. */
		assert_int_equal(pt_map(&f.pt, GIB(2) + MIB(2), PADDR(0), KIB(4), PT_R), ERR_BUSY);
		assert_int_equal(pt_map(&f.pt, GIB(2) + MIB(4), PADDR(0), KIB(4), PT_R), OK);

		u64 page = f.pt.owed.head.v, seen = 0;

		for (; page; memcpy(&page, memory_now(page), 8), seen++)
			for (unsigned i = 8; i < PAGE_SIZE; i++)
				assert_int_equal(memory_now(page)[i], 0);
		assert_int_equal(seen, tables);

		u64 all = tables + f.pt.tables - 1;

		flushes = 0;
		flush_result = ERR_IO;
		assert_int_equal(pt_settle(&f.pt, flush, NULL), ERR_IO);
		assert_int_equal(f.pt.owed.tables, tables);
		assert_int_equal(pt_map(&f.pt, GIB(2), PADDR(0), KIB(4), PT_R), ERR_BUSY);
		assert_int_equal(pt_fini(&f.pt, flush, NULL), ERR_IO);
		assert_true(f.pt.root.v);
		flush_result = OK;
		settle(&f);
		assert_int_equal(flushes, 3);
		assert_int_equal(flush_lo, GIB(2));
		assert_int_equal(flush_hi, GIB(2) + MIB(4) + KIB(4) - 1);
		assert_int_equal(flush_tables, all);
		settle(&f);
		assert_int_equal(flushes, 3);
		assert_int_equal(pt_lookup(&f.pt, GIB(2), &l), ERR_NOENT);
		assert_int_equal(pt_fini(&f.pt, flush, NULL), OK);
		assert_int_equal(f.pool.in_use, 0);
	}
}

static void splitting_takes_exactly_what_it_needs(void **state)
{
	static const struct {
		u64 at, size, tables;
	} cuts[] = {
	    {0, GIB(1), 0},
	    {0, MIB(2), 1},
	    {MIB(512), MIB(512), 1},
	    {MIB(512), MIB(2), 1},
	    {KIB(4), KIB(4), 2},
	    {KIB(4), MIB(2) - KIB(4), 2},
	    {KIB(4), MIB(2), 3},
	    {KIB(4), GIB(1) - KIB(8), 3},
	    {MIB(2), MIB(2) + KIB(4), 2},
	};
	struct fixture f;

	memory = memory_now;
	for (unsigned i = 0; i < ARRAY_SIZE(cuts); i++) {
		/* A pool with one page too few refuses and changes nothing; with enough it works. */
		for (u64 spare = cuts[i].tables ? cuts[i].tables - 1 : 0; spare <= cuts[i].tables;
		     spare++) {
			begin(&f, 1, (3 + spare) * PAGE_SIZE, true);
			assert_int_equal(f.pt.tables, 1);
			assert_int_equal(pt_map(&f.pt, GIB(4), PADDR(GIB(8)), GIB(1), PT_RWX), OK);

			u64 free = 3 + spare - f.pool.in_use / PAGE_SIZE;
			bool enough = free >= cuts[i].tables;
			int err = pt_unmap(&f.pt, GIB(4) + cuts[i].at, cuts[i].size);

			if (free > cuts[i].tables)
				continue;
			assert_int_equal(err, enough ? OK : ERR_NOMEM);
			assert_int_equal(walk(&f, GIB(4) + cuts[i].at).there, !enough);
			assert_int_equal(f.pt.owed.owed, enough);
			if (cuts[i].at)
				assert_int_equal(walk(&f, GIB(4) + cuts[i].at - 1).out,
						 GIB(8) + cuts[i].at - 1);
			if (cuts[i].at + cuts[i].size < GIB(1))
				assert_int_equal(walk(&f, GIB(4) + cuts[i].at + cuts[i].size).out,
						 GIB(8) + cuts[i].at + cuts[i].size);
			check_accounts(&f);
		}
	}
}

/* ---- random sequences against a flat list of pages -------------------------------------------- */

#define SPACE	 GIB(3)
#define PAGES	 (SPACE / PAGE_SIZE)
#define BASE	 GIB(1)
#define UNMAPPED ~0ull

static u64 model[PAGES]; /* output page | attributes */
static u64 seed;

static u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static u64 random_size(void)
{
	static const u64 units[] = {KIB(4), KIB(4), KIB(4), KIB(64), MIB(2), MIB(2), GIB(1)};
	u64 unit = units[random_u64() % ARRAY_SIZE(units)];

	return unit * (1 + random_u64() % (unit == GIB(1) ? 1 : 8));
}

static u64 masked(const struct fixture *f, u32 attrs)
{
	bool iommu = f->format == &pt_format_vtd || f->format == &pt_format_amdvi;

	return attrs & (iommu ? PT_RW : PT_RWX);
}

static void check_all(const struct fixture *f)
{
	struct pt_cursor c = {0};
	struct pt_leaf l;
	u64 page = 0;

	while (pt_next(&f->pt, &c, &l)) {
		assert_true(l.in >= BASE && l.in + l.size <= BASE + SPACE);
		for (; page < (l.in - BASE) / PAGE_SIZE; page++)
			assert_true(model[page] == UNMAPPED);
		for (u64 at = 0; at < l.size; at += PAGE_SIZE, page++)
			if (model[page] != ((l.out.v + at) | (l.attrs & PT_RWX)))
				fail_msg("page %#lx: %#lx, want %#lx", page, l.out.v + at,
					 model[page]);
	}
	for (; page < PAGES; page++)
		assert_true(model[page] == UNMAPPED);
	for (int i = 0; i < 64; i++) {
		u64 at = random_u64() % PAGES;
		struct seen s = walk(f, BASE + at * PAGE_SIZE);

		assert_int_equal(s.there, model[at] != UNMAPPED);
		if (s.there)
			assert_int_equal(s.out | s.r * PT_R | s.w * PT_W | s.x * PT_X, model[at]);
	}
	check_accounts(f);
}

static void step(struct fixture *f)
{
	static const u32 choices[] = {PT_R, PT_RW, PT_RWX, PT_RW | PT_X | PT_WB, PT_R | PT_X};
	u32 attrs = choices[random_u64() % ARRAY_SIZE(choices)];
	u64 size = random_size(),
	    from = align_down(random_u64() % SPACE, min_u64(size & -size, GIB(1)));
	u64 first = from / PAGE_SIZE, last, out = 0;
	bool settled = random_u64() % 4 != 0;

	if (size > SPACE - from)
		size = SPACE - from;
	last = (from + size) / PAGE_SIZE;

	if (random_u64() % 2) {
		bool conflict = false;

		out = random_u64() % 3
			  ? GIB(16) + from
			  : align_down(random_u64() % GIB(64), random_u64() % 2 ? MIB(2) : KIB(4));
		for (u64 p = first; p < last; p++)
			conflict |=
			    model[p] != UNMAPPED &&
			    model[p] != ((out + (p - first) * PAGE_SIZE) | masked(f, attrs));

		int err = pt_map(&f->pt, BASE + from, PADDR(out), size, attrs);

		if (err == ERR_NOMEM)
			return;
		if (err == ERR_BUSY) {
			assert_true(f->pt.owed.owed);
			return;
		}
		assert_int_equal(err, conflict ? ERR_EXIST : OK);
		for (u64 p = first; !err && p < last; p++)
			model[p] = (out + (p - first) * PAGE_SIZE) | masked(f, attrs);
	} else {
		bool protect = random_u64() % 3 == 0;
		int err = protect ? pt_protect(&f->pt, BASE + from, size, attrs)
				  : pt_unmap(&f->pt, BASE + from, size);

		if (err == ERR_NOMEM)
			return;
		assert_int_equal(err, OK);
		for (u64 p = first; p < last; p++)
			if (model[p] != UNMAPPED)
				model[p] =
				    protect ? (model[p] & ~0xfffull) | masked(f, attrs) : UNMAPPED;
		if (settled)
			settle(f);
	}
}

static void random_sequences(void **state)
{
	struct fixture f;

	memory = memory_now;
	flush_result = OK;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(&f, k, k % 2 ? MIB(1) : POOL_SIZE, true);
		memset(model, 0xff, sizeof(model));
		seed = 0x9e3779b97f4a7c15ull + k;
		for (int i = 0; i < 600; i++) {
			step(&f);
			if (i % 60 == 59)
				check_all(&f);
		}
		assert_int_equal(pt_fini(&f.pt, flush, NULL), OK);
		assert_int_equal(f.pool.in_use, 0);
	}
}

/* ---- what a walker that does not snoop sees at every moment ----------------------------------- */

static u8 shadow[POOL_SIZE];
static struct fixture *watched;
static struct seen before[4], after[4];
static const u64 probes[4] = {GIB(2) - KIB(4), GIB(2), GIB(2) + MIB(3), GIB(2) + MIB(4)};
static u64 events;

static const u8 *memory_shadow(u64 pa)
{
	assert_true(pa >= POOL_BASE && pa < POOL_BASE + POOL_SIZE);
	return shadow + (pa - POOL_BASE);
}

static bool same(struct seen a, struct seen b)
{
	return a.there == b.there && a.out == b.out && a.r == b.r && a.w == b.w;
}

static void on_flush(void *model_of, const void *va, size_t n)
{
	u64 from = port_pa(va).v - POOL_BASE;

	memcpy(shadow + from, va, n);
	events++;
	if (!watched)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
		struct seen s = walk(watched, probes[i]);

		assert_true(same(s, before[i]) || same(s, after[i]));
	}
}

static void no_walker_sees_a_half_state(void **state)
{
	struct fake_watch watch = {.flush = on_flush};
	struct fixture f;

	flush_result = OK;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		u64 pages = 0;

		begin(&f, k, POOL_SIZE, false);
		fake_machine_reset();
		fake_ram_add(PADDR(POOL_BASE), POOL_SIZE);
		fake_watch_add(&watch);
		memset(shadow, 0xff, sizeof(shadow)); /* what was there before: not zeroes */
		watched = NULL;
		pool_init(&f.pool, PADDR(POOL_BASE), POOL_SIZE);
		assert_int_equal(pt_init(&f.pt, f.format, &f.pool, f.levels, f.leaf, false), OK);
		memory = memory_shadow;
		watched = &f;
		memset(before, 0, sizeof(before));
		memset(after, 0, sizeof(after));
		events = 0;
		for (unsigned i = 1; i < 3; i++)
			after[i] = (struct seen){true, probes[i] + GIB(3), 1, 1, 0, 0, 0};
		assert_int_equal(pt_map(&f.pt, GIB(2), PADDR(GIB(5)), MIB(4), PT_RW), OK);
		memcpy(before, after, sizeof(before));
		for (unsigned i = 0; i < 4; i++)
			assert_true(same(walk(&f, probes[i]), before[i]));
		/* Cut a page out of the middle: its neighbours stay reachable throughout. */
		after[2].there = after[2].r = after[2].w = 0;
		after[2].out = 0;
		assert_int_equal(pt_unmap(&f.pt, probes[2], KIB(4)), OK);
		assert_false(walk(&f, probes[2]).there);
		memcpy(before, after, sizeof(before));
		after[1].w = false;
		assert_int_equal(pt_protect(&f.pt, GIB(2), MIB(1), PT_R), OK);
		assert_true(same(walk(&f, probes[1]), after[1]));
		memcpy(before, after, sizeof(before));
		memset(after, 0, sizeof(after));
		assert_int_equal(pt_unmap(&f.pt, GIB(2), MIB(4)), OK);
		for (pages = 0; pages < 4; pages++)
			assert_false(walk(&f, probes[pages]).there);
		assert_true(events > 6);
		watched = NULL;
	}
	memory = memory_now;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(largest_leaves_and_fewest_tables),
	    cmocka_unit_test(attributes_by_format),
	    cmocka_unit_test(refusals_change_nothing),
	    cmocka_unit_test(upper_half_of_own_tables),
	    cmocka_unit_test(end_of_the_address_space),
	    cmocka_unit_test(nothing_is_given_back_before_the_flush),
	    cmocka_unit_test(splitting_takes_exactly_what_it_needs),
	    cmocka_unit_test(random_sequences),
	    cmocka_unit_test(no_walker_sees_a_half_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
