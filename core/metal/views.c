/* What a workstation's guest sees of its devices: made with the workstation, in its grant. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/metal/remap.h"
#include "core/metal/screen.h"
#include "core/port.h"
#include "passthrough/view.h"

#define REGIONS_PER_DEVICE 12 /* table, PBA and small BARs of six BARs, and the ROM */
#define FIRST_SLOT	   2  /* in the guest: 00 is the host bridge, 1f the LPC bridge */
#define LAST_SLOT	   0x1e
#define DEVFN_CHOSEN	   0xff

static int build_domain(struct workstation *w, struct devices *ds)
{
	int err = iommu_domain_init(&ds->domain, remap_iommu(), w->guest.index, &w->grant,
				    w->plan->cpus, w->plan->ncpus);

	if (err)
		return err;
	w->domain = &ds->domain;
	w->guest.incoherent = !remap_iommu()->caps.snoop_control;
	for (u32 i = 0; i < w->guest.nram && !err; i++)
		err = iommu_map(w->domain, IOVA(w->guest.ram[i].gpa.v), w->guest.ram[i].hpa,
				w->guest.ram[i].size, PT_RW);
	for (u32 i = 0; i < ds->n && !err; i++)
		if (ds->views[i]->plan->keep_reserved)
			err = remap_keep(ds->views[i]->d->function, w->domain);
	return err;
}

/* Above its device a driver looks for a root port, where there was one. */
static bool wants_port(const struct device *d, const struct plan_device *plan)
{
	return plan->guest_devfn == DEVFN_CHOSEN && vpci_port_wanted(&d->fn);
}

static bool same_card(const struct device *a, const struct device *b)
{
	struct bdf x = a->fn.bdf, y = b->fn.bdf;

	return x.segment == y.segment && x.bus == y.bus && x.devfn >> 3 == y.devfn >> 3;
}

/* The port of a card whose display function wants one, or PLACE_ROOT_BUS. */
static u32 find_port(struct devices *ds, const struct view *v)
{
	for (u32 i = 0; i < ds->nports; i++)
		if (same_card(ds->ports[i].first, v->d))
			return i;
	return PLACE_ROOT_BUS;
}

/* A BAR as large as the view makes it. */
static u64 rom_room(u32 size)
{
	u64 room = KIB(2);

	while (size && room < size)
		room *= 2;
	return size ? room : 0;
}

/* The plan's file, else its own. */
static void find_rom(struct workstation *w, struct view *v)
{
	const struct pci_identity *id = &v->d->fn.id;
	const char *why = "";
	struct load_file f;

	v->rom = v->d->rom;
	v->rom_size = v->d->rom_size;
	if (!v->plan->rom)
		return;
	v->rom = bundle_find(w->bundle, w->plan->name, v->plan->rom, &f)
		     ? NULL
		     : bundle_bytes(w->bundle, &f, 0);
	v->rom_size =
	    v->rom ? rom_check(v->rom, (u32)min_u64(f.size, MIB(16)), id->vendor, id->device, &why)
		   : 0;
	if (v->rom && !v->rom_size)
		port_log(LOG_ERROR, "%s: the file '%s' is no ROM for %04x:%04x: %s", w->plan->name,
			 v->plan->rom, id->vendor, id->device, why);
}

static void list_bars(struct devices *ds, u32 i)
{
	struct view *v = ds->views[i];

	v->port = find_port(ds, v);
	for (u32 b = 0; b < PCI_BARS; b++) {
		const struct machine_bar *bar = &v->d->fn.bars.bar[b];

		ds->place.bars[i * VDEV_BARS + b] = (struct place_bar){
		    .size = bar->io ? 0 : bar->size,
		    .is64 = bar->is64,
		    .prefetch = bar->prefetch,
		    .port = v->port,
		};
	}
	ds->place.bars[i * VDEV_BARS + PCI_ROM_BAR] =
	    (struct place_bar){.size = rom_room(v->rom_size), .port = v->port};
}

static int list_device(struct workstation *w, const struct plan_device *plan)
{
	u32 at = device_at(&plan->path);
	struct device *d = at == ~0u ? NULL : device_find(at);
	struct devices *ds = w->devices;
	struct view *v;

	if (!d)
		return OK; /* the log says why */
	if (d->assign.state == ASSIGN_PARKED) {
		port_log(LOG_ERROR, "%s: starts without a device: %s", w->plan->name,
			 d->assign.reason);
		return OK;
	}
	v = pool_bytes(&w->grant, sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	v->d = d;
	v->w = w;
	v->plan = plan;
	find_rom(w, v);
	d->owner = w->guest.index;
	d->peers = plan->p2p;
	if (wants_port(d, plan))
		ds->ports[ds->nports++].first = d;
	ds->assigns[ds->n] = &d->assign;
	ds->views[ds->n++] = v;
	return OK;
}

u32 devices_regions(const struct plan_workstation *plan)
{
	return plan->ndevices * REGIONS_PER_DEVICE;
}

int devices_begin(struct workstation *w, u64 *need32, u64 *need64)
{
	u32 n = w->plan->ndevices;
	struct devices *ds;
	u64 low = 0;
	int err = OK;

	if (!n)
		return OK;
	if (!remap_iommu())
		return ERR_UNSUPPORTED;
	w->devices = ds = pool_bytes(&w->grant, sizeof(*ds));
	if (!ds)
		return ERR_NOMEM;
	ds->views = pool_bytes(&w->grant, n * sizeof(*ds->views));
	ds->assigns = pool_bytes(&w->grant, n * sizeof(*ds->assigns));
	ds->ports = pool_bytes(&w->grant, n * sizeof(*ds->ports));
	ds->place.bars = pool_bytes(&w->grant, n * VDEV_BARS * sizeof(*ds->place.bars));
	ds->place.ports = pool_bytes(&w->grant, n * sizeof(*ds->place.ports));
	if (!ds->views || !ds->assigns || !ds->ports || !ds->place.bars || !ds->place.ports)
		return ERR_NOMEM;
	for (u32 i = 0; i < n && !err; i++)
		if (!w->plan->devices[i].sriov_vfs) /* such a card stays with the hypervisor */
			err = list_device(w, &w->plan->devices[i]);
	for (u32 i = 0; i < ds->n && !err; i++)
		list_bars(ds, i);
	ds->place.nbars = ds->n * VDEV_BARS;
	ds->place.nports = ds->nports;
	if (!err)
		err = place_need(&ds->place, &low, need64);
	*need32 = max_u64(*need32, low);
	return err;
}

static int build_view(struct workstation *w, struct view *v)
{
	struct pci_function *fn = &v->d->fn;
	struct vdev_vector *vectors = NULL;
	struct vpci_device_config c;

	if (fn->msix_vectors) {
		vectors = pool_bytes(&w->grant, fn->msix_vectors * sizeof(*vectors));
		if (!vectors)
			return ERR_NOMEM;
	}
	c = (struct vpci_device_config){
	    .host = fn,
	    .ops = &metal_pdev_ops,
	    .platform = &w->guest.platform,
	    .window = {{w->layout.mmio32[0].base, w->layout.mmio32[0].size},
		       {w->layout.mmio32[1].base, w->layout.mmio32[1].size},
		       {w->layout.mmio64.base, w->layout.mmio64.size}},
	    .vectors = vectors,
	    .rom = v->rom_size ? v->rom : NULL,
	    .rom_size = v->rom_size,
	    .below_port = v->port != PLACE_ROOT_BUS,
	};
	view_quirks(&c);
	return vpci_device_init(&v->v, &c);
}

static void place_view(struct devices *ds, u32 i)
{
	for (u8 b = 0; b < VDEV_BARS; b++)
		if (ds->place.bars[i * VDEV_BARS + b].size)
			vpci_device_place(&ds->views[i]->v, b,
					  ds->place.bars[i * VDEV_BARS + b].at);
}

/* ---- slots ------------------------------------------------------------------------------------- */

static bool slot_taken(const struct workstation *w, u8 slot)
{
	const struct vpci_bus *root = &w->guest.platform.pci.root_bus;

	for (u32 i = 0; i < w->devices->n; i++) {
		const struct view *v = w->devices->views[i];

		if (v->placed && v->port == PLACE_ROOT_BUS && v->d->assign.devfn >> 3 == slot)
			return true;
		if (v->plan->guest_devfn != DEVFN_CHOSEN && v->plan->guest_devfn >> 3 == slot)
			return true;
	}
	return root->fn[slot << 3] != NULL;
}

static int free_slot(const struct workstation *w, u8 *slot)
{
	for (*slot = FIRST_SLOT; *slot <= LAST_SLOT; ++*slot)
		if (!slot_taken(w, *slot))
			return OK;
	return ERR_NOMEM;
}

/*
 * Functions of one card stay functions of one card, the first of them as function 0, which a guest
 * must find to look for the others.
 */
static int choose_slot(struct workstation *w, u32 i)
{
	struct view **views = w->devices->views, *v = views[i];
	struct assign *a = &v->d->assign;
	u8 slot, function = 0;
	int err;

	v->placed = true;
	if (v->plan->guest_devfn != DEVFN_CHOSEN) {
		a->devfn = v->plan->guest_devfn;
		return OK;
	}
	for (u32 k = 0; k < i; k++)
		if (same_card(views[k]->d, v->d) && views[k]->plan->guest_devfn == DEVFN_CHOSEN) {
			a->devfn = views[k]->d->assign.devfn & 0xf8;
			function++;
		}
	if (function || v->port != PLACE_ROOT_BUS) {
		a->devfn = (u8)((function ? a->devfn : 0) | function);
		return OK;
	}
	v->placed = false;
	err = free_slot(w, &slot);
	v->placed = true;
	a->devfn = (u8)(slot << 3);
	return err;
}

static int build_port(struct workstation *w, u32 i)
{
	struct devices *ds = w->devices;
	struct port *p = &ds->ports[i];
	struct vpci_port_config c = {
	    .number = (u8)(i + 1), .secondary = (u8)(i + 1), .windows = ds->place.ports[i]};
	u8 slot;
	int err = free_slot(w, &slot);

	p->port = pool_bytes(&w->grant, sizeof(*p->port));
	if (err || !p->port)
		return err ? err : ERR_NOMEM;
	vpci_port_link(&p->first->fn, &c);
	return vpci_port_init(p->port, &w->guest.platform.pci, (u8)(slot << 3), &c);
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
		quirks_apply(f, has_whole_bus(w->plan, ds->views[i]->d->function));
	}
}

static void hand_over(struct workstation *w, struct view *v)
{
	struct devices *ds = w->devices;
	struct assign *a = &v->d->assign;

	if (device_function(v->d->function)->boot_display) {
		port_log(LOG_INFO, "the boot screen goes to %s", w->plan->name);
		screen_release();
	}
	a->view = &v->v;
	a->domain = w->domain;
	a->bus = v->port == PLACE_ROOT_BUS ? &w->guest.platform.pci.root_bus
					   : &ds->ports[v->port].port->bus;
}

int devices_build(struct workstation *w)
{
	struct devices *ds = w->devices;
	int err;

	if (!ds)
		return OK;
	ds->cores = (struct route_cores){.first = pdev_first_core,
					 .ctx = &w->guest,
					 .apic_ids = w->plan->cpus,
					 .ncpus = w->plan->ncpus};
	/* before the views, which show the resets that a function is left with */
	link_buses(w);
	err = build_domain(w, ds);
	if (!err)
		err = place_bars(&ds->place, &w->layout);
	for (u32 i = 0; i < ds->nports && !err; i++)
		err = build_port(w, i);
	for (u32 i = 0; i < ds->n && !err; i++) {
		err = build_view(w, ds->views[i]);
		if (!err)
			err = choose_slot(w, i);
		if (err)
			break;
		place_view(ds, i);
		hand_over(w, ds->views[i]);
	}
	return err;
}
