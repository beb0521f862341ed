/* core/port.h on hardware: what does not belong to memory.c, window.c, time.c or log.c. */
#include "core/base/lock.h"
#include "core/metal/asm.h"
#include "core/metal/pci.h"
#include "core/port.h"

#define DEFINE_MMIO(bits)                                                     \
	u##bits port_mmio_read##bits(const struct mmio *m, u64 off)           \
	{                                                                     \
		return *(volatile u##bits *)((volatile char *)m->base + off); \
	}                                                                     \
	void port_mmio_write##bits(const struct mmio *m, u64 off, u##bits v)  \
	{                                                                     \
		*(volatile u##bits *)((volatile char *)m->base + off) = v;    \
	}
DEFINE_MMIO(8)
DEFINE_MMIO(16)
DEFINE_MMIO(32)
DEFINE_MMIO(64)

void port_cache_flush(const void *va, size_t n)
{
	u64 line = align_down((u64)va, 64), end = (u64)va + n;

	port_mb();
	for (; line < end; line += 64)
		asm volatile("clflush (%0)" : : "r"(line) : "memory");
	port_mb();
}

void port_cache_flush_all(void)
{
	asm volatile("wbinvd" : : : "memory");
}

/* Stores are not reordered with stores on x86; SFENCE also orders write-combining ones. */
void port_wmb(void)
{
	asm volatile("sfence" : : : "memory");
}

void port_mb(void)
{
	asm volatile("mfence" : : : "memory");
}

void port_relax(void)
{
	cpu_pause();
}

bool port_cmpxchg128(volatile u128 *p, u128 *expected, u128 new)
{
	u64 lo = (u64)*expected, hi = (u64)(*expected >> 64);
	bool ok;

	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz"(ok), "+m"(*p), "+a"(lo), "+d"(hi)
		     : "b"((u64) new), "c"((u64)(new >> 64))
		     : "memory");
	*expected = (u128)hi << 64 | lo;
	return ok;
}

/* ---- configuration space --------------------------------------------------------------------- */

static struct ecam_window windows[ECAM_WINDOWS];
static u32 nwindows;
static struct spinlock cf8_lock;

bool pci_add_ecam(u16 segment, u8 first_bus, u8 last_bus, const struct mmio *regs)
{
	if (nwindows == ECAM_WINDOWS)
		return false;
	windows[nwindows++] = (struct ecam_window){segment, first_bus, last_bus, *regs};
	return true;
}

/* CF8/CFC reaches segment 0 where no window does. */
bool pci_buses(u32 i, struct pci_buses *out)
{
	if (!nwindows && !i) {
		*out = (struct pci_buses){0, 0, 0xff};
		return true;
	}
	if (i >= nwindows)
		return false;
	*out = (struct pci_buses){windows[i].segment, windows[i].first_bus, windows[i].last_bus};
	return true;
}

static const struct ecam_window *ecam_find(struct bdf b)
{
	for (u32 i = 0; i < nwindows; i++)
		if (windows[i].segment == b.segment && b.bus >= windows[i].first_bus &&
		    b.bus <= windows[i].last_bus)
			return &windows[i];
	return NULL;
}

static u64 ecam_offset(const struct ecam_window *w, struct bdf b, u16 off)
{
	return (u64)(b.bus - w->first_bus) << 20 | (u64)b.devfn << 12 | off;
}

u32 port_pci_read(struct bdf b, u16 off, u8 width)
{
	const struct ecam_window *w = ecam_find(b);
	u32 v;

	if (w) {
		u64 at = ecam_offset(w, b, off);

		return width == 1   ? port_mmio_read8(&w->regs, at)
		       : width == 2 ? port_mmio_read16(&w->regs, at)
				    : port_mmio_read32(&w->regs, at);
	}
	if (b.segment || off > 255)
		return width == 4 ? ~0u : (1u << width * 8) - 1;
	spin_lock(&cf8_lock);
	outl(0xcf8, 0x80000000u | (u32)b.bus << 16 | (u32)b.devfn << 8 | (off & 0xfc));
	v = width == 1 ? inb(0xcfc + (off & 3)) : width == 2 ? inw(0xcfc + (off & 2)) : inl(0xcfc);
	spin_unlock(&cf8_lock);
	return v;
}

void port_pci_write(struct bdf b, u16 off, u8 width, u32 v)
{
	const struct ecam_window *w = ecam_find(b);

	if (w) {
		u64 at = ecam_offset(w, b, off);

		if (width == 1)
			port_mmio_write8(&w->regs, at, (u8)v);
		else if (width == 2)
			port_mmio_write16(&w->regs, at, (u16)v);
		else
			port_mmio_write32(&w->regs, at, v);
		return;
	}
	if (b.segment || off > 255)
		return;
	spin_lock(&cf8_lock);
	outl(0xcf8, 0x80000000u | (u32)b.bus << 16 | (u32)b.devfn << 8 | (off & 0xfc));
	if (width == 1)
		outb(0xcfc + (off & 3), (u8)v);
	else if (width == 2)
		outw(0xcfc + (off & 2), (u16)v);
	else
		outl(0xcfc, v);
	spin_unlock(&cf8_lock);
}
