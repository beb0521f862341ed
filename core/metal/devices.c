#include "core/metal/devices.h"
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/metal/memory.h"
#include "core/metal/remap.h"
#include "core/port.h"

#define REGIONS_PER_DEVICE 12 /* table, PBA and small BARs of six BARs, and the ROM */
#define FIRST_SLOT	   2  /* in the guest: 00 is the host bridge, 1f the LPC bridge */
#define LAST_SLOT	   0x1e
#define DEVFN_CHOSEN	   0xff

static struct device **known; /* by function of the survey, NULL: never asked for */

/* ---- counters -------------------------------------------------------------------------------- */

u32 devices_rows(void)
{
	const struct survey *s = remap_survey();
	u32 n = 0;

	for (u32 i = 0; i < s->n; i++)
		n += !s->functions[i].header_type;
	return n;
}

static enum device_state state_of(const struct iommu_device *dev, const struct device *d)
{
	if (!dev)
		return DEVICE_UNCOVERED;
	if (d && d->assign.state == ASSIGN_PARKED)
		return DEVICE_PARKED;
	if (dev->state == IOMMU_DEV_SILENCED)
		return DEVICE_SILENCED;
	return d && d->assign.state == ASSIGN_RUNNING ? DEVICE_RUNNING : DEVICE_QUARANTINED;
}

void devices_count(struct counters_device *rows)
{
	const struct survey *s = remap_survey();

	for (u32 i = 0; i < s->n; i++) {
		const struct machine_function *f = &s->functions[i];
		const struct iommu_device *dev = remap_device(i);
		const struct device *d = known ? known[i] : NULL;

		if (f->header_type)
			continue;
		*rows++ = (struct counters_device){
		    .segment = f->bdf.segment,
		    .bus = f->bdf.bus,
		    .devfn = f->bdf.devfn,
		    .vendor = f->vendor,
		    .device = f->device,
		    .class_code = f->class_code,
		    .workstation = d ? d->owner : ~0u,
		    .state = state_of(dev, d),
		    .faults = dev ? dev->faults : 0,
		    .resets = d ? d->assign.resets : 0,
		};
	}
}

/* ---- the functions ---------------------------------------------------------------------------- */

static const struct machine_function *function(u32 i)
{
	return &remap_survey()->functions[i];
}

static u32 function_at(const struct pci_path *path)
{
	const struct survey *s = remap_survey();
	const struct machine m = {.functions = s->functions, .nfunctions = s->n};

	return machine_find_function(&m, path);
}

static void *take_heap(u64 bytes)
{
	paddr_t pa;

	return pool_run(&heap, (bytes + PAGE_SIZE - 1) / PAGE_SIZE, &pa) ? NULL : port_va(pa);
}

/* Does the workstation have all that a reset of the function's bus would take? */
static bool has_whole_bus(const struct plan_workstation *plan, u32 i)
{
	const struct survey *s = remap_survey();
	u32 parent = s->requesters[i].parent;

	if (parent == NO_FUNCTION)
		return false;
	for (u32 k = 0; k < s->n; k++) {
		bool mine = false;

		if (s->requesters[k].parent != parent)
			continue;
		for (u32 d = 0; d < plan->ndevices; d++)
			mine |= !plan->devices[d].sriov_vfs &&
				pci_path_equal(&plan->devices[d].path, &s->functions[k].path);
		if (!mine)
			return false;
	}
	return true;
}

static int read_device(struct device *d)
{
	const struct survey *s = remap_survey();
	u32 parent = s->requesters[d->function].parent;
	struct pci_verdict v;
	int err;

	d->owner = ~0u;
	d->fn.bdf = function(d->function)->bdf;
	d->fn.has_bridge = parent != NO_FUNCTION;
	if (d->fn.has_bridge)
		d->fn.bridge = s->functions[parent].bdf;
	err = pci_function_read(&d->fn, &v);
	if (err) {
		port_log(LOG_ERROR, "%04x:%02x:%02x.%x cannot be used: %s", d->fn.bdf.segment,
			 d->fn.bdf.bus, d->fn.bdf.devfn >> 3, d->fn.bdf.devfn & 7, v.text);
		return err;
	}
	assign_init(&d->assign, &d->fn, remap_device(d->function));
	return OK;
}

/* Known since an earlier start, or read now. NULL: it cannot be used, the log says why. */
static struct device *find_device(u32 i)
{
	struct device *d;

	if (!known)
		known = take_heap(remap_survey()->n * sizeof(*known));
	if (!known)
		return NULL;
	if (known[i])
		return known[i];
	d = take_heap(sizeof(*d));
	if (!d) {
		port_log(LOG_ERROR, "the hypervisor's own memory does not hold another device");
		return NULL;
	}
	d->function = i;
	if (read_device(d))
		return NULL;
	known[i] = d;
	return d;
}

/* ---- the guest's address space ----------------------------------------------------------------- */

void devices_need(const struct plan_workstation *plan, u64 *need32, u64 *need64)
{
	u64 low = 0, high = 0;

	for (u32 i = 0; i < plan->ndevices; i++) {
		u32 at = function_at(&plan->devices[i].path);

		for (u32 b = 0; at != ~0u && b < ARRAY_SIZE(function(at)->bar); b++) {
			const struct machine_bar *bar = &function(at)->bar[b];

			if (bar->io)
				continue;
			if (bar->is64)
				high += max_u64(bar->size, PAGE_SIZE);
			else
				low += max_u64(bar->size, PAGE_SIZE);
		}
		if (at != ~0u)
			low += max_u64(function(at)->rom_size, PAGE_SIZE);
	}
	*need32 = max_u64(*need32, 2 * low);
	*need64 = high ? 2 * high : 0;
}

u32 devices_regions(const struct plan_workstation *plan)
{
	return plan->ndevices * REGIONS_PER_DEVICE;
}

/* ---- building ---------------------------------------------------------------------------------- */

static void *take(struct workstation *w, u64 bytes)
{
	paddr_t pa;

	return pool_run(&w->grant, (bytes + PAGE_SIZE - 1) / PAGE_SIZE, &pa) ? NULL : port_va(pa);
}

static int build_domain(struct workstation *w, struct devices *ds)
{
	int err = iommu_domain_init(&ds->domain, remap_iommu(), w->guest.index, &w->grant,
				    w->plan->cpus, w->plan->ncpus);

	if (err)
		return err;
	w->domain = &ds->domain;
	for (u32 i = 0; i < w->guest.nram && !err; i++)
		err = iommu_map(w->domain, IOVA(w->guest.ram[i].gpa.v), w->guest.ram[i].hpa,
				w->guest.ram[i].size, PT_RW);
	return err;
}

static int build_view(struct workstation *w, const struct plan_device *plan, struct device *d)
{
	struct devices *ds = w->devices;
	struct view *v = take(w, sizeof(*v));
	struct vdev_vector *vectors = NULL;
	struct vpci_device_config c;
	int err;

	if (d->fn.msix_vectors)
		vectors = take(w, d->fn.msix_vectors * sizeof(*vectors));
	if (!v || (d->fn.msix_vectors && !vectors))
		return ERR_NOMEM;
	c = (struct vpci_device_config){
	    .host = &d->fn,
	    .ops = &metal_pdev_ops,
	    .platform = &w->guest.platform,
	    .window = {{w->layout.mmio32[0].base, w->layout.mmio32[0].size},
		       {w->layout.mmio32[1].base, w->layout.mmio32[1].size},
		       {w->layout.mmio64.base, w->layout.mmio64.size}},
	    .vectors = vectors,
	};
	v->d = d;
	v->w = w;
	err = vpci_device_init(&v->v, &c);
	if (err)
		return err;
	d->owner = w->guest.index;
	d->peers = plan->p2p;
	d->assign.view = &v->v;
	d->assign.domain = w->domain;
	d->assign.bus = &w->guest.platform.pci.root_bus;
	ds->views[ds->n++] = v;
	return OK;
}

/* ---- slots ------------------------------------------------------------------------------------- */

static bool same_slot(const struct device *a, const struct device *b)
{
	struct bdf x = a->fn.bdf, y = b->fn.bdf;

	return x.segment == y.segment && x.bus == y.bus && x.devfn >> 3 == y.devfn >> 3;
}

static bool taken(const struct workstation *w, u32 upto, u8 devfn, u8 mask)
{
	for (u32 i = 0; i < upto; i++)
		if ((w->devices->views[i]->d->assign.devfn & mask) == (devfn & mask))
			return true;
	for (u32 i = 0; i < w->plan->ndevices; i++)
		if (w->plan->devices[i].guest_devfn != DEVFN_CHOSEN &&
		    (w->plan->devices[i].guest_devfn & mask) == (devfn & mask))
			return true;
	return false;
}

/*
 * Functions of one card stay functions of one card, the first of them as function 0, which a guest
 * must find to look for the others.
 */
static int choose_slot(struct workstation *w, u32 i, u8 planned)
{
	struct view **views = w->devices->views;
	struct assign *a = &views[i]->d->assign;

	if (planned != DEVFN_CHOSEN) {
		a->devfn = planned;
		return OK;
	}
	for (u32 k = 0; k < i; k++) {
		u8 first = views[k]->d->assign.devfn & 0xf8;

		if (!same_slot(views[k]->d, views[i]->d))
			continue;
		for (u8 f = 0; f < 8; f++)
			if (!taken(w, i, first | f, 0xff)) {
				a->devfn = first | f;
				return OK;
			}
	}
	for (u8 slot = FIRST_SLOT; slot <= LAST_SLOT; slot++)
		if (!taken(w, i, (u8)(slot << 3), 0xf8)) {
			a->devfn = (u8)(slot << 3);
			return OK;
		}
	return ERR_NOMEM;
}

/* Functions that a bus reset takes together. */
static void link_buses(struct workstation *w)
{
	struct devices *ds = w->devices;

	for (u32 i = 0; i < ds->n; i++) {
		struct pci_function *f = &ds->views[i]->d->fn;

		f->next_on_bus = NULL;
		for (u32 k = 1; k < ds->n && !f->next_on_bus; k++) {
			struct pci_function *g = &ds->views[(i + k) % ds->n]->d->fn;

			if (g->bdf.segment == f->bdf.segment && g->bdf.bus == f->bdf.bus)
				f->next_on_bus = g;
		}
		pci_reset_find(f, has_whole_bus(w->plan, ds->views[i]->d->function));
	}
}

static int add_device(struct workstation *w, const struct plan_device *plan)
{
	u32 at = function_at(&plan->path);
	struct device *d = at == ~0u ? NULL : find_device(at);
	int err;

	if (!d)
		return OK; /* the log says why */
	if (d->assign.state == ASSIGN_PARKED) {
		port_log(LOG_ERROR, "%s: starts without a device: %s", w->plan->name,
			 d->assign.reason);
		return OK;
	}
	err = build_view(w, plan, d);
	return err ? err : choose_slot(w, w->devices->n - 1, plan->guest_devfn);
}

int devices_build(struct workstation *w)
{
	u32 n = w->plan->ndevices;
	struct devices *ds;
	int err;

	if (!n)
		return OK;
	if (!remap_iommu())
		return ERR_UNSUPPORTED;
	ds = take(w, sizeof(*ds));
	if (!ds || !(ds->views = take(w, n * sizeof(*ds->views))))
		return ERR_NOMEM;
	w->devices = ds;
	ds->cores = (struct route_cores){.first = pdev_first_core,
					 .ctx = &w->guest,
					 .apic_ids = w->plan->cpus,
					 .ncpus = w->plan->ncpus};
	err = build_domain(w, ds);
	for (u32 i = 0; i < n && !err; i++)
		if (!w->plan->devices[i].sriov_vfs)
			err = add_device(w, &w->plan->devices[i]);
	if (!err)
		err = devices_place(w);
	if (!err)
		link_buses(w);
	return err;
}

/* ---- up and down ------------------------------------------------------------------------------- */

static bool waits(const struct assign *a)
{
	return a->wait != ASSIGN_IDLE && port_time_ns() < a->until;
}

static int step_up(struct view *v, enum assign_state target)
{
	struct assign *a = &v->d->assign;
	int err;

	if (v->out || a->state >= target)
		return OK;
	err = waits(a) ? ERR_BUSY : assign_step(a, target);
	if (!err || err == ERR_BUSY)
		return err;
	v->out = true;
	port_log(LOG_ERROR, "%s: starts without a device: %s", v->w->plan->name, a->reason);
	return OK;
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
	return v->quiescing ? ERR_BUSY : OK; /* else the next step meets the same error and parks it */
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
