#include "passthrough/pci/sriov.h"
#include "core/base/mem.h"
#include "passthrough/pci/reset.h"

#define PAGES_4K 1u

static u16 at(const struct pci_sriov *s, u32 reg)
{
	return (u16)(s->pf->at.sriov + reg);
}

struct bdf pci_sriov_bdf(const struct pci_sriov *s, u16 i)
{
	u32 rid = bdf_rid(s->pf->bdf) + s->offset + (u32)i * s->stride;

	return (struct bdf){s->pf->bdf.segment, (u8)(rid >> 8), (u8)rid};
}

/* Do all ids fit, and is none the PF's own or another VF's? */
static bool ids_good(const struct pci_sriov *s, u8 last_bus)
{
	u32 last = bdf_rid(s->pf->bdf) + s->offset + (s->count - 1u) * s->stride;

	return s->offset && (s->stride || s->count == 1) && last >> 8 <= last_bus;
}

int pci_sriov_plan(struct pci_sriov *s, struct pci_function *pf, u16 count, u8 last_bus)
{
	u32 bad;
	int err;

	*s = (struct pci_sriov){.pf = pf, .count = count};
	if (!pf->at.sriov)
		return ERR_UNSUPPORTED;
	if (pci_read(pf, at(s, PCI_SRIOV_CONTROL), 2) & PCI_SRIOV_VFE)
		return ERR_BUSY;
	s->total = (u16)pci_read(pf, at(s, PCI_SRIOV_TOTAL), 2);
	if (!count || count > s->total || count > pci_read(pf, at(s, PCI_SRIOV_INITIAL), 2))
		return ERR_RANGE;
	if (!(pci_read(pf, at(s, PCI_SRIOV_PAGES), 4) & PAGES_4K))
		return ERR_UNSUPPORTED;
	pci_write(pf, at(s, PCI_SRIOV_PAGE_SIZE), 4, PAGES_4K);
	pci_write(pf, at(s, PCI_SRIOV_NUM), 2, count);
	if (pci_read(pf, at(s, PCI_SRIOV_NUM), 2) != count)
		return ERR_IO;
	/* both may depend on NumVFs (§9.3.3.9) */
	s->offset = (u16)pci_read(pf, at(s, PCI_SRIOV_OFFSET), 2);
	s->stride = (u16)pci_read(pf, at(s, PCI_SRIOV_STRIDE), 2);
	if (!ids_good(s, last_bus))
		return ERR_RANGE;
	err = pci_bars_size_at(pf->bdf, at(s, PCI_SRIOV_BAR0), PCI_BARS, s->bar, &bad);
	return err;
}

u64 pci_sriov_bar_bytes(const struct pci_sriov *s, u32 bar)
{
	return s->bar[bar].size * s->count;
}

static int write_bars(const struct pci_sriov *s)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct machine_bar *b = &s->bar[i];
		u16 reg = at(s, PCI_SRIOV_BAR0 + 4 * i);

		if (!b->size)
			continue;
		if (!b->base || b->base & (b->size - 1))
			return ERR_INVAL;
		pci_write(s->pf, reg, 4, (u32)b->base);
		if ((pci_read(s->pf, reg, 4) & PCI_BAR_MEMORY_MASK) != (u32)b->base)
			return ERR_IO;
		if (!b->is64)
			continue;
		pci_write(s->pf, (u16)(reg + 4), 4, (u32)(b->base >> 32));
		if (pci_read(s->pf, (u16)(reg + 4), 4) != (u32)(b->base >> 32))
			return ERR_IO;
	}
	return OK;
}

int pci_sriov_enable(struct pci_sriov *s)
{
	u32 control = pci_read(s->pf, at(s, PCI_SRIOV_CONTROL), 2);
	int err = write_bars(s);

	if (err)
		return err;
	control |= PCI_SRIOV_VFE | PCI_SRIOV_MSE;
	pci_write(s->pf, at(s, PCI_SRIOV_CONTROL), 2, control);
	if (pci_read(s->pf, at(s, PCI_SRIOV_CONTROL), 2) != control)
		return ERR_IO;
	s->until = port_time_ns() + PCI_RESET_SETTLE;
	return OK;
}

int pci_sriov_disable(struct pci_sriov *s)
{
	u32 control = pci_read(s->pf, at(s, PCI_SRIOV_CONTROL), 2);

	control &= ~(PCI_SRIOV_VFE | PCI_SRIOV_MSE);
	pci_write(s->pf, at(s, PCI_SRIOV_CONTROL), 2, control);
	return pci_read(s->pf, at(s, PCI_SRIOV_CONTROL), 2) == control ? OK : ERR_IO;
}

int pci_sriov_read(const struct pci_sriov *s, u16 i, struct pci_function *f, struct pci_verdict *v)
{
	int err;

	memset(f, 0, sizeof(*f));
	f->bdf = pci_sriov_bdf(s, i);
	f->is_vf = true;
	f->pf = s->pf;
	err = pci_function_read(f, v);
	if (err)
		return err;
	for (u32 k = 0; k < PCI_BARS; k++) {
		f->bars.bar[k] = s->bar[k];
		f->bars.bar[k].base += s->bar[k].size * i;
	}
	return pci_function_check(f, v);
}
