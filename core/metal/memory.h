/*
 * The hypervisor's own address space (layout.h): built once at start from the fixed range, the same
 * tables on every core, write-exclusive-or-execute, guard pages between stacks.
 */
#pragma once

#include "core/base/pool.h"
#include "core/base/types.h"
#include "core/port.h"

/* Pages of the fixed range behind the image: everything that is not per core. */
extern struct pool heap;

/* Tables of the remapping units: used while they start, by nothing after. */
extern struct pool iommu_pool;

/* The heap, on the early identity map. */
void memory_begin(void);

/* Build the tables and switch the BSP to them. The early identity map is gone afterwards. */
__must_check int memory_init(void);

/* Run the calling core on them (its PAT included). */
void memory_load(void);
u64 memory_cr3(void);

/* Add the per-core range once the number of cores is known, then each core's stacks and window. */
__must_check int memory_add_cores(u32 n);

/* Make hypervisor-owned RAM (a grant, the bundle's home) reachable by port_va(). */
__must_check int memory_own(paddr_t base, u64 size);

/* The opposite: it is about to become somebody else's. Every core forgets it. */
void memory_disown(paddr_t base, u64 size);

/* The framebuffer's pixels, write-combining; else as port_mmio_map(). */
__must_check int memory_map_screen(paddr_t pa, u64 size, struct mmio *out);

/* Memory of the image, the heap in use and the cores: what the hypervisor takes for itself. */
u64 memory_used(void);

/* ---- windows behind port_guest() and port_copy_*(), each core its own (window.c) ------------- */

/* Forget every guest page; a core does so before it serves another guest or none. */
void window_drop(void);

/* Private to memory.c and window.c: create the window tables of n cores below the root table. */
__must_check int window_init(u64 *root, u32 n);
