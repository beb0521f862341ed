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

u16 pci_sriov_most(const struct pci_function *pf)
{
	u16 cap = pf->at.sriov;

	if (!cap)
		return 0;
	return (u16)min_u64(pci_read(pf, cap + PCI_SRIOV_TOTAL, 2),
			    pci_read(pf, cap + PCI_SRIOV_INITIAL, 2));
}

/*
 * Two of them with one id, or one with the PF's, cannot be told apart; some cannot be asked at all.
 */
static int check_ids(const struct pci_sriov *s, enum pci_reach reach, struct pci_verdict *v)
{
	u32 first = bdf_rid(s->pf->bdf) + s->offset, last = first + (s->count - 1u) * s->stride;

	if (!s->offset || (!s->stride && s->count > 1))
		return pci_fail(v, ERR_RANGE, "it numbers them by offset %u and stride %u",
				s->offset, s->stride);
	if (last >> 8 != s->pf->bdf.bus)
		return pci_fail(v, ERR_RANGE,
				"their ids would leave the card's bus (offset %u, stride %u)",
				s->offset, s->stride);
	if (reach == PCI_REACH_SLOT && (last & 0xff) > 7)
		return pci_fail(
		    v, ERR_RANGE,
		    "the port above the card does not forward requests to function %u (ARI)",
		    last & 0xff);
	return OK;
}

static int size_bars(struct pci_sriov *s, struct pci_verdict *v)
{
	u32 bad = 0;
	int err = pci_bars_size_at(s->pf->bdf, at(s, PCI_SRIOV_BAR0), PCI_BARS, s->bar, &bad);

	for (u32 i = 0; i < PCI_BARS && !err; i++) {
		bad = i;
		/* at least a page each, so that no two of them share one (§9.2.1.1.1) */
		if (s->bar[i].size && (s->bar[i].io || s->bar[i].size < PAGE_SIZE))
			err = ERR_CORRUPT;
	}
	return err ? pci_fail(v, err, "BAR %u of its virtual functions makes no sense", bad) : OK;
}

int pci_sriov_plan(struct pci_sriov *s, struct pci_function *pf, u16 count, enum pci_reach reach,
		   struct pci_verdict *v)
{
	u32 control;
	int err;

	*s = (struct pci_sriov){.pf = pf, .count = count};
	*v = (struct pci_verdict){0};
	if (!pf->at.sriov)
		return pci_fail(v, ERR_UNSUPPORTED, "it has no SR-IOV");
	control = pci_read(pf, at(s, PCI_SRIOV_CONTROL), 2);
	if (control & PCI_SRIOV_VFE)
		return pci_fail(v, ERR_BUSY, "they are switched on already");
	s->total = (u16)pci_read(pf, at(s, PCI_SRIOV_TOTAL), 2);
	if (!count || count > pci_sriov_most(pf))
		return pci_fail(v, ERR_RANGE, "%u is not a number of them it can have (1 to %u)",
				count, pci_sriov_most(pf));
	if (!(pci_read(pf, at(s, PCI_SRIOV_PAGES), 4) & PAGES_4K))
		return pci_fail(v, ERR_UNSUPPORTED, "it has no pages of 4 KiB for them");
	/* a hint that the ids depend on; only the first PF of a card has the bit (§9.3.3.3.5) */
	control = reach == PCI_REACH_ARI ? control | PCI_SRIOV_ARI : control & ~PCI_SRIOV_ARI;
	pci_write(pf, at(s, PCI_SRIOV_CONTROL), 2, control);
	pci_write(pf, at(s, PCI_SRIOV_PAGE_SIZE), 4, PAGES_4K);
	pci_write(pf, at(s, PCI_SRIOV_NUM), 2, count);
	if (pci_read(pf, at(s, PCI_SRIOV_NUM), 2) != count)
		return pci_fail(v, ERR_IO, "it does not take %u as their number", count);
	/* both may depend on NumVFs (§9.3.3.9) */
	s->offset = (u16)pci_read(pf, at(s, PCI_SRIOV_OFFSET), 2);
	s->stride = (u16)pci_read(pf, at(s, PCI_SRIOV_STRIDE), 2);
	err = check_ids(s, reach, v);
	return err ? err : size_bars(s, v);
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
	if (f->header_type)
		return pci_fail(v, ERR_CORRUPT, "it says that it is a bridge");
	for (u32 k = 0; k < PCI_BARS; k++) {
		f->bars.bar[k] = s->bar[k];
		f->bars.bar[k].base += s->bar[k].size * i;
	}
	return pci_function_check(f, v);
}
