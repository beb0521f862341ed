#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/fake/machine.h"
#include "tests/fake/view.h"

#define LINE	  64u
#define OBSERVERS 4

static struct {
	u64 base, size;
	bool strict, any_pending;
	u8 *ram;	      /* the machine's, what the code under test reads and writes */
	u8 *view[VIEW_COUNT]; /* what devices see */
	u8 *flushed;	      /* lines written back, on their way to VIEW_MEMORY */
	u8 *pending;	      /* per line: flushed and not yet ordered */
	u32 nobservers;
	struct {
		fake_view_fn fn;
		void *ctx;
	} observers[OBSERVERS];
	struct fake_watch watch;
} views;

struct fake_view_counts fake_view_counts;

static u8 *zeroed(u64 size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fake_fail("no host memory for a view of %llu bytes", (unsigned long long)size);
	return p;
}

static void tell(u64 off, bool atomic)
{
	u128 before, after;

	memcpy(&before, views.view[VIEW_SNOOP] + off, sizeof(before));
	memcpy(&after, views.ram + off, sizeof(after));
	memcpy(views.view[VIEW_SNOOP] + off, &after, sizeof(after));
	for (u32 i = 0; i < views.nobservers; i++)
		views.observers[i].fn(views.observers[i].ctx, PADDR(views.base + off), before,
				      after, atomic);
}

static void order_stores(void)
{
	const u8 *seen = views.view[VIEW_SNOOP];

	for (u64 page = 0; page < views.size; page += PAGE_SIZE) {
		if (!memcmp(views.ram + page, seen + page, PAGE_SIZE))
			continue;
		for (u64 off = page; off < page + PAGE_SIZE; off += 16)
			if (memcmp(views.ram + off, seen + off, 16))
				tell(off, false);
	}
}

static void order_flushes(void)
{
	for (u64 i = 0; views.any_pending && i < views.size / LINE; i++) {
		if (!views.pending[i])
			continue;
		memcpy(views.view[VIEW_MEMORY] + i * LINE, views.flushed + i * LINE, LINE);
		views.pending[i] = 0;
	}
	views.any_pending = false;
}

static void barrier(void *model)
{
	fake_view_counts.barriers++;
	if (views.strict)
		order_stores();
	order_flushes();
}

static void flush(void *model, const void *va, size_t n)
{
	u64 at = (u64)((const u8 *)va - views.ram);

	if ((const u8 *)va < views.ram || at >= views.size)
		return;
	for (u64 off = align_down(at, LINE); off < at + n && off < views.size; off += LINE) {
		memcpy(views.flushed + off, views.ram + off, LINE);
		views.pending[off / LINE] = 1;
		views.any_pending = true;
		fake_view_counts.flushed_lines++;
	}
}

/* The entry already holds `now`; what was stored before it becomes visible first. */
static void exchange(void *model, volatile u128 *p, u128 old, u128 now)
{
	u64 off = (u64)((volatile u8 *)p - views.ram);

	fake_view_counts.exchanges++;
	if ((volatile u8 *)p < views.ram || off >= views.size)
		return;
	*p = old;
	barrier(NULL);
	*p = now;
	if (views.strict && old != now)
		tell(off, true);
}

void fake_view_init(paddr_t base, u64 size, bool strict)
{
	if (views.size) {
		munmap(views.flushed, views.size);
		munmap(views.pending, views.size / LINE);
		for (int i = 0; i < VIEW_COUNT; i++)
			munmap(views.view[i], views.size);
	}
	memset(&views, 0, sizeof(views));
	memset(&fake_view_counts, 0, sizeof(fake_view_counts));
	fake_ram_add(base, size);
	views.base = base.v;
	views.size = size;
	views.strict = strict;
	views.ram = port_va(base);
	views.flushed = zeroed(size);
	views.pending = zeroed(size / LINE);
	for (int i = 0; i < VIEW_COUNT; i++)
		views.view[i] = zeroed(size);
	views.watch = (struct fake_watch){.barrier = barrier, .flush = flush, .exchange = exchange};
	fake_watch_add(&views.watch);
	/* Memory has something in it before the first line is written back. */
	memset(views.view[VIEW_MEMORY], 0xdb, size);
	memset(views.view[VIEW_BUFFERED], 0xdb, size);
}

static bool covered(u64 pa, u64 n)
{
	return pa >= views.base && n <= views.size && pa - views.base <= views.size - n;
}

bool fake_view_read(enum fake_view view, paddr_t pa, void *dst, size_t n)
{
	if (!covered(pa.v, n)) {
		if (!fake_ram_has(pa, n))
			return false;
		port_copy_from(dst, pa, n);
		return true;
	}
	memcpy(dst,
	       (view == VIEW_SNOOP && !views.strict ? views.ram : views.view[view]) +
		   (pa.v - views.base),
	       n);
	return true;
}

bool fake_view_write(paddr_t pa, const void *src, size_t n)
{
	u64 off = pa.v - views.base;

	if (!fake_ram_has(pa, n))
		return false;
	port_copy_to(pa, src, n);
	if (!covered(pa.v, n))
		return true;
	memcpy(views.flushed + off, src, n);
	for (int i = 0; i < VIEW_COUNT; i++)
		memcpy(views.view[i] + off, src, n);
	return true;
}

void fake_view_drain(void)
{
	memcpy(views.view[VIEW_BUFFERED], views.view[VIEW_MEMORY], views.size);
}

void fake_view_evict(void)
{
	memcpy(views.view[VIEW_MEMORY], views.ram, views.size);
	memset(views.pending, 0, views.size / LINE);
	views.any_pending = false;
}

void fake_view_observe(fake_view_fn fn, void *ctx)
{
	if (views.nobservers == OBSERVERS)
		fake_fail("more than %d observers", OBSERVERS);
	views.observers[views.nobservers].fn = fn;
	views.observers[views.nobservers++].ctx = ctx;
}
