/*
 * What shows of a function, register by register. Whoever wants to know whether a guest sees or
 * changes something finds the row here; what has no row is not there.
 */
#include "core/base/mem.h"
#include "passthrough/vpci/priv.h"

/* One dword, at its place in the header or counted from its capability. */
struct row {
	u8 off;
	u8 hook;
	u32 copy;     /* bits taken from the device when the view is made */
	u32 fixed;    /* bits that are one */
	u32 writable; /* bits the guest changes in the view */
	u32 shown;    /* bits that are the device's each time they are read */
	u32 through;  /* bits the guest changes in the device */
};

/* PCI 3.0 §6.1, PCIe 5.0 §7.5.1. BARs and ROM follow from the sizes (bar.c). */
static const struct row header[] = {
    /* vendor and device id are added: a VF's do not read */
    {.off =
	 0x04, /* no I/O space; INTx is never asserted; errors show and are cleared (command()) */
     .hook = HOOK_COMMAND,
     .copy = 0x06b00000,
     .writable = 0x0546,
     .shown = 0xf9000000},
    {.off = 0x08, .copy = ~0u},		   /* revision, class */
    {.off = 0x0c, .writable = 0x000000ff}, /* cache line size; latency, BIST: not there */
    {.off = 0x2c, .copy = ~0u},		   /* subsystem */
    {.off = 0x3c, .copy = 0xffff0000, .writable = 0xff}, /* interrupt pin reads 0: no INTx */
};

/* PM 1.2 §3.2: D0 and D3hot, kept in the view; configuration survives; no wake-up. */
static const struct row power[] = {
    {.off = 0x00, .copy = 0x00270000},
    {.off = 0x04, .hook = HOOK_POWER, .fixed = PCI_PM_NO_SOFT_RESET, .writable = PCI_PM_STATE},
};

/* Reads of vital product data go through, writes of it would stay in the card (vpd()). */
static const struct row vpd[] = {
    {.off = 0x00, .hook = HOOK_VPD, .shown = 0xffff0000},
    {.off = 0x04, .shown = ~0u},
};

/*
 * §7.5.3. Payload size, extended tags, error reporting and Device Control 2 belong to the path up to
 * the root, which is the host's: the guest's values stay in the view. Read request size, relaxed
 * ordering and no-snoop are the device's own and go through.
 */
static const struct row express[] = {
    {.off = 0x00, .copy = 0x00ff0000},
    {.off = 0x04, .copy = 0x0ffc8fe7},
    {.off = 0x08,
     .hook = HOOK_EXPRESS_CONTROL,
     .copy = 0x000001e0,
     .writable = 0x000001ef,
     .shown = 0x00307810,
     .through = 0x00007810},
    /* the link: as it is, no ASPM, not to be changed */
    {.off = 0x0c, .copy = 0x004003ff},
    {.off = 0x10, .copy = 0x13ff0000, .writable = 0x000000c8},
    /* version 2 */
    {.off = 0x24, .copy = 0x0000001f},
    {.off = 0x28, .copy = 0x0000001f, .writable = 0x0000001f},
    {.off = 0x2c, .copy = 0x000000fe},
    {.off = 0x30, .copy = 0x001f000f, .writable = 0x0000000f},
};

static const struct row af[] = {
    {.off = 0x00, .copy = 0x03ff0000},
    {.off = 0x04, .hook = HOOK_AF, .shown = 0x00000100},
};

static const struct row sata[] = {
    {.off = 0x00, .shown = 0xffff0000},
    {.off = 0x04, .shown = ~0u},
};

static const struct row serial[] = {
    {.off = 0x04, .copy = ~0u},
    {.off = 0x08, .copy = ~0u},
};

enum special { PLAIN, SPECIAL_MSI, SPECIAL_MSIX, SPECIAL_VENDOR, SPECIAL_DVSEC, SPECIAL_REBAR };

/* A capability that shows. All others are left out of the lists and read zero. */
struct shown_cap {
	u16 id;
	u8 special;
	u8 nrows;
	const struct row *rows;
};

#define ROWS(r) .nrows = ARRAY_SIZE(r), .rows = (r)

static const struct shown_cap standard[] = {
    {PCI_CAP_PM, ROWS(power)},
    {PCI_CAP_VPD, ROWS(vpd)},
    {PCI_CAP_MSI, .special = SPECIAL_MSI},
    {PCI_CAP_VENDOR, .special = SPECIAL_VENDOR},
    {PCI_CAP_EXPRESS, ROWS(express)},
    {PCI_CAP_MSIX, .special = SPECIAL_MSIX},
    {PCI_CAP_SATA, ROWS(sata)},
    {PCI_CAP_AF, ROWS(af)},
};

static const struct shown_cap extended[] = {
    {PCI_EXT_SERIAL, ROWS(serial)},
    {PCI_EXT_VENDOR, .special = SPECIAL_VENDOR},
    {PCI_EXT_DVSEC, .special = SPECIAL_DVSEC},
    {PCI_EXT_REBAR, .special = SPECIAL_REBAR},
};

static u32 host_read(const struct vpci_device *d, u32 off)
{
	return vdev_read(d, (u16)off, 4);
}

static void apply(struct vpci_device *d, u32 base, const struct row *r)
{
	u32 i = (base + r->off) / 4;

	d->value[i] |= (r->copy ? host_read(d, base + r->off) & r->copy : 0) | r->fixed;
	d->writable[i] = r->writable;
	d->shown[i] = r->shown;
	d->through[i] = r->through;
	d->hook[i] = r->hook;
}

/* PCI 3.0 §6.8.1: control, address, data, mask and pending as far as the device has them. */
static void build_msi(struct vpci_device *d, const struct pci_cap *c)
{
	const struct pci_function *f = d->c.host;
	u32 i = c->off / 4u, data = i + 2;

	d->value[i] |=
	    (f->msi_64 ? PCI_MSI_64 << 16 : 0) | (f->msi_masking ? PCI_MSI_MASKING << 16 : 0);
	d->value[i] |= (u32)f->msi_log2 << 17;
	d->writable[i] = (PCI_MSI_ENABLE | PCI_MSI_MULTIPLE) << 16;
	d->writable[i + 1] = ~3u;
	if (f->msi_64)
		d->writable[data++] = ~0u;
	d->writable[data] = 0xffff;
	if (f->msi_masking) {
		d->writable[data + 1] = (u32)((1ull << (1u << f->msi_log2)) - 1);
		d->shown[data + 2] = d->writable[data + 1];
	}
	for (u32 k = i; k < i + c->size / 4u; k++)
		d->hook[k] = HOOK_MSI;
}

/* PCI 3.0 §6.8.2: table and PBA lie where the device has them. */
static void build_msix(struct vpci_device *d, const struct pci_cap *c)
{
	const struct pci_function *f = d->c.host;
	u32 i = c->off / 4u;

	d->value[i] |= (f->msix_vectors - 1) << 16;
	d->writable[i] = (u32)(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL) << 16;
	d->hook[i] = HOOK_MSIX;
	d->value[i + 1] = (u32)f->msix_table.off | f->msix_table.bar;
	d->value[i + 2] = (u32)f->msix_pba.off | f->msix_pba.bar;
}

/* All but the list's own fields shows; `through` as well when the guest may write it. */
static void build_window(struct vpci_device *d, const struct pci_cap *c, u32 list_fields,
			 bool through)
{
	for (u32 k = 0; k < c->size / 4u; k++) {
		u32 i = c->off / 4u + k, bits = k ? ~0u : ~list_fields;

		d->shown[i] = bits;
		d->through[i] = through ? bits : 0;
	}
}

/* §7.8.6: the size it has is the only one it can have, because the host's windows are as they are. */
static void build_rebar(struct vpci_device *d, const struct pci_cap *c)
{
	for (u32 off = PCI_REBAR_CAPABILITY; off + 8 <= c->size; off += 8) {
		u32 i = (c->off + off) / 4, control = host_read(d, c->off + off + 4);
		u32 size = (control & PCI_REBAR_CONTROL_SIZE) >> 8;

		d->value[i] = size < 28 ? 1u << (size + 4) : 0;
		d->value[i + 1] = control & (PCI_REBAR_CONTROL_INDEX | PCI_REBAR_CONTROL_COUNT |
					     PCI_REBAR_CONTROL_SIZE);
	}
}

static void build_cap(struct vpci_device *d, const struct pci_cap *c, const struct shown_cap *s,
		      u32 list_fields)
{
	bool write = !(d->c.quirks & VDEV_VENDOR_READ);

	switch (s->special) {
	case SPECIAL_MSI:
		build_msi(d, c);
		return;
	case SPECIAL_MSIX:
		build_msix(d, c);
		return;
	case SPECIAL_VENDOR:
		build_window(d, c, list_fields, write);
		return;
	case SPECIAL_DVSEC:
		build_window(d, c, list_fields, false);
		return;
	case SPECIAL_REBAR:
		build_rebar(d, c);
		return;
	default:
		for (u32 r = 0; r < s->nrows; r++)
			if (s->rows[r].off + 4u <= c->size)
				apply(d, c->off, &s->rows[r]);
	}
}

/* Does the function really have it, by what we know of it, and may the guest know? */
static bool visible(const struct vpci_device *d, const struct pci_cap *c)
{
	const struct pci_known *at = &d->c.host->at;

	if (!c->whole)
		return false;
	switch (c->id) {
	case PCI_CAP_PM:
		return c->off == at->pm;
	case PCI_CAP_MSI:
		return c->off == at->msi;
	case PCI_CAP_MSIX:
		return c->off == at->msix && d->nvectors;
	case PCI_CAP_EXPRESS:
		return c->off == at->express;
	case PCI_CAP_AF:
		return c->off == at->af && d->c.host->resets & RESET_AF_FLR;
	case PCI_CAP_VENDOR:
		return !(d->c.quirks & VDEV_NO_VENDOR);
	default:
		return true;
	}
}

static const struct shown_cap *find(const struct shown_cap *list, u32 n, u16 id)
{
	for (u32 i = 0; i < n; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

static void build_standard(struct vpci_device *d)
{
	const struct pci_caps *caps = &d->c.host->caps;
	u32 *last = NULL; /* dword that points to the next one */

	for (u32 k = 0; k < caps->nstandard; k++) {
		const struct pci_cap *c = &caps->standard[k];
		const struct shown_cap *s = find(standard, ARRAY_SIZE(standard), c->id);

		if (!s || !visible(d, c))
			continue;
		if (last)
			*last |= (u32)c->off << 8;
		else
			d->value[PCI_CAPABILITIES / 4] = c->off;
		last = &d->value[c->off / 4];
		*last |= c->id;
		build_cap(d, c, s, 0xffff);
	}
	if (last)
		d->value[PCI_COMMAND / 4] |= (u32)PCI_STATUS_CAPS << 16;
	else
		d->value[PCI_COMMAND / 4] &= ~((u32)PCI_STATUS_CAPS << 16);
}

/* The list starts at 100h by definition: what is hidden there is an empty capability that links on. */
static void build_extended(struct vpci_device *d)
{
	const struct pci_caps *caps = &d->c.host->caps;
	u32 *last = &d->value[PCI_STANDARD_SIZE / 4];

	if (!d->c.host->at.express)
		return;
	for (u32 k = 0; k < caps->nextended; k++) {
		const struct pci_cap *c = &caps->extended[k];
		const struct shown_cap *s = find(extended, ARRAY_SIZE(extended), c->id);

		if (!s || !c->whole || (c->id == PCI_EXT_VENDOR && d->c.quirks & VDEV_NO_VENDOR))
			continue;
		if (c->off != PCI_STANDARD_SIZE)
			*last |= (u32)c->off << 20;
		last = &d->value[c->off / 4];
		*last |= (u32)c->version << 16 | c->id;
		build_cap(d, c, s, ~0u);
	}
}

/*
 * On the root bus it is integrated into the root complex, which has no link (§7.5.3). A reset by
 * the guest is offered where one works that takes no neighbour with it.
 */
static void adapt_express(struct vpci_device *d)
{
	const struct pci_function *f = d->c.host;
	u32 i = f->at.express / 4;

	if (!f->at.express)
		return;
	d->value[i + 1] &= ~PCI_EXP_DEVCAP_FLR;
	if (f->resets & (RESET_FLR | RESET_AF_FLR | RESET_PM))
		d->value[i + 1] |= PCI_EXP_DEVCAP_FLR;
	if (d->c.below_port)
		return;
	d->value[i] = (d->value[i] & ~(PCI_EXP_TYPE << 16)) | PCI_EXP_TYPE_INTEGRATED << 20;
	for (u32 off = PCI_EXP_LNKCAP; off <= PCI_EXP_LNKCTL; off += 4)
		d->value[i + off / 4] = d->writable[i + off / 4] = 0;
	if (pci_cap_find(&f->caps, PCI_CAP_EXPRESS)->size < 60)
		return;
	for (u32 off = PCI_EXP_LNKCAP2; off <= PCI_EXP_LNKCTL2; off += 4)
		d->value[i + off / 4] = d->writable[i + off / 4] = 0;
}

void vdev_policy_build(struct vpci_device *d)
{
	memset(d->value, 0, sizeof(d->value));
	memset(d->writable, 0, sizeof(d->writable));
	memset(d->shown, 0, sizeof(d->shown));
	memset(d->through, 0, sizeof(d->through));
	memset(d->hook, 0, sizeof(d->hook));
	for (u32 i = 0; i < ARRAY_SIZE(header); i++)
		apply(d, 0, &header[i]);
	d->value[0] = (u32)d->c.host->id.device << 16 | d->c.host->id.vendor;
	build_standard(d);
	build_extended(d);
	adapt_express(d);
	vdev_bars_build(d);
	memcpy(d->reset, d->value, sizeof(d->reset));
}
