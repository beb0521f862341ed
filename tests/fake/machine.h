/*
 * A machine in a test process: the RAM, register windows and configuration space behind
 * core/port.h. Register models (an IOMMU, a device) attach themselves to it and watch what the
 * code under test does between their registers: barriers, cache flushes, polling, 16-byte
 * exchanges.
 *
 * One machine a process. Every misuse the port's contract forbids (a register window that was
 * never mapped, an access past its end, memory that is not RAM) aborts the test with a line.
 */
#pragma once

#include "core/port.h"

/* Forget all RAM, windows, functions and watchers; the clock starts again at 0. */
void fake_machine_reset(void);

/* Give the machine zeroed RAM [base, base + size); the memory is taken from the host lazily. */
void fake_ram_add(paddr_t base, u64 size);
/* Is [pa, pa + n) RAM of this machine? */
bool fake_ram_has(paddr_t pa, u64 n);

struct fake_mmio_ops {
	u64 (*read)(void *model, u64 off, u8 width);
	void (*write)(void *model, u64 off, u8 width, u64 v);
};

/* Put a register window of `size` bytes at `pa`, page-aligned. */
void fake_mmio_add(paddr_t pa, u64 size, const struct fake_mmio_ops *ops, void *model);

/* The same for a window that may be mapped by pieces, as a BAR is. */
void fake_mmio_add_pieces(paddr_t pa, u64 size, const struct fake_mmio_ops *ops, void *model);

struct fake_pci_ops {
	u32 (*read)(void *model, u16 off, u8 width);
	void (*write)(void *model, u16 off, u8 width, u32 v);
};

/* Put a function's configuration space at `bdf`; what is not there reads all ones. */
void fake_pci_add(struct bdf bdf, const struct fake_pci_ops *ops, void *model);

/*
 * What a model learns besides its own registers. NULL members are not called. `exchange` runs
 * after a successful port_cmpxchg128; `barrier` on port_wmb and port_mb; `relax` in polling loops,
 * which is where commands complete late.
 */
struct fake_watch {
	void (*barrier)(void *model);
	void (*flush)(void *model, const void *va, size_t n);
	void (*relax)(void *model);
	void (*exchange)(void *model, volatile u128 *p, u128 old, u128 new);
	void *model;
	struct fake_watch *next;
};

/* `w` stays the caller's and lives until fake_machine_reset(). */
void fake_watch_add(struct fake_watch *w);

/* Let the clock of port_time_ns() pass; each port_relax() passes 1 microsecond by itself. */
void fake_time_pass(u64 ns);

/* How often port_cache_flush_all() was called since fake_machine_reset(). */
u32 fake_cache_flushes(void);

/* Sees every line of port_log() while not NULL. */
extern void (*fake_log)(enum log_level level, const char *line);

/* Print a line and abort: the code under test, or the test, broke a contract. */
void fake_fail(const char *format, ...) __noreturn __attribute__((format(printf, 1, 2)));
