/*
 * The one page-table walker. A table is 512 entries of 8 bytes a level; what the bits of an entry
 * mean is a struct pt_format: nested tables of both vendors, second-level tables of both IOMMUs and
 * the hypervisor's own x86 tables.
 *
 * Addresses put in are guest-physical, I/O virtual or virtual, by format, so they are plain u64;
 * the caller unwraps its typed address where it names the table. Addresses put out are paddr_t.
 *
 * A walker (core or IOMMU) may use the tables at any moment: every entry changes by one 8-byte
 * store from one valid state to another, a new table is complete in memory before an entry points
 * to it, and a table taken out is given back only after the flush (pt_settle). Not locked: one core
 * changes a table at a time.
 */
#pragma once

#include "core/base/pool.h"
#include "core/base/types.h"

/* What a mapping allows: bits of an attribute word. */
#define PT_R 1u
#define PT_W 2u
#define PT_X 4u
#define PT_SNOOP \
	8u /* IOMMU formats: DMA is made cache-coherent even when the device says no-snoop */
#define PT_RW  (PT_R | PT_W)
#define PT_RWX (PT_R | PT_W | PT_X)

/*
 * Memory type, in the same word. PT_WB: RAM, the guest's PAT may weaken it. PT_UC, PT_WC: forced.
 * PT_GUEST: device memory where the guest's PAT chooses between UC and WC. IOMMU formats have no
 * type and ignore it. The x86 formats reach WC through entry 1 of the PAT, which the hypervisor
 * therefore loads with PT_HOST_PAT.
 */
#define PT_WB	     (0u << 4)
#define PT_UC	     (1u << 4)
#define PT_WC	     (2u << 4)
#define PT_GUEST     (3u << 4)
#define PT_TYPE_MASK (3u << 4)
#define PT_HOST_PAT  0x0407050600070106ull /* WB, WC, UC-, UC, WB, WP, UC-, WT */

struct pt_format;
extern const struct pt_format pt_format_x86; /* own tables, AMD APM 2 §5.3; kernel addresses */
extern const struct pt_format pt_format_npt; /* AMD nested tables, APM 2 §15.25.5 */
extern const struct pt_format pt_format_ept; /* Intel EPT, SDM 3 §29.3.2; A/D flags unused */
extern const struct pt_format pt_format_vtd; /* VT-d second level, VT-d 4.1 §9.8; 3 to 5 levels */
extern const struct pt_format pt_format_amdvi; /* AMD-Vi v1 host tables, 48882 §2.2.3; 1 to 6 */

/* Largest leaf a table may use, by the level of its entry. A size implies all smaller ones. */
enum pt_leaf_max { PT_LEAF_4K = 1, PT_LEAF_2M = 2, PT_LEAF_1G = 3 };

/*
 * What entries that were taken away or tightened still owe: the walkers' caches of [lo, hi] are to
 * be invalidated, those of non-leaf entries too when `tables` is not 0, and only then are the pages
 * given back. It lives in its table and leaves it by pt_settle() alone.
 */
struct pt_gather {
	bool owed;
	u64 lo, hi;   /* input addresses, inclusive, page-aligned outward */
	u64 tables;   /* table pages waiting to be given back */
	paddr_t head; /* first of them, linked through their first 8 bytes */
};

struct pt {
	const struct pt_format *format;
	struct pool *pool;
	paddr_t root;
	u8 levels;     /* 1..6: the root's level */
	u8 leaf_max;   /* enum pt_leaf_max */
	bool coherent; /* false: walkers do not snoop, cache lines are written back */
	u64 tables;    /* table pages in use, root included, those owed excluded */
	struct pt_gather owed;
};

/*
 * An empty table of `levels` levels. The pool outlives it; table pages come from it and go back to
 * it. ERR_NOMEM: no page for the root. ERR_UNSUPPORTED: the format has no such number of levels.
 */
__must_check int pt_init(struct pt *pt, const struct pt_format *format, struct pool *pool,
			 unsigned levels, enum pt_leaf_max leaf_max, bool coherent);

/* Bits an input address has; 64 for six levels. A canonical format also takes the upper half. */
unsigned pt_input_bits(const struct pt *pt);

/*
 * Map [in, in + size) to [out, out + size), in the largest leaves that fit. All multiples of
 * PAGE_SIZE, size > 0.
 *
 * All or nothing: on error nothing changed. Parts that already map to the same place with the same
 * attributes are left as they are. Mapping where nothing was needs no flush, but for walkers that
 * cache absence (VT-d caching mode, AMD-Vi NpCache).
 *
 * ERR_INVAL: alignment or attributes the format cannot express. ERR_RANGE: beyond the table's
 * input or 52 output bits. ERR_EXIST: something else is mapped there. ERR_BUSY: part of the range
 * was unmapped and the flush is still owed. ERR_NOMEM: the pool cannot hold the tables needed.
 */
__must_check int pt_map(struct pt *pt, u64 in, paddr_t out, u64 size, u32 attrs);

/*
 * Take [in, in + size) away; holes are fine. Large leaves that stick out are split. Until
 * pt_settle() has returned OK the memory that was mapped there is still reachable: it must not get
 * another owner before. ERR_INVAL, ERR_RANGE, and ERR_NOMEM (splitting) leave everything as it was.
 */
__must_check int pt_unmap(struct pt *pt, u64 in, u64 size);

/* Give what is mapped in [in, in + size) other attributes; holes stay holes. Else as pt_unmap. */
__must_check int pt_protect(struct pt *pt, u64 in, u64 size, u32 attrs);

/* Invalidate every walker's cache of what `g` names and wait until that is done. */
typedef int (*pt_flush_fn)(void *ctx, const struct pt_gather *g);

/*
 * Pay what is owed: call flush(ctx, &owed) and, when it returned OK, give the pages back. The only
 * way out of the owing state; an error of flush is passed up and everything stays owed. OK without
 * a call when nothing is owed.
 */
__must_check int pt_settle(struct pt *pt, pt_flush_fn flush, void *ctx);

/*
 * Take the whole table down: the caller has already made sure that no walker starts from the root.
 * Calls flush once for everything, then returns all pages. An error of flush leaves it intact.
 */
__must_check int pt_fini(struct pt *pt, pt_flush_fn flush, void *ctx);

struct pt_leaf {
	u64 in;	     /* first input address of the leaf */
	paddr_t out; /* where that goes */
	u64 size;
	u32 attrs; /* as pt_map; a type the format cannot tell apart reads as the first that fits */
};

/* The leaf that `in` falls in. ERR_NOENT: nothing is mapped there. ERR_RANGE: beyond the table. */
__must_check int pt_lookup(const struct pt *pt, u64 in, struct pt_leaf *out);

/*
 * Iterate over all leaves in rising order; start with a zeroed cursor. False: there is none left.
 * A table changed meanwhile is fine: the cursor is an address.
 */
struct pt_cursor {
	u64 next; /* input address without its sign */
	bool done;
};
__must_check bool pt_next(const struct pt *pt, struct pt_cursor *c, struct pt_leaf *out);

/*
 * Table pages, the root not counted, that mapping [in, in + size) to out takes in an empty table:
 * for sizing grants. Arguments as pt_map.
 */
u64 pt_tables_for(unsigned levels, enum pt_leaf_max leaf_max, u64 in, paddr_t out, u64 size);
