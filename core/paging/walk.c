#include "core/paging/walk.h"

int pt_init(struct pt *pt, const struct pt_format *format, struct pool *pool, unsigned levels,
	    enum pt_leaf_max leaf_max, bool coherent)
{
	*pt = (struct pt){
	    .format = format,
	    .pool = pool,
	    .levels = (u8)levels,
	    .leaf_max = (u8)leaf_max,
	    .coherent = coherent,
	    .tables = 1,
	};
	if (levels < format->levels_min || levels > format->levels_max || leaf_max < PT_LEAF_4K ||
	    leaf_max > PT_LEAF_1G)
		return ERR_UNSUPPORTED;

	int err = pool_page(pool, &pt->root);

	if (err)
		return err;
	pt_write_back(pt, port_va(pt->root), PAGE_SIZE);
	return OK;
}

unsigned pt_input_bits(const struct pt *pt)
{
	return pt->levels == 6 ? 64 : 12 + 9 * pt->levels;
}

/* Input address without its sign extension; ERR_RANGE when it is not one of this table's. */
static int input(const struct pt *pt, u64 *in)
{
	unsigned bits = pt_input_bits(pt);

	if (bits == 64)
		return OK;

	u64 top = *in >> (bits - 1);
	bool fits = pt->format->canonical ? !top || top == ~0ull >> (bits - 1) : top < 2;

	if (!fits)
		return ERR_RANGE;
	*in &= (1ull << bits) - 1;
	return OK;
}

/* A canonical address is written with its sign, the rest as it is. */
static u64 output(const struct pt *pt, u64 in)
{
	unsigned bits = pt_input_bits(pt);

	if (pt->format->canonical && in >> (bits - 1))
		in |= ~0ull << bits;
	return in;
}

int pt_input_range(const struct pt *pt, u64 in, u64 size, struct pt_span *s)
{
	if (!size || !is_aligned(in | size, PAGE_SIZE))
		return ERR_INVAL;
	s->in = in;
	s->last = in + (size - 1);
	if (s->last < in || input(pt, &s->in) || input(pt, &s->last) || s->last < s->in ||
	    s->last - s->in != size - 1)
		return ERR_RANGE;
	return OK;
}

u64 pt_descend(const struct pt *pt, u64 in, unsigned *level)
{
	const struct pt_format *f = pt->format;
	const u64 *table = port_va(pt->root);

	for (*level = pt->levels;; --*level) {
		u64 e = table[entry_index(in, *level)];

		if (!entry_present(f, e) || entry_is_leaf(f, e, *level))
			return e;
		table = port_va(PADDR(e & PT_ADDR));
	}
}

static void fill_leaf(const struct pt *pt, u64 in, u64 e, unsigned level, struct pt_leaf *out)
{
	u64 size = level_size(level);

	*out = (struct pt_leaf){
	    .in = output(pt, align_down(in, size)),
	    .out = PADDR(align_down(e & PT_ADDR, size)),
	    .size = size,
	    .attrs = format_attrs(pt->format, e),
	};
}

int pt_lookup(const struct pt *pt, u64 in, struct pt_leaf *out)
{
	unsigned level;

	if (input(pt, &in))
		return ERR_RANGE;

	u64 e = pt_descend(pt, in, &level);

	if (!entry_present(pt->format, e))
		return ERR_NOENT;
	fill_leaf(pt, in, e, level, out);
	return OK;
}

bool pt_next(const struct pt *pt, struct pt_cursor *c, struct pt_leaf *out)
{
	unsigned bits = pt_input_bits(pt);
	u64 last = bits == 64 ? ~0ull : (1ull << bits) - 1;

	while (!c->done) {
		unsigned level;
		u64 in = c->next;
		u64 e = pt_descend(pt, in, &level);
		u64 slot_last = in | (level_size(level) - 1);

		c->done = slot_last >= last;
		c->next = slot_last + 1;
		if (entry_present(pt->format, e)) {
			fill_leaf(pt, in, e, level, out);
			return true;
		}
	}
	return false;
}

int pt_settle(struct pt *pt, pt_flush_fn flush, void *ctx)
{
	struct pt_gather *g = &pt->owed;

	if (!g->owed)
		return OK;

	struct pt_gather shown = *g;

	shown.lo = output(pt, g->lo);
	shown.hi = output(pt, g->hi);

	int err = flush(ctx, &shown);

	if (err)
		return err;
	while (g->head.v) {
		paddr_t page = g->head;

		g->head.v = *(u64 *)port_va(page);
		pool_put(pt->pool, page);
	}
	*g = (struct pt_gather){0};
	return OK;
}

int pt_fini(struct pt *pt, pt_flush_fn flush, void *ctx)
{
	unsigned bits = pt_input_bits(pt);
	struct pt_span all = {0, bits == 64 ? ~0ull : (1ull << bits) - 1};
	int err = pt_edit(pt, all, NULL);

	if (err)
		return err;
	err = pt_settle(pt, flush, ctx);
	if (err)
		return err;
	pool_put(pt->pool, pt->root);
	pt->root = PADDR(0);
	pt->tables = 0;
	return OK;
}
