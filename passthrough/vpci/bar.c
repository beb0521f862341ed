/* Where BARs are for the guest, and what lies there. */
#include "core/base/mem.h"
#include "passthrough/vpci/priv.h"

/* ---- what a BAR is made of ------------------------------------------------------------------- */

struct span {
	u64 off, end;
};

static void add_part(struct vpci_device *d, u8 bar, u64 off, u64 end, bool emulated)
{
	struct vdev_bar *b = &d->bar[bar];

	if (off < end)
		b->part[b->nparts++] = (struct vdev_part){
		    .off = off, .size = end - off, .emulated = emulated, .d = d, .bar = bar};
}

/* Its pages, not beyond the BAR. */
static struct span pages(const struct vdev_bar *b, const struct pci_structure *s)
{
	return (struct span){align_down(s->off, PAGE_SIZE),
			     min_u64(align_up(s->off + s->size, PAGE_SIZE), b->size)};
}

/* Keep them in order. */
static void insert(struct span *s, u32 *n, struct span new)
{
	u32 i = (*n)++;

	for (; i && s[i - 1].off > new.off; i--)
		s[i] = s[i - 1];
	s[i] = new;
}

bool vdev_mirror(const struct vpci_device *d, struct pci_structure *out)
{
	u64 size = d->c.host->bars.bar[0].size;

	*out = (struct pci_structure){0, d->c.mirror, d->c.mirror_size};
	return d->c.mirror_size && out->off < size && out->size <= size - out->off;
}

/* Cut the BAR at the pages that are emulated; what is smaller than a page is so whole. */
static void cut(struct vpci_device *d, u8 bar)
{
	const struct pci_function *f = d->c.host;
	struct vdev_bar *b = &d->bar[bar];
	struct pci_structure mirror;
	struct span s[3], merged;
	u64 at = 0;
	u32 n = 0;

	if (b->size < PAGE_SIZE) {
		add_part(d, bar, 0, b->size, true);
		return;
	}
	if (d->nvectors && f->msix_table.bar == bar)
		insert(s, &n, pages(b, &f->msix_table));
	if (d->nvectors && f->msix_pba.bar == bar)
		insert(s, &n, pages(b, &f->msix_pba));
	if (vdev_mirror(d, &mirror) && mirror.bar == bar)
		insert(s, &n, pages(b, &mirror));
	for (u32 i = 0; i < n; i++) {
		merged = s[i];
		while (i + 1 < n && s[i + 1].off <= merged.end)
			merged.end = max_u64(merged.end, s[++i].end);
		add_part(d, bar, at, merged.off, false);
		add_part(d, bar, merged.off, merged.end, true);
		at = merged.end;
	}
	add_part(d, bar, at, b->size, false);
}

static void build_bar(struct vpci_device *d, u8 bar)
{
	const struct machine_bar *h = &d->c.host->bars.bar[bar];
	struct vdev_bar *b = &d->bar[bar];
	u32 i = PCI_BAR0 / 4 + bar;
	u64 mask = ~(h->size - 1);

	if (!h->size || h->io)
		return;
	*b = (struct vdev_bar){.size = h->size, .is64 = h->is64, .prefetch = h->prefetch};
	d->value[i] = (h->prefetch ? PCI_BAR_PREFETCH : 0) | (h->is64 ? PCI_BAR_64 : 0);
	d->writable[i] = (u32)mask & PCI_BAR_MEMORY_MASK;
	d->hook[i] = HOOK_BAR;
	if (h->is64) {
		d->writable[i + 1] = (u32)(mask >> 32);
		d->hook[i + 1] = HOOK_BAR;
	}
	cut(d, bar);
}

static void build_rom(struct vpci_device *d)
{
	struct vdev_bar *b = &d->bar[PCI_ROM_BAR];
	u64 size = KIB(2);

	if (!d->c.rom || !d->c.rom_size || !d->c.platform)
		return;
	while (size < d->c.rom_size)
		size *= 2;
	*b = (struct vdev_bar){.size = size};
	d->writable[PCI_ROM / 4] = (~(u32)(size - 1) & PCI_ROM_MASK) | PCI_ROM_ENABLE;
	d->hook[PCI_ROM / 4] = HOOK_ROM;
	add_part(d, PCI_ROM_BAR, 0, size, true);
}

void vdev_bars_build(struct vpci_device *d)
{
	for (u8 i = 0; i < PCI_BARS; i++)
		build_bar(d, i);
	build_rom(d);
}

/* The hypervisor's own way to the emulated parts. */
int vdev_bars_map_host(struct vpci_device *d)
{
	for (u8 i = 0; i < PCI_BARS; i++)
		for (u32 k = 0; k < d->bar[i].nparts; k++) {
			struct vdev_part *p = &d->bar[i].part[k];
			int err = OK;

			if (p->emulated)
				err = pci_window_map(d->c.host, i, p->off, p->size, &p->host);
			if (err)
				return err;
		}
	return OK;
}

/* ---- registers ------------------------------------------------------------------------------- */

static u32 register_of(u8 bar)
{
	return (bar == PCI_ROM_BAR ? PCI_ROM : PCI_BAR0 + 4u * bar) / 4;
}

void vpci_device_place(struct vpci_device *d, u8 bar, u64 gpa)
{
	struct vdev_bar *b = &d->bar[bar];
	u32 i = register_of(bar);

	if (!b->size)
		return;
	b->start = gpa;
	d->reset[i] = (d->reset[i] & ~d->writable[i]) | ((u32)gpa & d->writable[i]);
	if (b->is64)
		d->reset[i + 1] = (u32)(gpa >> 32) & d->writable[i + 1];
	d->value[i] = d->reset[i];
	if (b->is64)
		d->value[i + 1] = d->reset[i + 1];
}

static u64 address(const struct vpci_device *d, u8 bar)
{
	const struct vdev_bar *b = &d->bar[bar];
	u32 i = register_of(bar);
	u64 mask = bar == PCI_ROM_BAR ? PCI_ROM_MASK : PCI_BAR_MEMORY_MASK;

	return (d->value[i] & mask) | (b->is64 ? (u64)d->value[i + 1] << 32 : 0);
}

static bool enabled(const struct vpci_device *d, u8 bar)
{
	if (!d->armed || d->away || d->failed || !d->bar[bar].size || !vdev_decodes(d))
		return false;
	return bar != PCI_ROM_BAR || d->value[PCI_ROM / 4] & PCI_ROM_ENABLE;
}

/* Inside a window made for BARs: never over memory, interrupts, or another emulated device. */
static bool allowed(const struct vpci_device *d, u64 at, u64 size)
{
	for (u32 i = 0; i < VDEV_WINDOWS; i++) {
		const struct vdev_window *w = &d->c.window[i];

		if (at >= w->base && at - w->base < w->size && size <= w->size - (at - w->base))
			return true;
	}
	return false;
}

/* ---- mappings -------------------------------------------------------------------------------- */

static int part_add(struct vpci_device *d, struct vdev_part *p, u64 at)
{
	int err;

	if (p->emulated) {
		struct platform_region r = {GPA(at + p->off), p->size, vdev_part_access, p};

		err = d->c.platform ? platform_region_add(d->c.platform, &r) : ERR_UNSUPPORTED;
	} else {
		struct pdev_window w = {p->bar, p->off, p->size, GPA(at + p->off)};

		err = d->pdev.ops->map(&d->pdev, &w);
	}
	p->there = !err;
	return err;
}

static int part_remove(struct vpci_device *d, struct vdev_part *p, u64 at)
{
	int err;

	if (!p->there)
		return OK;
	if (p->emulated) {
		err = platform_region_remove(d->c.platform, GPA(at + p->off));
	} else {
		struct pdev_window w = {p->bar, p->off, p->size, GPA(at + p->off)};

		err = d->pdev.ops->unmap(&d->pdev, &w);
	}
	if (!err)
		p->there = false;
	return err;
}

static int bar_remove(struct vpci_device *d, struct vdev_bar *b)
{
	int first = OK;

	for (u32 i = 0; i < b->nparts; i++) {
		int err = part_remove(d, &b->part[i], b->at);

		if (!first)
			first = err;
	}
	b->placed = first != OK;
	return first;
}

/* All parts or none. */
static void bar_add(struct vpci_device *d, struct vdev_bar *b, u64 at)
{
	b->at = at;
	b->placed = true;
	for (u32 i = 0; i < b->nparts; i++) {
		if (!part_add(d, &b->part[i], at))
			continue;
		d->count.maps_refused++;
		if (bar_remove(d, b))
			d->failed = true;
		return;
	}
}

int vdev_bars_remove(struct vpci_device *d)
{
	int first = OK;

	for (u8 i = 0; i < VDEV_BARS; i++) {
		int err = d->bar[i].placed ? bar_remove(d, &d->bar[i]) : OK;

		if (!first)
			first = err;
	}
	return first;
}

/* Leave first, then arrive: two BARs may change places. */
void vdev_bars_update(struct vpci_device *d)
{
	for (u8 i = 0; i < VDEV_BARS; i++) {
		struct vdev_bar *b = &d->bar[i];

		if (b->placed && (!enabled(d, i) || b->at != address(d, i)) && bar_remove(d, b))
			d->failed = true;
	}
	for (u8 i = 0; i < VDEV_BARS && !d->failed; i++) {
		struct vdev_bar *b = &d->bar[i];
		u64 at = address(d, i);

		if (b->placed || !enabled(d, i))
			continue;
		if (allowed(d, at, b->size))
			bar_add(d, b, at);
		else
			d->count.maps_refused++;
	}
}
