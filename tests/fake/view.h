/*
 * What devices see of RAM, which is not what the code under test wrote last:
 *
 *   VIEW_SNOOP    a walker that snoops the caches: stores show at the next barrier (port_wmb,
 *                 port_mb, port_cmpxchg128, which is a locked instruction)
 *   VIEW_MEMORY   a walker that does not: lines given to port_cache_flush show, at the next barrier
 *   VIEW_BUFFERED behind a chipset's write buffer: VIEW_MEMORY as it was at the last drain
 *
 * The last two hold nonsense at first, like memory after power-on, though RAM reads as zero.
 * So a barrier, flush or drain that is left out shows as a stale read, every time. Without strict
 * order (for long property tests) VIEW_SNOOP is the RAM itself.
 */
#pragma once

#include "core/base/types.h"

enum fake_view { VIEW_SNOOP, VIEW_MEMORY, VIEW_BUFFERED, VIEW_COUNT };

/*
 * Give the fake machine RAM [base, base + size) with views; after each fake_machine_reset(), once.
 * A strict barrier compares all of it: keep it to a few MiB. `size` is a multiple of PAGE_SIZE.
 */
void fake_view_init(paddr_t base, u64 size, bool strict);

/* False when [pa, pa + n) is not RAM of the machine. RAM without views reads as it is. */
__must_check bool fake_view_read(enum fake_view view, paddr_t pa, void *dst, size_t n);
/* A device's own write: every observer sees it at once. */
__must_check bool fake_view_write(paddr_t pa, const void *src, size_t n);

/* The chipset's write buffer is empty now. */
void fake_view_drain(void);
/* Caches may write back any line at any time: all of them, now. */
void fake_view_evict(void);

/*
 * Be told of every aligned 16 bytes that a barrier makes visible to VIEW_SNOOP, in order of
 * address; `atomic` when it was one port_cmpxchg128. Strict order only; until the next init.
 */
typedef void (*fake_view_fn)(void *ctx, paddr_t pa, u128 before, u128 after, bool atomic);
void fake_view_observe(fake_view_fn fn, void *ctx);

/* Since fake_view_init(). */
struct fake_view_counts {
	u64 barriers, flushed_lines, exchanges;
};
extern struct fake_view_counts fake_view_counts;
