/*
 * Pages out of one grant: the only allocator of table memory.
 *
 * A pool hands out zeroed 4 KiB pages, singly or as aligned runs, from a range its owner was given
 * by the plan, and takes single pages back. It never grows and never touches another range, so a
 * workstation that exhausts its grant fails alone. Locked inside: its cores and the host core share
 * the grant.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

struct pool {
	paddr_t base;
	u64 size;     /* bytes, multiple of PAGE_SIZE */
	u64 next;     /* bytes handed out by bumping */
	u64 in_use;   /* bytes handed out and not returned */
	paddr_t free; /* first returned page, linked through its first 8 bytes; v == 0: none */
	struct spinlock lock;
};

/* Take over [base, base + size), page-aligned, hypervisor-owned (port_va works on it), size > 0. */
void pool_init(struct pool *p, paddr_t base, u64 size);

/* One zeroed page. ERR_NOMEM when the grant is used up. */
__must_check int pool_page(struct pool *p, paddr_t *out);

/* `pages` contiguous zeroed pages aligned to their own size rounded up to a power of two. */
__must_check int pool_run(struct pool *p, u64 pages, paddr_t *out);

/*
 * Room for `bytes` > 0 as a mapped object: whole zeroed pages, aligned as pool_run() does. NULL when
 * the grant is used up.
 */
void *pool_bytes(struct pool *p, u64 bytes);

/* Return one page from pool_page. The caller has made sure that no walker can still reach it. */
void pool_put(struct pool *p, paddr_t page);
