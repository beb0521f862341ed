/* All devices of a workstation up, down, and reset, a slice at a time. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/port.h"

static bool waits(const struct assign *a)
{
	return a->wait != ASSIGN_IDLE && port_time_ns() < a->until;
}

static int step_down(struct view *v, enum assign_state target)
{
	struct assign *a = &v->d->assign;
	int err;

	if (a->state == ASSIGN_PARKED || a->state <= target)
		return OK;
	err = waits(a) ? ERR_BUSY : assign_step(a, target);
	/* Parked, with the reason told; whether anything is left of it the domain knows. */
	return err == ERR_BUSY ? err : OK;
}

static int step_up(struct view *v, enum assign_state target)
{
	struct assign *a = &v->d->assign;
	int err;

	/* What the guest does not get reaches nothing of it. */
	if (v->out)
		return step_down(v, ASSIGN_QUARANTINED);
	if (a->state >= target)
		return OK;
	err = waits(a) ? ERR_BUSY : assign_step(a, target);
	if (!err || err == ERR_BUSY)
		return err;
	v->out = true;
	port_log(LOG_ERROR, "%s: starts without a device: %s", v->w->plan->name, a->reason);
	return ERR_BUSY;
}

/* A bus reset takes all functions of the bus: they are all quiet before the first is reset. */
static int hush(struct view *v, enum assign_state unused)
{
	struct pci_function *f = &v->d->fn;
	int err;

	if (v->d->assign.state == ASSIGN_PARKED || f->quiet || f->fresh)
		return OK;
	if (v->quiescing && port_time_ns() < v->quiesce.until)
		return ERR_BUSY;
	err = v->quiescing ? pci_quiesce_poll(&v->quiesce) : pci_quiesce_begin(&v->quiesce, f);
	v->quiescing = err == ERR_BUSY;
	return v->quiescing ? ERR_BUSY
			    : OK; /* else the next step meets the same error and parks it */
}

/* One step for each device; ERR_BUSY while one of them is not there yet. */
static int all(struct devices *ds, int (*step)(struct view *, enum assign_state),
	       enum assign_state target)
{
	int busy = OK;

	for (u32 i = 0; i < ds->n; i++)
		if (step(ds->views[i], target) == ERR_BUSY)
			busy = ERR_BUSY;
	return busy;
}

int devices_up(struct workstation *w)
{
	int err = OK;

	if (!w->devices)
		return OK;
	for (u32 t = ASSIGN_QUIESCED; t <= ASSIGN_RUNNING && !err; t++)
		err = all(w->devices, step_up, t);
	return err;
}

int devices_down(struct workstation *w)
{
	int err;

	if (!w->devices)
		return OK;
	if (devices_poll(w))
		return ERR_BUSY;
	err = all(w->devices, step_down, ASSIGN_QUARANTINED);
	if (!err)
		err = all(w->devices, hush, ASSIGN_QUARANTINED);
	return err ? err : all(w->devices, step_down, ASSIGN_FREE);
}

bool devices_poll(struct workstation *w)
{
	bool more = false;

	for (u32 i = 0; w->devices && i < w->devices->n; i++) {
		struct device *d = w->devices->views[i]->d;

		if (!__atomic_load_n(&d->reset_wanted, __ATOMIC_ACQUIRE))
			continue;
		if (!waits(&d->assign) && assign_guest_reset(&d->assign) != ERR_BUSY)
			__atomic_store_n(&d->reset_wanted, 0, __ATOMIC_RELEASE);
		else
			more = true;
	}
	return more;
}

int devices_fini(struct workstation *w)
{
	int err;

	if (!w->domain)
		return OK;
	for (u32 i = 0; i < w->devices->n; i++) {
		struct device *d = w->devices->views[i]->d;

		d->assign.view = NULL;
		d->assign.domain = NULL;
		d->owner = ~0u;
	}
	err = iommu_domain_fini(w->domain);
	if (!err)
		w->domain = NULL;
	return err;
}
