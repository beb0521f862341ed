#include "core/paging/walk.h"

struct path {
	u64 *table[PT_LEVELS_MAX + 1]; /* by level, from the root down to `level` */
	unsigned level;
};

/*
 * Tables it takes to cut the leaf around `cut` there, or, when cut and other lie in one leaf, what
 * `cut` takes besides `other`.
 */
static u64 cut_tables(const struct pt *pt, u64 in, u64 cut, const u64 *other)
{
	unsigned level;
	u64 e = pt_descend(pt, in, &level), tables = 0;

	if (!entry_present(pt->format, e))
		return 0;
	for (; level > 1; level--) {
		u64 size = level_size(level);

		if (is_aligned(cut, size))
			break;
		if (!other || is_aligned(*other, size) || *other / size != cut / size)
			tables++;
	}
	return tables;
}

static u64 split_tables(const struct pt *pt, struct pt_span s)
{
	u64 tables = cut_tables(pt, s.in, s.in, NULL);

	/* The end of a 64-bit space is the end of every leaf there. */
	if (s.last != ~0ull)
		tables += cut_tables(pt, s.last, s.last + 1, &s.in);
	return tables;
}

static void owe(struct pt *pt, u64 lo, u64 hi)
{
	struct pt_gather *g = &pt->owed;

	g->lo = g->owed ? min_u64(g->lo, lo) : lo;
	g->hi = g->owed ? max_u64(g->hi, hi) : hi;
	g->owed = true;
}

/* Replace the leaf at `p` by a table that says the same in the next smaller size. */
static void split(struct pt *pt, u64 *p, unsigned level, u64 pos, struct pt_reserve *r)
{
	u64 e = *p, size = level_size(level), step = level_size(level - 1);
	paddr_t below = pt_take(pt, r);
	u64 *table = port_va(below);

	if (level == 2)
		e &= ~pt->format->large;
	for (unsigned i = 0; i < PT_ENTRIES; i++, e += step)
		table[i] = e;
	pt_write_back(pt, table, PAGE_SIZE);
	entry_link(pt, p, below, level);
	/* Caches hold the large leaf until they are told about all of it. */
	owe(pt, align_down(pos, size), pos | (size - 1));
}

/* Nothing in the table outside [first, last], where nothing is either? Near entries first. */
static bool empty_around(const struct pt_format *f, const u64 *table, unsigned first, unsigned last)
{
	unsigned below = first, above = PT_ENTRIES - 1 - last;

	for (unsigned d = 1; d <= below || d <= above; d++) {
		if (d <= below && entry_present(f, table[first - d]))
			return false;
		if (d <= above && entry_present(f, table[last + d]))
			return false;
	}
	return true;
}

/* Unlink tables that became empty around `pos`, from the run [first, last] of the path's upward. */
static void prune(struct pt *pt, const struct path *path, u64 pos, unsigned first, unsigned last)
{
	for (unsigned level = path->level; level < pt->levels; level++) {
		u64 *table = path->table[level], *above = path->table[level + 1];
		paddr_t page;

		if (!empty_around(pt->format, table, first, last))
			return;
		first = last = entry_index(pos, level + 1);
		page = PADDR(above[first] & PT_ADDR);
		entry_set(&above[first], 0);
		pt_write_back(pt, &above[first], sizeof(u64));
		/* A page address has no present bit in any format: walkers still see an empty table. */
		entry_set(table, pt->owed.head.v);
		pt->owed.head = page;
		pt->owed.tables++;
		pt->tables--;
	}
}

/* Down to the entry for s->in, splitting leaves that stick out of the span. */
static unsigned reach(struct pt *pt, struct pt_span s, struct path *path, struct pt_reserve *r)
{
	const struct pt_format *f = pt->format;
	u64 *table = port_va(pt->root);

	for (unsigned level = pt->levels;; level--) {
		unsigned i = entry_index(s.in, level);
		u64 mask = level_size(level) - 1;

		path->table[level] = table;
		path->level = level;
		if (!entry_present(f, table[i]))
			return i;
		if (entry_is_leaf(f, table[i], level)) {
			if (!(s.in & mask) && s.last - s.in >= mask)
				return i;
			split(pt, &table[i], level, s.in, r);
		}
		table = port_va(PADDR(table[i] & PT_ADDR));
	}
}

int pt_edit(struct pt *pt, struct pt_span s, const u64 bits[2])
{
	const struct pt_format *f = pt->format;
	struct pt_reserve reserve;
	struct path path;
	bool done = false;
	int err;

	err = pt_reserve(pt, split_tables(pt, s), &reserve);
	if (err)
		return err;
	while (!done) {
		unsigned first = reach(pt, s, &path, &reserve), i = first;
		u64 *table = path.table[path.level], start = s.in, lo = 0, hi = 0;
		u64 mask = level_size(path.level) - 1;

		for (; i < PT_ENTRIES && !done; i++) {
			u64 e = table[i], slot_last = s.in | mask;

			if (entry_present(f, e)) {
				u64 want = bits ? (e & PT_ADDR) | bits[path.level > 1] : 0;

				if (!entry_is_leaf(f, e, path.level) || slot_last > s.last)
					break;
				if (want != e) {
					entry_set(&table[i], want);
					lo = hi ? lo : s.in;
					hi = slot_last;
				}
			}
			done = slot_last >= s.last;
			s.in = slot_last + 1;
		}
		if (!hi)
			continue;
		pt_write_back(pt, &table[first], (i - first) * sizeof(*table));
		owe(pt, lo, hi);
		if (!bits)
			prune(pt, &path, start, first, i - 1);
	}
	pt_unreserve(pt, &reserve);
	return OK;
}

int pt_unmap(struct pt *pt, u64 in, u64 size)
{
	struct pt_span s;
	int err = pt_input_range(pt, in, size, &s);

	return err ? err : pt_edit(pt, s, NULL);
}

int pt_protect(struct pt *pt, u64 in, u64 size, u32 attrs)
{
	u64 bits[2] = {format_leaf_bits(pt->format, attrs, 1),
		       format_leaf_bits(pt->format, attrs, 2)};
	struct pt_span s;
	int err = pt_input_range(pt, in, size, &s);

	if (err)
		return err;
	return bits[0] ? pt_edit(pt, s, bits) : ERR_INVAL;
}
