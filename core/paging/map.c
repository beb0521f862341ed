#include "core/paging/walk.h"

struct mapping {
	u64 delta;     /* output minus input */
	u64 bits[2];   /* of leaves at level 1, and above */
	unsigned leaf; /* largest level a leaf can have, by alignment and the table's limit */
};

static bool leaf_fits(unsigned leaf, unsigned level, u64 pos, u64 last)
{
	u64 size = level_size(level);

	return level <= leaf && is_aligned(pos, size) && last - pos >= size - 1;
}

int pt_reserve(struct pt *pt, u64 pages, struct pt_reserve *r)
{
	paddr_t page;

	r->head = PADDR(0);
	for (; pages; pages--) {
		if (pool_page(pt->pool, &page)) {
			pt_unreserve(pt, r);
			return ERR_NOMEM;
		}
		*(u64 *)port_va(page) = r->head.v;
		r->head = page;
	}
	return OK;
}

void pt_unreserve(struct pt *pt, struct pt_reserve *r)
{
	while (r->head.v) {
		paddr_t page = r->head;

		r->head.v = *(u64 *)port_va(page);
		pool_put(pt->pool, page);
	}
}

paddr_t pt_take(struct pt *pt, struct pt_reserve *r)
{
	paddr_t page = r->head;
	u64 *table = port_va(page);

	r->head.v = table[0];
	table[0] = 0;
	pt->tables++;
	return page;
}

/* Does a leaf already say what the mapping would say at `pos`? */
static bool leaf_agrees(const struct mapping *m, u64 e, unsigned level, u64 pos)
{
	u64 size = level_size(level);

	return is_aligned(m->delta, size) &&
	       e == ((align_down(pos, size) + m->delta) | m->bits[level > 1]);
}

/* First pass: is there room, and how many tables will it take? Changes nothing. */
static int survey(const struct pt *pt, const struct mapping *m, struct pt_span s, u64 *need)
{
	const struct pt_format *f = pt->format;
	u64 pos = s.in;

	for (*need = 0;;) {
		const u64 *table = port_va(pt->root);
		unsigned level = pt->levels, i;

		while (i = entry_index(pos, level),
		       entry_present(f, table[i]) && !entry_is_leaf(f, table[i], level)) {
			table = port_va(PADDR(table[i] & PT_ADDR));
			level--;
		}
		for (; i < PT_ENTRIES; i++) {
			u64 e = table[i], slot_last = pos | (level_size(level) - 1);

			if (!entry_present(f, e)) {
				if (!leaf_fits(m->leaf, level, pos, s.last))
					*need += pt_tables_below(level, m->leaf, pos,
								 min_u64(slot_last, s.last));
			} else if (!entry_is_leaf(f, e, level)) {
				break;
			} else if (!leaf_agrees(m, e, level, pos)) {
				return ERR_EXIST;
			}
			if (slot_last >= s.last)
				return OK;
			pos = slot_last + 1;
		}
	}
}

/* Second pass: cannot fail. */
static void write(struct pt *pt, const struct mapping *m, struct pt_span s, struct pt_reserve *r)
{
	const struct pt_format *f = pt->format;
	u64 pos = s.in;

	for (;;) {
		u64 *table = port_va(pt->root);
		unsigned level = pt->levels, first, i;

		for (;; level--) {
			i = entry_index(pos, level);
			if (!entry_present(f, table[i])) {
				if (leaf_fits(m->leaf, level, pos, s.last))
					break;

				paddr_t below = pt_take(pt, r);

				pt_write_back(pt, port_va(below), PAGE_SIZE);
				entry_link(pt, &table[i], below, level);
			} else if (entry_is_leaf(f, table[i], level)) {
				break;
			}
			table = port_va(PADDR(table[i] & PT_ADDR));
		}

		u64 size = level_size(level), bits = m->bits[level > 1];
		bool done = false;

		for (first = i; i < PT_ENTRIES && !done; i++) {
			u64 slot_last = pos | (size - 1);

			if (!entry_present(f, table[i])) {
				if (!leaf_fits(m->leaf, level, pos, s.last))
					break;
				entry_set(&table[i], (pos + m->delta) | bits);
			} else if (!entry_is_leaf(f, table[i], level)) {
				break;
			}
			done = slot_last >= s.last;
			pos = slot_last + 1;
		}
		pt_write_back(pt, &table[first], (i - first) * sizeof(*table));
		if (done)
			return;
	}
}

int pt_map(struct pt *pt, u64 in, paddr_t out, u64 size, u32 attrs)
{
	const struct pt_gather *g = &pt->owed;
	struct pt_reserve reserve;
	struct pt_span s;
	struct mapping m;
	u64 need;
	int err;

	err = pt_input_range(pt, in, size, &s);
	if (err)
		return err;
	if (!is_aligned(out.v, PAGE_SIZE))
		return ERR_INVAL;
	if (out.v > PT_ADDR || size - PAGE_SIZE > PT_ADDR - out.v)
		return ERR_RANGE;
	if (g->owed && s.in <= g->hi && g->lo <= s.last)
		return ERR_BUSY;
	m.delta = out.v - s.in;
	m.bits[0] = format_leaf_bits(pt->format, attrs, 1);
	m.bits[1] = format_leaf_bits(pt->format, attrs, 2);
	m.leaf = pt_leaf_level(s.in, out.v, pt->leaf_max);
	if (!m.bits[0])
		return ERR_INVAL;

	err = survey(pt, &m, s, &need);
	if (err)
		return err;
	err = pt_reserve(pt, need, &reserve);
	if (err)
		return err;
	write(pt, &m, s, &reserve);
	pt_unreserve(pt, &reserve);
	return OK;
}
