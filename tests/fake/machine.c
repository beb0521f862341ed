#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/err.h"
#include "tests/fake/machine.h"

#define MAX_PARTS 64

struct ram {
	u64 base, size;
	u8 *host;
};

struct window {
	u64 base, size;
	const struct fake_mmio_ops *ops;
	void *model;
	bool pieces; /* may be mapped by pieces */
};

struct function {
	struct bdf bdf;
	const struct fake_pci_ops *ops;
	void *model;
};

static struct {
	struct ram ram[MAX_PARTS];
	struct window window[MAX_PARTS];
	struct function function[MAX_PARTS];
	u32 nram, nwindow, nfunction;
	struct fake_watch *watch;
	u64 ns;
	u32 cache_flushes;
} machine;

void fake_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("fake machine: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void fake_machine_reset(void)
{
	for (u32 i = 0; i < machine.nram; i++)
		munmap(machine.ram[i].host, machine.ram[i].size);
	memset(&machine, 0, sizeof(machine));
}

void fake_ram_add(paddr_t base, u64 size)
{
	struct ram *r = &machine.ram[machine.nram];

	if (machine.nram == MAX_PARTS)
		fake_fail("too many pieces of RAM");
	r->host = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->host == MAP_FAILED)
		fake_fail("no host memory for %llu bytes of RAM", (unsigned long long)size);
	r->base = base.v;
	r->size = size;
	machine.nram++;
}

static u8 *ram_find(u64 pa, u64 n)
{
	for (u32 i = 0; i < machine.nram; i++) {
		struct ram *r = &machine.ram[i];

		if (pa >= r->base && pa - r->base < r->size && n <= r->size - (pa - r->base))
			return r->host + (pa - r->base);
	}
	return NULL;
}

static u8 *ram_at(paddr_t pa, u64 n)
{
	u8 *p = ram_find(pa.v, n);

	if (!p)
		fake_fail("[%#llx, +%#llx) is not RAM", (unsigned long long)pa.v,
			  (unsigned long long)n);
	return p;
}

bool fake_ram_has(paddr_t pa, u64 n)
{
	return ram_find(pa.v, n) != NULL;
}

void fake_mmio_add(paddr_t pa, u64 size, const struct fake_mmio_ops *ops, void *model)
{
	if (machine.nwindow == MAX_PARTS)
		fake_fail("too many register windows");
	machine.window[machine.nwindow++] = (struct window){pa.v, size, ops, model, false};
}

void fake_mmio_add_pieces(paddr_t pa, u64 size, const struct fake_mmio_ops *ops, void *model)
{
	fake_mmio_add(pa, size, ops, model);
	machine.window[machine.nwindow - 1].pieces = true;
}

void fake_pci_add(struct bdf bdf, const struct fake_pci_ops *ops, void *model)
{
	if (machine.nfunction == MAX_PARTS)
		fake_fail("too many functions");
	machine.function[machine.nfunction++] = (struct function){bdf, ops, model};
}

void fake_watch_add(struct fake_watch *w)
{
	w->next = machine.watch;
	machine.watch = w;
}

void fake_time_pass(u64 ns)
{
	machine.ns += ns;
}

/* ---- core/port.h: registers ------------------------------------------------------------------ */

/*
 * struct mmio holds the window's number and where in it, not an address: dereferencing it by mistake
 * faults.
 */
#define WINDOW_BITS 8

int port_mmio_map(paddr_t pa, u64 size, struct mmio *out)
{
	if (ram_find(pa.v, 1))
		return ERR_PERM;
	for (u32 i = 0; i < machine.nwindow; i++) {
		const struct window *w = &machine.window[i];

		if (pa.v < w->base || pa.v - w->base >= w->size ||
		    size > w->size - (pa.v - w->base))
			continue;
		if (pa.v != w->base && !w->pieces)
			fake_fail("window %#llx mapped in its middle", (unsigned long long)pa.v);
		*out = (struct mmio){
		    .base = (void *)(uintptr_t)((pa.v - w->base) << WINDOW_BITS | (i + 1)),
		    .size = size,
		};
		return OK;
	}
	fake_fail("no registers at [%#llx, +%#llx)", (unsigned long long)pa.v,
		  (unsigned long long)size);
}

static struct window *window_of(const struct mmio *m, u64 off, u8 width)
{
	u64 i = (uintptr_t)m->base & ((1u << WINDOW_BITS) - 1);

	if (!i || i > machine.nwindow)
		fake_fail("access to registers that were never mapped");
	if (off % width || off > m->size || width > m->size - off)
		fake_fail("register access of %u bytes at %#llx in a window of %#llx", width,
			  (unsigned long long)off, (unsigned long long)m->size);
	return &machine.window[i - 1];
}

static u64 mmio_read(const struct mmio *m, u64 off, u8 width)
{
	struct window *w = window_of(m, off, width);

	return w->ops->read(w->model, off + ((uintptr_t)m->base >> WINDOW_BITS), width);
}

static void mmio_write(const struct mmio *m, u64 off, u8 width, u64 v)
{
	struct window *w = window_of(m, off, width);

	w->ops->write(w->model, off + ((uintptr_t)m->base >> WINDOW_BITS), width, v);
}

u8 port_mmio_read8(const struct mmio *m, u64 off)
{
	return (u8)mmio_read(m, off, 1);
}

u16 port_mmio_read16(const struct mmio *m, u64 off)
{
	return (u16)mmio_read(m, off, 2);
}

u32 port_mmio_read32(const struct mmio *m, u64 off)
{
	return (u32)mmio_read(m, off, 4);
}

u64 port_mmio_read64(const struct mmio *m, u64 off)
{
	return mmio_read(m, off, 8);
}

void port_mmio_write8(const struct mmio *m, u64 off, u8 v)
{
	mmio_write(m, off, 1, v);
}

void port_mmio_write16(const struct mmio *m, u64 off, u16 v)
{
	mmio_write(m, off, 2, v);
}

void port_mmio_write32(const struct mmio *m, u64 off, u32 v)
{
	mmio_write(m, off, 4, v);
}

void port_mmio_write64(const struct mmio *m, u64 off, u64 v)
{
	mmio_write(m, off, 8, v);
}

static struct function *function_at(struct bdf bdf, u16 off, u8 width)
{
	if ((width != 1 && width != 2 && width != 4) || off % width || off >= 4096)
		fake_fail("configuration access of %u bytes at %#x", width, off);
	for (u32 i = 0; i < machine.nfunction; i++) {
		struct function *f = &machine.function[i];

		if (f->bdf.segment == bdf.segment && bdf_rid(f->bdf) == bdf_rid(bdf))
			return f;
	}
	return NULL;
}

u32 port_pci_read(struct bdf bdf, u16 off, u8 width)
{
	struct function *f = function_at(bdf, off, width);

	return f ? f->ops->read(f->model, off, width) : 0xffffffffu >> (32 - 8 * width);
}

void port_pci_write(struct bdf bdf, u16 off, u8 width, u32 v)
{
	struct function *f = function_at(bdf, off, width);

	if (f)
		f->ops->write(f->model, off, width, v);
}

/* ---- core/port.h: memory, order, time -------------------------------------------------------- */

void *port_va(paddr_t pa)
{
	return ram_at(pa, 1);
}

paddr_t port_pa(const void *va)
{
	const u8 *p = va;

	for (u32 i = 0; i < machine.nram; i++)
		if (p >= machine.ram[i].host && p < machine.ram[i].host + machine.ram[i].size)
			return PADDR(machine.ram[i].base + (u64)(p - machine.ram[i].host));
	fake_fail("the physical address of something that is not RAM");
}

void port_copy_from(void *dst, paddr_t pa, size_t n)
{
	memcpy(dst, ram_at(pa, n), n);
}

void port_copy_to(paddr_t pa, const void *src, size_t n)
{
	memcpy(ram_at(pa, n), src, n);
}

void port_cache_flush(const void *va, size_t n)
{
	for (struct fake_watch *w = machine.watch; w; w = w->next)
		if (w->flush)
			w->flush(w->model, va, n);
}

void port_cache_flush_all(void)
{
	machine.cache_flushes++;
}

u32 fake_cache_flushes(void)
{
	return machine.cache_flushes;
}

static void barrier(void)
{
	for (struct fake_watch *w = machine.watch; w; w = w->next)
		if (w->barrier)
			w->barrier(w->model);
}

void port_wmb(void)
{
	barrier();
}

void port_mb(void)
{
	barrier();
}

void port_relax(void)
{
	machine.ns += 1000;
	for (struct fake_watch *w = machine.watch; w; w = w->next)
		if (w->relax)
			w->relax(w->model);
}

bool port_cmpxchg128(volatile u128 *p, u128 *expected, u128 new)
{
	u128 old = *p;

	if ((uintptr_t)p % 16)
		fake_fail("16-byte exchange of an entry that is not aligned");
	if (old != *expected) {
		*expected = old;
		return false;
	}
	*p = new;
	for (struct fake_watch *w = machine.watch; w; w = w->next)
		if (w->exchange)
			w->exchange(w->model, p, old, new);
	return true;
}

u64 port_time_ns(void)
{
	return machine.ns;
}
