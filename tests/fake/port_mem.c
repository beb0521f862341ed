#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/port.h"
#include "tests/fake/port_mem.h"

#define RANGES_MAX 16

static struct range {
	u64 base, size;
	u8 *at;
} ranges[RANGES_MAX];
static unsigned nranges;

void fake_ram_add(paddr_t base, u64 size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED || nranges == RANGES_MAX) {
		fprintf(stderr, "fake RAM: cannot add %#lx+%#lx\n", base.v, size);
		abort();
	}
	ranges[nranges++] = (struct range){base.v, size, at};
}

void fake_ram_reset(void)
{
	while (nranges) {
		nranges--;
		munmap(ranges[nranges].at, ranges[nranges].size);
	}
}

static void *at(paddr_t pa, u64 n)
{
	for (unsigned i = 0; i < nranges; i++) {
		struct range *r = &ranges[i];

		if (pa.v >= r->base && pa.v - r->base < r->size && n <= r->size - (pa.v - r->base))
			return r->at + (pa.v - r->base);
	}
	fprintf(stderr, "fake RAM: no memory at %#lx+%#lx\n", pa.v, n);
	abort();
}

void *port_va(paddr_t pa)
{
	return at(pa, 1);
}

paddr_t port_pa(const void *va)
{
	for (unsigned i = 0; i < nranges; i++) {
		struct range *r = &ranges[i];

		if ((const u8 *)va >= r->at && (const u8 *)va < r->at + r->size)
			return PADDR(r->base + (u64)((const u8 *)va - r->at));
	}
	fprintf(stderr, "fake RAM: %p is not in it\n", va);
	abort();
}

void port_copy_from(void *dst, paddr_t pa, size_t n)
{
	memcpy(dst, at(pa, n), n);
}

void port_copy_to(paddr_t pa, const void *src, size_t n)
{
	memcpy(at(pa, n), src, n);
}

void port_zero(paddr_t pa, u64 n)
{
	memset(at(pa, n), 0, n);
}
