/*
 * The one door from pure code to hardware.
 *
 * Everything under core/, iommu/, passthrough/, vgpu/ and profiles/ that is not in a metal/ or
 * host/ folder reaches the machine through these functions and no others. The hypervisor
 * implements them on hardware (core/metal/port.c), the tests on register models (tests/fake/).
 *
 * None of them fails unless it says so: arguments are checked by the caller, against sizes that
 * came from the device or the table.
 */
#pragma once

#include "core/base/types.h"

/* ---- memory-mapped registers ---------------------------------------------------------------- */

/* A mapped register window. Obtained once, at start or attach; uncached; strictly ordered. */
struct mmio {
	volatile void *base;
	u64 size; /* bytes */
};

/*
 * Map `size` bytes of device registers at host-physical `pa` (page-aligned outward).
 * Returns ERR_NOMEM when the register window space is used up, ERR_PERM when `pa` is RAM.
 */
__must_check int port_mmio_map(paddr_t pa, u64 size, struct mmio *out);

/* One access of exactly the named width at byte offset `off` (off + width <= m->size). */
u8 port_mmio_read8(const struct mmio *m, u64 off);
u16 port_mmio_read16(const struct mmio *m, u64 off);
u32 port_mmio_read32(const struct mmio *m, u64 off);
u64 port_mmio_read64(const struct mmio *m, u64 off);
void port_mmio_write8(const struct mmio *m, u64 off, u8 v);
void port_mmio_write16(const struct mmio *m, u64 off, u16 v);
void port_mmio_write32(const struct mmio *m, u64 off, u32 v);
void port_mmio_write64(const struct mmio *m, u64 off, u64 v);

/* ---- PCI configuration space (PCIe 5.0 §7.2) ------------------------------------------------ */

/*
 * width is 1, 2 or 4 and `off` a multiple of it below 4096. A function that is not there, or a
 * register the access method cannot reach (extended space by CF8/CFC), reads all ones; writes to
 * it are dropped.
 */
u32 port_pci_read(struct bdf bdf, u16 off, u8 width);
void port_pci_write(struct bdf bdf, u16 off, u8 width, u32 v);

/* ---- memory --------------------------------------------------------------------------------- */

/*
 * The hypervisor-owned page or table at `pa` (from a pool, see core/base/pool.h) as a pointer.
 * Valid for the lifetime of the pool. Never for guest memory.
 */
void *port_va(paddr_t pa);
paddr_t port_pa(const void *va);

/*
 * Copy from or to any RAM of the machine through the calling core's window, briefly.
 * [pa, pa + n) must lie in RAM the caller has already proven to own.
 */
void port_copy_from(void *dst, paddr_t pa, size_t n);
void port_copy_to(paddr_t pa, const void *src, size_t n);

/*
 * The guest memory at `pa` as a pointer, good up to the next multiple of PORT_GUEST_SPAN, for the
 * core that runs that guest and as long as it does. The span around pa belongs to the guest whole.
 */
#define PORT_GUEST_SPAN MIB(2)
void *port_guest(paddr_t pa);

/*
 * Which spans a core's windows show at the moment: what lies at `base + n * PORT_GUEST_SPAN` is span
 * number tag[n] - 1. Read-only outside the port.
 */
#define PORT_WINDOWS 64
struct port_windows {
	u64 base;
	u64 tag[PORT_WINDOWS];
};

/*
 * A place in guest memory that is looked at again and again by the core of these windows: it is at
 * `at` while its span is shown. It spares a call, and the arithmetic of port_guest().
 */
struct port_place {
	const u64 *tag;
	u64 shown; /* *tag while the span is there */
	const void *at;
};

static inline struct port_place port_guest_place(const struct port_windows *w, paddr_t pa)
{
	u64 span = pa.v / PORT_GUEST_SPAN, n = span % PORT_WINDOWS;

	return (struct port_place){
	    .tag = &w->tag[n],
	    .shown = span + 1,
	    .at = (const void *)(w->base + n * PORT_GUEST_SPAN + pa.v % PORT_GUEST_SPAN),
	};
}

/* One that is never shown. */
static inline struct port_place port_no_place(const struct port_windows *w)
{
	return (struct port_place){.tag = &w->tag[0], .shown = ~0ull};
}

static inline bool port_place_shown(const struct port_place *p)
{
	return *p->tag == p->shown;
}

/* Write back the cache lines of [va, va + n), for page walkers that do not snoop. */
void port_cache_flush(const void *va, size_t n);
/* Write back and empty all caches of the calling core, those it shares included: WBINVD, milliseconds. */
void port_cache_flush_all(void);

/* Earlier writes are visible to devices and cores before later ones / earlier accesses complete. */
void port_wmb(void);
void port_mb(void);
/* A hint inside a polling loop. */
void port_relax(void);

/*
 * Compare-and-exchange of an aligned 16-byte table entry. Returns true and stores `new` when *p
 * equals *expected, else false and the current value in *expected (AMD-Vi 2.2.2, VT-d 9.9).
 */
__must_check bool port_cmpxchg128(volatile u128 *p, u128 *expected, u128 new);

/* ---- time ----------------------------------------------------------------------------------- */

/* Nanoseconds since start; never goes back on one core; good for bounds, not for ordering. */
u64 port_time_ns(void);

/* ---- log ------------------------------------------------------------------------------------ */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line, without the newline. Formats as core/base/fmt.h. Never sleeps, never fails. */
void port_log(enum log_level level, const char *format, ...) __printf(2, 3);
