/* core/port.h for a program that owns the machine: memory is where it is, everything is reachable. */
#include "core/base/fmt.h"
#include "core/base/err.h"
#include "core/port.h"
#include "attack.h"

#define RUNTIME_MAPS GIB(16)
#define PRESENT_RW   3ull
#define UNCACHED     0x18ull
#define GIANT	     0x80ull

/* 1 GiB page tables for BARs that firmware put far up: one PML4 slot of 512 GiB each. */
static u64 far_tables[4][512] __aligned(4096);
static u32 far_used;

static int map_giant(u64 pa)
{
	u64 cr3, *pml4, *slot;

	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	pml4 = (u64 *)(cr3 & ~0xfffull);
	slot = &pml4[pa >> 39 & 511];
	if (pa >> 47)
		return ERR_NOMEM;
	if (!(*slot & 1)) {
		if (far_used == ARRAY_SIZE(far_tables))
			return ERR_NOMEM;
		*slot = (u64)far_tables[far_used++] | PRESENT_RW;
	}
	((u64 *)(*slot & ~0xfffull))[pa >> 30 & 511] =
	    align_down(pa, GIB(1)) | PRESENT_RW | UNCACHED | GIANT;
	asm volatile("mov %0, %%cr3" ::"r"(cr3) : "memory");
	return OK;
}

int port_mmio_map(paddr_t pa, u64 size, struct mmio *out)
{
	if (pa.v + size > RUNTIME_MAPS) {
		int err = map_giant(pa.v);

		if (err || align_down(pa.v, GIB(1)) != align_down(pa.v + size - 1, GIB(1)))
			return ERR_NOMEM;
	}
	*out = (struct mmio){(volatile void *)pa.v, size};
	return OK;
}

#define ACCESS(bits)                                                         \
	u##bits port_mmio_read##bits(const struct mmio *m, u64 off)          \
	{                                                                    \
		return *(volatile u##bits *)((volatile u8 *)m->base + off);  \
	}                                                                    \
	void port_mmio_write##bits(const struct mmio *m, u64 off, u##bits v) \
	{                                                                    \
		*(volatile u##bits *)((volatile u8 *)m->base + off) = v;     \
	}
ACCESS(8)
ACCESS(16)
ACCESS(32)
ACCESS(64)

u32 port_pci_read(struct bdf bdf, u16 off, u8 width)
{
	u64 at = pci_ecam_address(bdf.bus, bdf.devfn, off);

	if (bdf.segment || !machine.ecam || bdf.bus > machine.ecam_last)
		return 0xffffffff;
	return width == 1   ? *(volatile u8 *)at
	       : width == 2 ? *(volatile u16 *)at
			    : *(volatile u32 *)at;
}

void port_pci_write(struct bdf bdf, u16 off, u8 width, u32 v)
{
	u64 at = pci_ecam_address(bdf.bus, bdf.devfn, off);

	if (bdf.segment || !machine.ecam || bdf.bus > machine.ecam_last)
		return;
	if (width == 1)
		*(volatile u8 *)at = (u8)v;
	else if (width == 2)
		*(volatile u16 *)at = (u16)v;
	else
		*(volatile u32 *)at = v;
}

void *port_va(paddr_t pa)
{
	return (void *)pa.v;
}

paddr_t port_pa(const void *va)
{
	return PADDR((u64)va);
}

void port_copy_from(void *dst, paddr_t pa, size_t n)
{
	memcpy(dst, (const void *)pa.v, n);
}

void port_copy_to(paddr_t pa, const void *src, size_t n)
{
	memcpy((void *)pa.v, src, n);
}

void port_cache_flush(const void *va, size_t n)
{
	for (u64 line = (u64)va & ~63ull; line < (u64)va + n; line += 64)
		asm volatile("clflush (%0)" ::"r"(line) : "memory");
}

void port_wmb(void)
{
	asm volatile("sfence" ::: "memory");
}

void port_mb(void)
{
	asm volatile("mfence" ::: "memory");
}

void port_relax(void)
{
	cpu_relax();
}

bool port_cmpxchg128(volatile u128 *p, u128 *expected, u128 new)
{
	u64 lo = (u64)*expected, hi = (u64)(*expected >> 64);
	bool same;

	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz"(same), "+m"(*p), "+a"(lo), "+d"(hi)
		     : "b"((u64) new), "c"((u64)(new >> 64))
		     : "memory");
	if (!same)
		*expected = (u128)hi << 64 | lo;
	return same;
}

u64 port_time_ns(void)
{
	return rdtsc() / (tsc_hz / 1000000) * 1000;
}

void port_log(enum log_level level, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	if (level <= LOG_INFO)
		print("log: %s\n", line);
}
