#include "core/metal/region.h"
#include "core/base/err.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/run.h"

/*
 * Every core of the workstation forgets what it cached. One that is in the hypervisor now flushes
 * before it enters (see vcpu_enter()), so only those inside are waited for; they may well be waiting
 * for a lock that the calling core holds.
 */
static int flush_cores(void *ctx, const struct pt_gather *g)
{
	struct guest *guest = ctx;

	for (u32 i = 0; i < guest->ncpus; i++)
		if (!run_parked(guest->vcpus[i].cpu))
			run_request(guest->vcpus[i].cpu, REQUEST_FLUSH);
	for (u32 i = 0; i < guest->ncpus; i++) {
		struct vcpu *v = &guest->vcpus[i];

		while (__atomic_load_n(&v->in_guest, __ATOMIC_ACQUIRE) &&
		       (__atomic_load_n(&v->cpu->request, __ATOMIC_ACQUIRE) & REQUEST_FLUSH))
			cpu_pause();
	}
	return OK;
}

static int unmap_cores(struct workstation *w, gpa_t gpa, u64 size)
{
	int err;

	spin_lock(&w->map_lock);
	err = pt_unmap(&w->guest.second_level, gpa.v, size);
	if (!err)
		err = pt_settle(&w->guest.second_level, flush_cores, &w->guest);
	spin_unlock(&w->map_lock);
	return err;
}

int region_map(struct workstation *w, gpa_t gpa, paddr_t hpa, u64 size, u32 type, bool peers)
{
	int err, undo;

	spin_lock(&w->map_lock);
	err = pt_map(&w->guest.second_level, gpa.v, hpa, size, PT_RW | type);
	spin_unlock(&w->map_lock);
	if (err || !peers)
		return err;
	err = iommu_map(w->domain, IOVA(gpa.v), hpa, size, PT_RW);
	if (!err)
		return OK;
	undo = unmap_cores(w, gpa, size);
	return undo ? undo : err;
}

int region_unmap(struct workstation *w, gpa_t gpa, u64 size, bool peers)
{
	int err = unmap_cores(w, gpa, size), dma = OK;

	if (peers)
		dma = iommu_unmap(w->domain, IOVA(gpa.v), size);
	return err ? err : dma;
}
