/* What the files of core/paging share. Private to it. */
#pragma once

#include "core/base/err.h"
#include "core/paging/format.h"
#include "core/port.h"

/* A checked piece of input addresses, without sign extension; `last` is inclusive. */
struct pt_span {
	u64 in, last;
};
__must_check int pt_input_range(const struct pt *pt, u64 in, u64 size, struct pt_span *s);

/*
 * Go down from the root towards `in` (without its sign) until an entry that is a leaf or absent.
 * Returns its value, and its level in *level.
 */
u64 pt_descend(const struct pt *pt, u64 in, unsigned *level);

/* Take everything in the span away, or give it other attributes when `bits` is not NULL. */
__must_check int pt_edit(struct pt *pt, struct pt_span s, const u64 bits[2]);

/*
 * Table pages set aside before the first entry changes, so that no change stops half way. Linked
 * through their first 8 bytes.
 */
struct pt_reserve {
	paddr_t head;
};
__must_check int pt_reserve(struct pt *pt, u64 pages, struct pt_reserve *r);
/* One of the pages set aside, zeroed; the reserve was made large enough. */
paddr_t pt_take(struct pt *pt, struct pt_reserve *r);
void pt_unreserve(struct pt *pt, struct pt_reserve *r);

/* Walkers that do not snoop get to see [va, va + n). */
static inline void pt_write_back(const struct pt *pt, const void *va, u64 n)
{
	if (!pt->coherent)
		port_cache_flush(va, n);
}

/* One store: a walker sees the old entry or the new one. */
static inline void entry_set(u64 *p, u64 e)
{
	*(volatile u64 *)p = e;
}

/* Point an entry to a table whose contents are final as far as they go. */
static inline void entry_link(const struct pt *pt, u64 *p, paddr_t table, unsigned level)
{
	port_wmb(); /* the walker that follows the entry must find the table's contents */
	entry_set(p, table.v | pt->format->table[level]);
	pt_write_back(pt, p, sizeof(*p));
}
