/* Where a firmware would have put the BARs of a workstation's devices. */
#include "core/base/err.h"
#include "core/metal/devices_private.h"

struct window {
	u64 next, end;
};

static bool fits(struct window *w, u64 size, u64 *at)
{
	u64 start = align_up(w->next, max_u64(size, PAGE_SIZE));

	if (start < w->next || start > w->end || max_u64(size, PAGE_SIZE) > w->end - start)
		return false;
	*at = start;
	w->next = start + max_u64(size, PAGE_SIZE);
	return true;
}

/* 64-bit BARs go high when there is room, the others below 4 GiB. */
static int place(struct window w[3], struct view *v, u8 bar)
{
	const struct vdev_bar *b = &v->v.bar[bar];
	u64 at;

	if ((b->is64 && fits(&w[2], b->size, &at)) || fits(&w[0], b->size, &at) ||
	    fits(&w[1], b->size, &at)) {
		vpci_device_place(&v->v, bar, at);
		return OK;
	}
	return ERR_RANGE;
}

int devices_place(struct workstation *w)
{
	const struct layout *l = &w->layout;
	struct window windows[3] = {
	    {l->mmio32[0].base, l->mmio32[0].base + l->mmio32[0].size},
	    {l->mmio32[1].base, l->mmio32[1].base + l->mmio32[1].size},
	    {l->mmio64.base, l->mmio64.base + l->mmio64.size},
	};
	struct devices *ds = w->devices;

	for (s32 log2 = 63; log2 >= 0; log2--)
		for (u32 i = 0; i < ds->n; i++)
			for (u8 b = 0; b < VDEV_BARS; b++) {
				int err = OK;

				if (ds->views[i]->v.bar[b].size == 1ull << log2)
					err = place(windows, ds->views[i], b);
				if (err)
					return err;
			}
	return OK;
}
