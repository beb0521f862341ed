#include "core/abi.h"
#include "core/base/err.h"
#include "core/base/lock.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/layout.h"
#include "core/metal/memory.h"
#include "core/metal/panic.h"
#include "core/paging/paging.h"
#include "core/port.h"

#define MSR_PAT	   0x277
#define IOMMU_POOL (HV_LOAD_ADDRESS + HV_MEMORY_FIXED)

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];

struct pool heap, iommu_pool;
static struct pool core_pool;
static struct pt tables;
static struct spinlock lock;
static u64 direct_base; /* 0 while the early identity map is in use */
static u64 mmio_next = MMIO_BASE;
static u32 ncores_mapped;

void *port_va(paddr_t pa)
{
	return (void *)(direct_base + pa.v);
}

paddr_t port_pa(const void *va)
{
	u64 v = (u64)va;

	if (v >= IMAGE_BASE)
		return PADDR(v - IMAGE_BASE);
	return PADDR(v - direct_base);
}

static u64 image_pa(const void *symbol)
{
	return (u64)symbol - IMAGE_BASE;
}

static int map_image(const char *from, const char *to, u32 attrs)
{
	return pt_map(&tables, (u64)from, PADDR(image_pa(from)), (u64)(to - from), attrs);
}

void memory_begin(void)
{
	u64 start = image_pa(image_end),
	    end = HV_LOAD_ADDRESS + HV_MEMORY_FIXED - CRASH_RECORD_SIZE;

	pool_init(&heap, PADDR(start), end - start);
}

int memory_init(void)
{
	u64 start = image_pa(image_end);
	int err;

	err = pt_init(&tables, &pt_format_x86, &heap, 4, PT_LEAF_2M, true);
	if (err)
		return err;
	err = map_image(image_start, image_text_end, PT_R | PT_X);
	if (!err)
		err = map_image(image_text_end, image_rodata_end, PT_R);
	if (!err)
		err = map_image(image_rodata_end, image_end, PT_RW);
	if (!err)
		err = memory_own(PADDR(start), HV_LOAD_ADDRESS + HV_MEMORY_FIXED - start);
	if (!err)
		err = memory_own(PADDR(IOMMU_POOL), HV_MEMORY_IOMMU);
	if (err)
		return err;
	pool_init(&iommu_pool, PADDR(IOMMU_POOL), HV_MEMORY_IOMMU);
	direct_base = DIRECT_BASE;
	memory_load();
	return OK;
}

void memory_load(void)
{
	wrmsr(MSR_PAT, PT_HOST_PAT);
	write_cr3(tables.root.v);
}

u64 memory_cr3(void)
{
	return tables.root.v;
}

int memory_own(paddr_t base, u64 size)
{
	spin_lock(&lock);
	int err = pt_map(&tables, DIRECT_BASE + base.v, base, size, PT_RW);

	spin_unlock(&lock);
	return err;
}

/*
 * Only the host core touches grants of workstations that do not run, and a core that runs a vCPU
 * takes up new translations when it enters the run loop (window_drop, CR3): here the host core's
 * own flush is enough, the others flush before they are given a vCPU again.
 */
static int flush_local(void *ctx, const struct pt_gather *g)
{
	for (u64 at = g->lo; at < g->hi; at += PAGE_SIZE)
		invlpg(at);
	write_cr3(read_cr3());
	return OK;
}

void memory_disown(paddr_t base, u64 size)
{
	spin_lock(&lock);
	if (pt_unmap(&tables, DIRECT_BASE + base.v, size) || pt_settle(&tables, flush_local, NULL))
		panic("the hypervisor's own tables are inconsistent");
	spin_unlock(&lock);
}

static int map_stack(u64 at, u64 size)
{
	paddr_t pa;
	int err = pool_run(&core_pool, size / PAGE_SIZE, &pa);

	return err ? err : pt_map(&tables, at, pa, size, PT_RW);
}

int memory_add_cores(u32 n)
{
	u64 base = IOMMU_POOL + HV_MEMORY_IOMMU, size = n * HV_MEMORY_PER_CORE;
	paddr_t array;
	int err = memory_own(PADDR(base), size);

	if (err)
		return err;
	pool_init(&core_pool, PADDR(base), size);
	err = pool_run(&core_pool, (n * sizeof(struct cpu) + PAGE_SIZE - 1) / PAGE_SIZE, &array);
	if (err)
		return err;
	cpus = port_va(array);
	for (u32 i = 0; i < n && !err; i++) {
		u64 slot = STACK_BASE + (u64)i * STACK_SLOT;

		err = map_stack(slot + STACK_MAIN, STACK_MAIN_SIZE);
		if (!err)
			err = map_stack(slot + STACK_NMI, STACK_IST_SIZE);
		if (!err)
			err = map_stack(slot + STACK_DF, STACK_IST_SIZE);
		if (!err)
			err = map_stack(slot + STACK_MC, STACK_IST_SIZE);
		if (!err)
			err = pool_page(&core_pool, &cpus[i].save_area);
		if (!err)
			err = pool_page(&core_pool, &cpus[i].host_state);
	}
	ncores_mapped = n;
	return err ? err : window_init(port_va(tables.root), n);
}

u64 memory_used(void)
{
	return image_pa(image_end) - HV_LOAD_ADDRESS + heap.in_use + CRASH_RECORD_SIZE +
	       ncores_mapped * HV_MEMORY_PER_CORE;
}

static int map_registers(paddr_t pa, u64 size, u32 type, struct mmio *out)
{
	u64 start = align_down(pa.v, PAGE_SIZE), end = align_up(pa.v + size, PAGE_SIZE);
	int err;

	spin_lock(&lock);
	/* Keep the offset within 2 MiB, so that large windows get large leaves. */
	u64 at = align_up(mmio_next, MIB(2)) + (start & (MIB(2) - 1));

	err = pt_map(&tables, at, PADDR(start), end - start, PT_RW | type);
	if (!err)
		mmio_next = at + (end - start);
	spin_unlock(&lock);
	if (err)
		return err;
	out->base = (volatile void *)(at + (pa.v - start));
	out->size = size;
	return OK;
}

int port_mmio_map(paddr_t pa, u64 size, struct mmio *out)
{
	return map_registers(pa, size, PT_UC, out);
}

int memory_map_screen(paddr_t pa, u64 size, struct mmio *out)
{
	return map_registers(pa, size, PT_WC, out);
}
