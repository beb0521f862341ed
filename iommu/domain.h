/*
 * Domains: what a workstation's devices reach, and where their interrupts go.
 *
 * iommu_map() and iommu_unmap() are complete: when they return OK every unit acts by the changed
 * table, so there is no flush to forget. When they fail the domain keeps owing the flush (struct
 * pt's state): what was unmapped counts as reachable, cannot be mapped again, and the domain takes
 * no new device.
 *
 * Domains of different workstations are independent. Within one, map, unmap and the interrupt
 * calls may come from any of its cores; attach, detach and fini come from the host core.
 */
#pragma once

#include "iommu/iommu.h"

/* Device addresses that are never memory: writes there are interrupts or not forwarded. */
#define IOMMU_MSI_BASE	   0xfee00000ull
#define IOMMU_MSI_SIZE	   MIB(1)
#define IOMMU_HT_HOLE	   0xfd00000000ull /* 48882 §2.1.2, also avoided on Intel */
#define IOMMU_HT_HOLE_SIZE 0x300000000ull

/*
 * An empty domain. `cpus` are the physical APIC ids its interrupts may go to; `grant` gives all
 * table pages; both outlive the domain. ERR_NOMEM: no page, or no domain id left. ERR_BUSY: the
 * units are not enabled.
 */
__must_check int iommu_domain_init(struct iommu_domain *d, struct iommu *io, u32 owner,
				   struct pool *grant, const u32 *cpus, u32 ncpus);

/*
 * Give everything back. ERR_BUSY while a device is attached. On any other error caches may still
 * hold the domain's entries: its id and its table pages are never used again.
 */
__must_check int iommu_domain_fini(struct iommu_domain *d);

/*
 * Let the domain's devices reach [hpa, hpa + size) at [iova, iova + size), attrs of PT_RW.
 * Errors as pt_map(); ERR_PERM for addresses that are interrupts or the HyperTransport hole.
 */
__must_check int iommu_map(struct iommu_domain *d, iova_t iova, paddr_t hpa, u64 size, u32 attrs);

/* Take [iova, iova + size) away. On OK no device reaches what was there. Errors as pt_unmap(). */
__must_check int iommu_unmap(struct iommu_domain *d, iova_t iova, u64 size);

/* Change the rights of what is mapped there; on OK no device uses rights that were taken. */
__must_check int iommu_protect(struct iommu_domain *d, iova_t iova, u64 size, u32 attrs);

/*
 * Attach a blocked device. Its interrupts are all blocked. ERR_BUSY: it is attached, or the domain
 * owes a flush. ERR_PERM: a device of its group has another owner. ERR_UNSUPPORTED: its unit cannot
 * remap interrupts. ERR_IO: its unit has failed.
 */
__must_check int iommu_attach(struct iommu_domain *d, struct iommu_device *dev);

/*
 * Back to quarantine, from any state. On OK the device reaches no memory and interrupts nobody; on
 * error that is not certain, it stays in the domain, and the domain's memory is not free.
 */
__must_check int iommu_detach(struct iommu_device *dev, bool silent);

/*
 * Interrupt entries of an attached device, see struct iommu_ops. iommu_irq_set() refuses with
 * ERR_PERM vectors below 16, cores that are not the domain's, and a level trigger for what is no
 * I/O APIC. ERR_BUSY: not attached (any more).
 */
__must_check int iommu_irq_alloc(struct iommu_device *dev, u16 count, u16 *first);
__must_check int iommu_irq_free(struct iommu_device *dev, u16 first, u16 count);
__must_check int iommu_irq_set(struct iommu_device *dev, u16 index, const struct iommu_irq *irq);
__must_check int iommu_irq_clear(struct iommu_device *dev, u16 index);
__must_check int iommu_irq_message(struct iommu_device *dev, u16 index, struct iommu_message *out);

/* May interrupts of `d` go to that core? */
bool iommu_domain_has_cpu(const struct iommu_domain *d, u32 apic_id);
