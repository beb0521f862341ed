/* The table of slots, and what others ask and tell of the workstation in one. */
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/metal/build.h"
#include "core/metal/counters.h"
#include "core/metal/devices.h"
#include "core/metal/host.h"
#include "core/metal/memory.h"
#include "core/metal/run.h"
#include "core/metal/slot.h"
#include "core/port.h"

struct slot *slots;
u32 nslots;
struct bundle slots_bundle;

int workstations_init(u32 n)
{
	int err = counters_init(n);

	if (err)
		return err;
	slots = pool_bytes(&heap, n * sizeof(*slots));
	if (!slots)
		return ERR_NOMEM;
	nslots = n;
	return OK;
}

void slot_set_state(u32 i, enum workstation_state s)
{
	slots[i].state = s;
	counters_workstation(i)->state = s;
}

void slot_request(struct guest *g, struct vcpu *v, enum guest_event e)
{
	u32 none = 0;

	__atomic_compare_exchange_n(&slots[g->index].event, &none, e + 1, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	if (v)
		run_request(v->cpu, REQUEST_LEAVE);
	host_wake();
}

bool workstations_starting(void)
{
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].state == WS_STARTING)
			return true;
	return false;
}

void workstations_count(void)
{
	counters_update();
	for (u32 i = 0; i < nslots; i++) {
		const struct workstation *w = slots[i].ws;
		struct counters_workstation *c = counters_workstation(i);

		if (!w)
			continue;
		c->table_memory = w->grant.in_use;
		c->refused = w->guest.platform.refused;
		c->device_interrupts_refused = devices_refused(w);
		for (u32 n = 0; n < w->guest.ncpus; n++)
			c->refused += w->guest.vcpus[n].msr.refused;
	}
}

void workstation_refused(u32 i, const char *name)
{
	fmt(counters_workstation(i)->name, COUNTERS_NAME, "%s", name);
	slot_set_state(i, WS_FAILED);
	port_log(LOG_ERROR, "%s: not started: the lines above say why", name);
}

const char *workstation_name(u32 i)
{
	return i < nslots ? counters_workstation(i)->name : "";
}

void workstation_fault(u32 owner)
{
	counters_fault();
	if (owner < nslots)
		counters_workstation(owner)->iommu_faults++;
}

void workstation_device_blocked(u32 owner, const char *why)
{
	if (owner < nslots)
		port_log(LOG_WARN, "%s: lost a device: %s", workstation_name(owner), why);
}
