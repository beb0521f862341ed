/*
 * Windows: the only way hypervisor code sees memory that is not its own. Each core has 64 slots of
 * 2 MiB for the memory of the guest it runs, looked up like a direct-mapped cache, and 4 KiB slots
 * for anything else, rewritten at each use. A slot is used by its own core only, so one INVLPG is
 * enough.
 */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/layout.h"
#include "core/metal/memory.h"
#include "core/port.h"

#define SMALL	  PORT_WINDOWS /* the entry behind the large ones: a table of 4 KiB slots */
#define SLOTS	  128 /* entries of a core, so that none shares a table with half of another's */
#define CORE_SPAN (SLOTS * PORT_GUEST_SPAN)
#define PRESENT	  1ull
#define WRITABLE  2ull
#define LARGE	  0x80ull
#define NOEXEC	  (1ull << 63)

static u64 *large_entries; /* [core * SLOTS + slot], contiguous level-2 tables */
static u64 *small_entries; /* [core * 512 + slot] */

int window_init(u64 *root, u32 n)
{
	u64 l2_pages = (n * SLOTS + 511) / 512;
	paddr_t l3, l2, l1;
	int err = pool_page(&heap, &l3);

	if (!err)
		err = pool_run(&heap, l2_pages, &l2);
	if (!err)
		err = pool_run(&heap, n, &l1);
	if (err)
		return err;
	if (l2_pages > 512)
		return ERR_UNSUPPORTED;
	u64 *l3_entries = port_va(l3);

	large_entries = port_va(l2);
	small_entries = port_va(l1);
	for (u64 i = 0; i < l2_pages; i++)
		l3_entries[(WINDOW_BASE >> 30 & 511) + i] =
		    (l2.v + i * PAGE_SIZE) | WRITABLE | PRESENT;
	for (u64 i = 0; i < n; i++)
		large_entries[i * SLOTS + SMALL] = (l1.v + i * PAGE_SIZE) | WRITABLE | PRESENT;
	root[WINDOW_BASE >> 39 & 511] = l3.v | WRITABLE | PRESENT;
	return OK;
}

static u64 slot_address(const struct cpu *c, u32 slot)
{
	return WINDOW_BASE + (u64)c->index * CORE_SPAN + slot * PORT_GUEST_SPAN;
}

void *port_guest(paddr_t pa)
{
	struct cpu *c = this_cpu();
	u64 span = pa.v / PORT_GUEST_SPAN;
	u32 slot = span % PORT_WINDOWS;
	u64 at = slot_address(c, slot);

	if (c->windows.tag[slot] != span + 1) {
		large_entries[c->index * SLOTS + slot] =
		    span * PORT_GUEST_SPAN | NOEXEC | LARGE | WRITABLE | PRESENT;
		invlpg(at);
		c->windows.base = slot_address(c, 0);
		c->windows.tag[slot] = span + 1;
	}
	return (void *)(at + pa.v % PORT_GUEST_SPAN);
}

void window_drop(void)
{
	struct cpu *c = this_cpu();

	for (u32 slot = 0; slot < PORT_WINDOWS; slot++) {
		if (!c->windows.tag[slot])
			continue;
		large_entries[c->index * SLOTS + slot] = 0;
		invlpg(slot_address(c, slot));
		c->windows.tag[slot] = 0;
	}
}

/* Before there are windows the early identity map shows what lies below 4 GiB. */
static void *small(paddr_t pa)
{
	if (!small_entries)
		return (void *)pa.v;

	struct cpu *c = this_cpu();
	u64 at = slot_address(c, SMALL);

	small_entries[c->index * 512] = align_down(pa.v, PAGE_SIZE) | NOEXEC | WRITABLE | PRESENT;
	invlpg(at);
	return (void *)(at + pa.v % PAGE_SIZE);
}

static void small_drop(void)
{
	if (!small_entries)
		return;

	struct cpu *c = this_cpu();

	small_entries[c->index * 512] = 0;
	invlpg(slot_address(c, SMALL));
}

static size_t chunk(paddr_t pa, u64 n)
{
	return min_u64(n, PAGE_SIZE - pa.v % PAGE_SIZE);
}

void port_copy_from(void *dst, paddr_t pa, size_t n)
{
	for (size_t c; n; n -= c, pa.v += c, dst = (char *)dst + c) {
		c = chunk(pa, n);
		memcpy(dst, small(pa), c);
	}
	small_drop();
}

void port_copy_to(paddr_t pa, const void *src, size_t n)
{
	for (size_t c; n; n -= c, pa.v += c, src = (const char *)src + c) {
		c = chunk(pa, n);
		memcpy(small(pa), src, c);
	}
	small_drop();
}
