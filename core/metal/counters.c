/* The counters page: where its tables lie, and what it tells of the hypervisor as a whole. */
#include "core/base/err.h"
#include "core/metal/counters.h"
#include "core/metal/cpu.h"
#include "core/metal/devices.h"
#include "core/metal/memory.h"
#include "core/metal/time.h"
#include "core/port.h"

static struct counters *page;

struct counters_workstation *counters_workstation(u32 i)
{
	return (void *)((char *)page + page->ws_offset + i * page->ws_stride);
}

struct counters_cpu *counters_cpu(u32 i)
{
	return (void *)((char *)page + page->cpu_offset + i * page->cpu_stride);
}

int counters_init(u32 n)
{
	u32 size = (u32)(sizeof(*page) + n * sizeof(struct counters_workstation) +
			 ncpus * sizeof(struct counters_cpu) +
			 devices_rows() * sizeof(struct counters_device));

	page = pool_bytes(&heap, size);
	if (!page)
		return ERR_NOMEM;
	page->version = COUNTERS_VERSION;
	page->size = size;
	page->tsc_hz = tsc_hz();
	page->workstations = n;
	page->ws_offset = sizeof(*page);
	page->ws_stride = sizeof(struct counters_workstation);
	page->cpus = ncpus;
	page->cpu_offset = page->ws_offset + n * page->ws_stride;
	page->cpu_stride = sizeof(struct counters_cpu);
	page->devices = devices_rows();
	page->dev_offset = page->cpu_offset + ncpus * page->cpu_stride;
	page->dev_stride = sizeof(struct counters_device);
	for (u32 i = 0; i < ncpus; i++) {
		counters_cpu(i)->apic_id = cpus[i].apic_id;
		counters_cpu(i)->workstation = ~0u;
	}
	/* The magic goes last: a reader that sees it finds the rest in place. */
	port_wmb();
	page->magic = COUNTERS_MAGIC;
	return OK;
}

paddr_t counters_address(u32 *size)
{
	*size = page->size;
	return port_pa(page);
}

void counters_update(void)
{
	page->sequence++;
	port_wmb();
	page->now_ns = port_time_ns();
	page->hv_memory = memory_used();
	page->iommu_memory = iommu_pool.in_use;
	devices_count((void *)((char *)page + page->dev_offset));
	port_wmb();
	page->sequence++;
}

void counters_fault(void)
{
	if (page)
		page->iommu_faults++;
}
