/* All devices of a workstation up, down, and reset, a slice at a time. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/port.h"

/* What its guest does not get, once. */
static void say_out(struct workstation *w)
{
	for (u32 i = 0; i < w->devices->n; i++) {
		struct view *v = w->devices->views[i];

		if (v->d->assign.out && !v->told)
			port_log(LOG_ERROR, "%s: starts without a device: %s", w->plan->name,
				 v->d->assign.reason);
		v->told |= v->d->assign.out;
	}
}

int devices_up(struct workstation *w)
{
	int err;

	if (!w->devices)
		return OK;
	err = assign_bring(w->devices->assigns, w->devices->n, ASSIGN_RUNNING);
	say_out(w);
	return err;
}

int devices_down(struct workstation *w)
{
	if (!w->devices)
		return OK;
	if (devices_poll(w))
		return ERR_BUSY;
	return assign_bring(w->devices->assigns, w->devices->n, ASSIGN_FREE);
}

bool devices_poll(struct workstation *w)
{
	bool more = false;

	for (u32 i = 0; w->devices && i < w->devices->n; i++) {
		struct device *d = w->devices->views[i]->d;

		if (!__atomic_load_n(&d->reset_wanted, __ATOMIC_ACQUIRE))
			continue;
		if (!assign_waits(&d->assign) && assign_guest_reset(&d->assign) != ERR_BUSY)
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
