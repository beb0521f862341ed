/* struct pdev_ops on the metal: second-level tables, remapping entries, resets. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"
#include "core/metal/host.h"
#include "core/metal/region.h"
#include "core/port.h"

static struct view *view_of(struct pdev *p)
{
	return (struct view *)((char *)p - offsetof(struct view, v.pdev));
}

/* The host's pages behind a window. */
static int host_pages(const struct view *v, const struct pdev_window *w, paddr_t *out)
{
	const struct machine_bar *b = &v->d->fn.bars.bar[w->bar];

	if (b->io || !is_aligned(b->base | w->offset | w->size | w->gpa.v, PAGE_SIZE) ||
	    w->offset > b->size || w->size > b->size - w->offset)
		return ERR_INVAL;
	*out = PADDR(b->base + w->offset);
	return OK;
}

static int op_map(struct pdev *p, const struct pdev_window *w)
{
	struct view *v = view_of(p);
	bool prefetch = v->d->fn.bars.bar[w->bar].prefetch;
	paddr_t hpa;
	int err = host_pages(v, w, &hpa);

	if (err)
		return err;
	return region_map(v->w, w->gpa, hpa, w->size, prefetch ? PT_GUEST : PT_UC, v->d->peers);
}

static int op_unmap(struct pdev *p, const struct pdev_window *w)
{
	struct view *v = view_of(p);

	return region_unmap(v->w, w->gpa, w->size, v->d->peers);
}

static int op_route(struct pdev *p, u32 index, const struct pdev_guest_msi *guest,
		    struct pdev_host_msi *host)
{
	struct view *v = view_of(p);

	return route_set(&v->d->assign.routes, &v->w->devices->cores, index, guest, host);
}

static int op_unroute(struct pdev *p, u32 index)
{
	return route_clear(&view_of(p)->d->assign.routes, index);
}

static int op_reset(struct pdev *p)
{
	/* The host core does it, which alone touches a device's life. */
	__atomic_store_n(&view_of(p)->d->reset_wanted, 1, __ATOMIC_RELEASE);
	host_wake();
	return ERR_BUSY;
}

static u32 op_config_read(struct pdev *p, u16 off, u8 width)
{
	return pci_read(&view_of(p)->d->fn, off, width);
}

static void op_config_write(struct pdev *p, u16 off, u8 width, u32 v)
{
	pci_write(&view_of(p)->d->fn, off, width, v);
}

const struct pdev_ops metal_pdev_ops = {
    .map = op_map,
    .unmap = op_unmap,
    .route = op_route,
    .unroute = op_unroute,
    .reset = op_reset,
    .config_read = op_config_read,
    .config_write = op_config_write,
};

bool pdev_first_core(void *ctx, const struct route_message *m, u32 *vcpu)
{
	struct guest *g = ctx;
	struct ipi ipi =
	    lapic_message(&g->lapics[0], m->vector, m->destination, m->logical, m->lowest);

	*vcpu = lapic_next_target(&g->lapics[0], &ipi, IPI_END);
	return *vcpu != IPI_END;
}
