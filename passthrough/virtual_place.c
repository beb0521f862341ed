/* Addresses for the BARs of virtual functions. */
#include "passthrough/pci/bridge.h"
#include "passthrough/virtual.h"

/*
 * I/O APICs, timers, local APICs, firmware: never a device's (where PCs have had them since the
 * first).
 */
#define CHIPSET_BASE 0xfec00000ull
#define CHIPSET_SIZE (GIB(4) - CHIPSET_BASE)

#define ROOT_BLOCK MIB(1)

struct place {
	const struct virtual_world *w;
	const struct pci_sriov *s;
	u32 function;
};

static bool hits(u64 base, u64 size, u64 other, u64 other_size, u64 *end)
{
	if (!other_size || base >= other + other_size || other >= base + size)
		return false;
	*end = other + other_size;
	return true;
}

/* ---- what is there already ------------------------------------------------------------------- */

static bool is_above(const struct place *p, u32 bridge)
{
	const struct iommu_function *r = p->w->requesters;
	u32 hops = 0;

	for (u32 b = r[p->function].parent; b != NO_FUNCTION && hops < PCI_PATH_MAX;
	     b = r[b].parent, hops++)
		if (b == bridge)
			return true;
	return false;
}

/* Its ROM answers only while somebody reads it; the address is its own all the same. */
static bool hits_rom(const struct machine_function *f, u64 base, u64 size, u64 *end)
{
	u32 rom = f->rom_size && !f->is_vf
		      ? port_pci_read(f->bdf, pci_bar_register(PCI_ROM_BAR, f->header_type), 4) &
			    PCI_ROM_MASK
		      : 0;

	return rom && hits(base, size, rom, f->rom_size, end);
}

static bool hits_function(const struct place *p, u32 i, u64 base, u64 size, u64 *end)
{
	const struct machine_function *f = &p->w->functions[i];
	struct pci_bridge_window window;

	for (u32 k = 0; k < ARRAY_SIZE(f->bar); k++)
		if (!f->bar[k].io && f->bar[k].base &&
		    hits(base, size, f->bar[k].base, f->bar[k].size, end))
			return true;
	if (hits_rom(f, base, size, end))
		return true;
	for (u32 k = 0; k < 2 && p->w->requesters[i].bridge && !is_above(p, i); k++)
		if (pci_bridge_window(f->bdf, k == 1, &window) &&
		    hits(base, size, window.base, window.size, end))
			return true;
	return false;
}

/* The other BARs of the same card's VFs. */
static bool hits_own(const struct place *p, u32 bar, u64 base, u64 size, u64 *end)
{
	for (u32 k = 0; k < PCI_BARS; k++)
		if (k != bar && p->s->bar[k].base &&
		    hits(base, size, p->s->bar[k].base, pci_sriov_bar_bytes(p->s, k), end))
			return true;
	return false;
}

/*
 * *end: where what is in the way ends. What the firmware chose may lie in what its map calls
 * reserved.
 */
static bool occupied(const struct place *p, u32 bar, u64 base, u64 size, bool ours, u64 *end)
{
	for (u32 i = 0; i < p->w->nmemory; i++) {
		const struct machine_memory *m = &p->w->memory[i];

		if ((ours || m->kind == MEMORY_RAM) && hits(base, size, m->base.v, m->size, end))
			return true;
	}
	for (u32 i = 0; i < p->w->nfixed; i++)
		if (hits(base, size, p->w->fixed[i].base, p->w->fixed[i].size, end))
			return true;
	for (u32 i = 0; i < p->w->n; i++)
		if (hits_function(p, i, base, size, end))
			return true;
	return hits(base, size, CHIPSET_BASE, CHIPSET_SIZE, end) ||
	       hits_own(p, bar, base, size, end);
}

/* ---- what reaches the bus -------------------------------------------------------------------- */

struct window {
	u64 base, end;
	bool prefetch; /* forwards prefetchable memory alone */
};

#define WINDOWS_OF_ONE 8 /* six BARs, two windows of a bridge */

/* Around something on the card's own root bus. */
static bool root_window(const struct place *p, u32 i, u32 k, struct window *out)
{
	const struct machine_function *f = &p->w->functions[i];
	struct bdf mine = p->w->functions[p->function].bdf;
	struct pci_bridge_window w = {0};

	if (p->w->requesters[i].parent != NO_FUNCTION || f->bdf.segment != mine.segment ||
	    f->bdf.bus != mine.bus)
		return false;
	if (k < ARRAY_SIZE(f->bar)) {
		if (!f->bar[k].io && f->bar[k].base)
			w = (struct pci_bridge_window){f->bar[k].base, f->bar[k].size};
	} else if (!p->w->requesters[i].bridge ||
		   !pci_bridge_window(f->bdf, k == ARRAY_SIZE(f->bar) + 1, &w)) {
		return false;
	}
	*out = (struct window){align_down(w.base, ROOT_BLOCK),
			       align_up(w.base + w.size, ROOT_BLOCK), false};
	return w.size;
}

/* Number k of them; *more: there may be further ones. */
static bool window_at(const struct place *p, u32 k, struct window *out, bool *more)
{
	u32 parent = p->w->requesters[p->function].parent;
	struct pci_bridge_window w;

	if (parent == NO_FUNCTION) {
		*more = k < p->w->n * WINDOWS_OF_ONE;
		return *more && root_window(p, k / WINDOWS_OF_ONE, k % WINDOWS_OF_ONE, out);
	}
	*more = k < 2;
	if (!*more || !pci_bridge_window(p->w->functions[parent].bdf, k == 1, &w))
		return false;
	*out = (struct window){w.base, w.base + w.size, k == 1};
	return true;
}

/* Prefetchable memory may lie in the other window, not the other way round (§7.5.1.3.8). */
static bool may_use(const struct machine_bar *b, const struct window *w)
{
	return (b->prefetch || !w->prefetch) && (b->is64 || w->end <= GIB(4));
}

/* ---- the firmware's choice, or ours ---------------------------------------------------------- */

static bool routed(const struct place *p, const struct machine_bar *b, u64 size)
{
	struct window w;
	bool more = true;

	/* what the firmware gave to a function of a root bus is routed there */
	if (p->w->requesters[p->function].parent == NO_FUNCTION)
		return true;
	for (u32 k = 0; more; k++)
		if (window_at(p, k, &w, &more) && may_use(b, &w) && b->base >= w.base &&
		    b->base < w.end && size <= w.end - b->base)
			return true;
	return false;
}

static bool firmware_placed(const struct place *p)
{
	u64 end;

	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct machine_bar *b = &p->s->bar[i];
		u64 size = pci_sriov_bar_bytes(p->s, i);

		if (size && (!b->base || b->base + size < b->base || !routed(p, b, size) ||
			     occupied(p, i, b->base, size, false, &end)))
			return false;
	}
	return true;
}

/* The first free place in one window; 0: none. */
static u64 search(const struct place *p, u32 bar, const struct window *w)
{
	u64 align = p->s->bar[bar].size, size = pci_sriov_bar_bytes(p->s, bar);
	u64 base = align_up(w->base, align);

	/* each turn begins behind the end of something, so they end */
	while (base >= w->base && base < w->end && size <= w->end - base) {
		u64 end;

		if (!occupied(p, bar, base, size, true, &end))
			return base;
		base = align_up(end, align);
	}
	return 0;
}

static u64 find_room(const struct place *p, u32 bar)
{
	struct window w;

	/*
	 * a prefetchable window first, for what may lie there: it is large where the other is
	 * scarce
	 */
	for (u32 pass = 0; pass < 2; pass++) {
		bool more = true;

		for (u32 k = 0; more; k++) {
			u64 base = 0;

			if (window_at(p, k, &w, &more) && w.prefetch == (pass == 0) &&
			    may_use(&p->s->bar[bar], &w))
				base = search(p, bar, &w);
			if (base)
				return base;
		}
	}
	return 0;
}

int virtual_place(struct pci_sriov *s, const struct virtual_world *w, u32 function,
		  struct pci_verdict *v)
{
	struct place p = {w, s, function};

	if (firmware_placed(&p))
		return OK;
	for (u32 i = 0; i < PCI_BARS; i++)
		s->bar[i].base = 0;
	for (u32 i = 0; i < PCI_BARS; i++) {
		if (!s->bar[i].size)
			continue;
		s->bar[i].base = find_room(&p, i);
		if (!s->bar[i].base)
			return pci_fail(v, ERR_NOMEM,
					"the firmware left no room for BAR %u of %u virtual "
					"functions (%lu KiB) %s",
					i, s->count, pci_sriov_bar_bytes(s, i) >> 10,
					w->requesters[function].parent == NO_FUNCTION
					    ? "beside what else is on its root bus"
					    : "in the windows of the port above");
	}
	return OK;
}
