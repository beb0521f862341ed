/* From one plan to the next: who leaves, who stays, who is new. */
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/metal/build.h"
#include "core/metal/counters.h"
#include "core/metal/memory.h"
#include "core/metal/slot.h"

static const struct plan_workstation *find_in(const struct plan *p, const struct slot *s)
{
	for (u32 i = 0; i < p->nworkstations; i++)
		if (plan_workstation_equal(&p->workstations[i], s->plan))
			return &p->workstations[i];
	return NULL;
}

/* Stop and unmake what the next plan does not have just so. Returns when it is gone. */
static void remove_absent(const struct plan *next)
{
	bool left;

	for (u32 i = 0; i < nslots; i++) {
		struct slot *s = &slots[i];

		if (!s->plan)
			continue;
		const struct plan_workstation *same = find_in(next, s);

		if (same) {
			s->plan = same;
			continue;
		}
		s->leaving = true;
		if (s->state == WS_RUNNING)
			slot_request(&s->ws->guest, NULL, GUEST_POWER_OFF);
	}
	do {
		workstations_poll(false);
		left = false;
		for (u32 i = 0; i < nslots; i++)
			left |= slots[i].leaving && !slots[i].stuck;
	} while (left);
}

static bool present(const struct plan_workstation *w)
{
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].plan == w)
			return true;
	return false;
}

static struct slot *free_slot(void)
{
	for (u32 i = 0; i < nslots; i++)
		if (!slots[i].plan)
			return &slots[i];
	return NULL;
}

int workstations_apply(const struct plan *next, const struct bundle *bundle)
{
	if (next->nworkstations > nslots)
		return ERR_NOMEM;
	remove_absent(next);
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].leaving)
			return ERR_BUSY;
	slots_bundle = *bundle;
	for (u32 i = 0; i < next->nworkstations; i++) {
		const struct plan_workstation *w = &next->workstations[i];

		if (present(w))
			continue;
		int err = memory_own(w->grant.base, w->grant.size);

		if (err)
			return err;
		struct slot *s = free_slot();
		u32 at = (u32)(s - slots);

		*s = (struct slot){.plan = w};
		fmt(counters_workstation(at)->name, COUNTERS_NAME, "%s", w->name);
		slot_set_state(at, w->autostart ? WS_STARTING : WS_OFF);
	}
	return OK;
}
