#include "passthrough/pci/function.h"

/* A register at `off` of a capability, saved when the function has it. */
struct row {
	size_t cap; /* offsetof in struct pci_known; HEADER: absolute */
	u8 off, width;
	u32 mask;
	u8 express2; /* only in version 2 of the PCI Express capability */
};

#define HEADER (~(size_t)0)
#define AT(m)  offsetof(struct pci_known, m)

static const struct row rows[] = {
    {HEADER, PCI_CACHE_LINE, 1, 0xff, 0},
    {AT(express), PCI_EXP_DEVCTL, 2, 0x7fff, 0},  /* all but "initiate reset" */
    {AT(express), PCI_EXP_LNKCTL, 2, 0x014b, 0},  /* ASPM, RCB, common clock, clock PM */
    {AT(express), PCI_EXP_DEVCTL2, 2, 0x07ff, 1}, /* completion time-out, ARI, IDO, LTR */
    {AT(ltr), PCI_LTR_LATENCY, 4, 0x1fff1fff, 0},
    {AT(acs), PCI_ACS_CONTROL, 2, 0x007f, 0},
    {AT(aer), PCI_AER_UNCORRECTABLE_MASK, 4, ~0u, 0},
    {AT(aer), PCI_AER_SEVERITY, 4, ~0u, 0},
    {AT(aer), PCI_AER_CORRECTABLE_MASK, 4, ~0u, 0},
};

static u16 base_of(const struct pci_function *f, const struct row *r)
{
	return *(const u16 *)((const u8 *)&f->at + r->cap);
}

/* Has the function that register? *off: where. */
static bool present(const struct pci_function *f, const struct row *r, u16 *off)
{
	u16 base = 0;

	if (r->cap != HEADER) {
		base = base_of(f, r);
		if (!base)
			return false;
	}
	*off = base + r->off;
	if (r->cap != AT(express))
		return true;
	/* an integrated endpoint of version 1 has no link registers (§7.5.3) */
	for (u32 i = 0; i < f->caps.nstandard; i++)
		if (f->caps.standard[i].off == base)
			return r->off + r->width <= f->caps.standard[i].size;
	return false;
}

static void add(const struct pci_function *f, struct pci_saved *s, u16 off, u8 width, u32 mask)
{
	u32 v = pci_read(f, off, width);

	if (s->n < PCI_SAVED_MAX)
		s->reg[s->n++] = (struct pci_saved_register){off, width, v & mask, mask};
}

static u32 rebar_count(const struct pci_function *f)
{
	u32 n = (pci_read(f, f->at.rebar + PCI_REBAR_CONTROL, 4) & PCI_REBAR_CONTROL_COUNT) >> 5;

	return n > PCI_BARS ? PCI_BARS : n;
}

int pci_save(const struct pci_function *f, struct pci_saved *s)
{
	u16 off;

	*s = (struct pci_saved){0};
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (present(f, &rows[i], &off))
			add(f, s, off, rows[i].width, rows[i].mask);
	if (f->at.rebar)
		for (u32 i = 0, n = rebar_count(f); i < n; i++)
			add(f, s, (u16)(f->at.rebar + PCI_REBAR_CONTROL + 8 * i), 4,
			    PCI_REBAR_CONTROL_SIZE);
	/* asked last: what was read before is good only if it still answers */
	if (pci_read(f, PCI_CLASS, 4) == ~0u)
		return ERR_IO;
	s->valid = true;
	return OK;
}

static void write_register(const struct pci_function *f, const struct pci_saved_register *r)
{
	u32 now = pci_read(f, r->off, r->width);

	pci_write(f, r->off, r->width, (now & ~r->mask) | r->value);
}

int pci_restore(const struct pci_function *f, const struct pci_saved *s, u16 *off)
{
	*off = PCI_COMMAND;
	if (!s->valid)
		return ERR_INVAL;
	pci_write(f, PCI_COMMAND, 2, PCI_COMMAND_INTX_OFF);
	/* sizes of resizable BARs rule which bits of the BARs exist, so they come first */
	for (u32 i = 0; i < s->n; i++)
		write_register(f, &s->reg[i]);
	*off = PCI_BAR0;
	if (!f->is_vf && pci_bars_restore(f->bdf, &f->bars))
		return ERR_IO;
	for (u32 i = 0; i < s->n; i++) {
		*off = s->reg[i].off;
		if ((pci_read(f, s->reg[i].off, s->reg[i].width) & s->reg[i].mask) !=
		    s->reg[i].value)
			return ERR_IO;
	}
	*off = PCI_COMMAND;
	return pci_read(f, PCI_COMMAND, 2) &
		       (PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY | PCI_COMMAND_IO)
		   ? ERR_IO
		   : OK;
}
