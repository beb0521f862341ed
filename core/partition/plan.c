#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/paging/paging.h"
#include "core/partition/plan.h"

/* Processor and IOMMU tables are at most this deep (VT-d and NPT: 5, AMD-Vi: 6 with an empty top). */
#define TABLE_LEVELS 5

static u64 ram_tables(const struct plan_workstation *ws)
{
	u64 pages = 1;

	for (u32 i = 0; i < ws->nram; i++) {
		const struct plan_ram *r = &ws->ram[i];

		pages += pt_tables_for(TABLE_LEVELS, PT_LEAF_2M, r->gpa.v, r->hpa, r->size);
	}
	return pages;
}

u64 plan_grant_size(const struct plan_workstation *ws)
{
	u64 tables = ram_tables(ws) * (ws->ndevices ? 2 : 1);

	return align_up(GRANT_FIXED + ws->ncpus * GRANT_PER_CPU + ws->ndevices * GRANT_PER_DEVICE +
			    tables * PAGE_SIZE,
			KIB(64));
}

u64 plan_memory(const struct plan_workstation *ws)
{
	u64 bytes = 0;

	for (u32 i = 0; i < ws->nram; i++)
		bytes += ws->ram[i].size;
	return bytes;
}

static bool device_equal(const struct plan_device *a, const struct plan_device *b)
{
	return pci_path_equal(&a->path, &b->path) && a->vendor == b->vendor &&
	       a->device == b->device && a->subvendor == b->subvendor &&
	       a->subdevice == b->subdevice && a->serial == b->serial && str_same(a->rom, b->rom) &&
	       a->guest_devfn == b->guest_devfn && a->keep_reserved == b->keep_reserved &&
	       a->sriov_vfs == b->sriov_vfs && a->num_vfs == b->num_vfs && a->p2p == b->p2p;
}

bool plan_workstation_equal(const struct plan_workstation *a, const struct plan_workstation *b)
{
	if (!str_equal(a->name, b->name) || memcmp(a->uuid, b->uuid, sizeof(a->uuid)) != 0 ||
	    !str_equal(a->serial, b->serial) || a->rights != b->rights || a->ncpus != b->ncpus ||
	    a->nram != b->nram || a->ndevices != b->ndevices ||
	    a->grant.base.v != b->grant.base.v || a->grant.size != b->grant.size ||
	    a->boot != b->boot || !str_same(a->kernel, b->kernel) ||
	    !str_same(a->initrd, b->initrd) || !str_equal(a->cmdline, b->cmdline) ||
	    a->autostart != b->autostart)
		return false;
	for (u32 i = 0; i < a->ncpus; i++)
		if (a->cpus[i] != b->cpus[i])
			return false;
	for (u32 i = 0; i < a->nram; i++)
		if (a->ram[i].gpa.v != b->ram[i].gpa.v || a->ram[i].hpa.v != b->ram[i].hpa.v ||
		    a->ram[i].size != b->ram[i].size)
			return false;
	for (u32 i = 0; i < a->ndevices; i++)
		if (!device_equal(&a->devices[i], &b->devices[i]))
			return false;
	return true;
}
