/*
 * MSI-X: the guest's table is ours, the device's holds remapping entries' messages. An entry of the
 * device is open only while its message is routed, the guest has it open, and MSI-X is on.
 */
#include "passthrough/vpci/priv.h"

#define CONTROL(c) ((u32)(c) << 16)

/* The part of a BAR that holds the table. */
static const struct vdev_part *table_part(const struct vpci_device *d, u64 *base)
{
	const struct vdev_bar *b = &d->bar[d->c.host->msix_table.bar];

	for (u32 i = 0; i < b->nparts; i++)
		if (b->part[i].emulated && d->c.host->msix_table.off >= b->part[i].off &&
		    d->c.host->msix_table.off - b->part[i].off < b->part[i].size) {
			*base = d->c.host->msix_table.off - b->part[i].off;
			return &b->part[i];
		}
	return NULL;
}

static void host_entry(struct vpci_device *d, u32 vector, u32 reg, u32 v)
{
	u64 base;
	const struct vdev_part *p = table_part(d, &base);

	if (p && p->host.base)
		port_mmio_write32(&p->host, base + (u64)vector * PCI_MSIX_ENTRY + reg, v);
}

static void host_mask(struct vpci_device *d, u32 vector, bool masked)
{
	host_entry(d, vector, PCI_MSIX_ENTRY_CTRL, masked ? PCI_MSIX_ENTRY_MASK : 0);
}

static void host_control(struct vpci_device *d, u32 bits)
{
	const struct pci_function *f = d->c.host;
	u16 off = f->at.msix + PCI_MSIX_CONTROL;

	vdev_write(d, off, 2, bits);
}

static bool same(const struct pdev_host_msi *a, const struct pdev_host_msi *b)
{
	return a->address == b->address && a->data == b->data;
}

/* Masked while its message changes, so that the device never sends half of one. */
static void host_message(struct vpci_device *d, u32 vector, const struct pdev_host_msi *m)
{
	host_mask(d, vector, true);
	host_entry(d, vector, 0, (u32)m->address);
	host_entry(d, vector, 4, (u32)(m->address >> 32));
	host_entry(d, vector, PCI_MSIX_ENTRY_DATA, m->data);
}

static void vector_route(struct vpci_device *d, u32 i)
{
	struct vdev_vector *e = &d->c.vectors[i];
	const struct pdev_guest_msi guest = {e->address, e->data};
	struct pdev_host_msi host = {0};

	if (d->pdev.ops->route(&d->pdev, i, &guest, &host)) {
		d->count.msi_refused++;
		host_mask(d, i, true);
		return;
	}
	if (!e->routed || !same(&host, &e->host))
		host_message(d, i, &host);
	e->routed = true;
	e->host = host;
	host_mask(d, i, false);
}

static void vector_update(struct vpci_device *d, u32 i)
{
	if (!d->msix_on)
		return;
	if (d->c.vectors[i].masked)
		host_mask(d, i, true);
	else
		vector_route(d, i);
}

u32 vdev_msix_read(struct vpci_device *d, u64 off)
{
	const struct vdev_vector *e = &d->c.vectors[off / PCI_MSIX_ENTRY];

	switch (off % PCI_MSIX_ENTRY) {
	case 0:
		return (u32)e->address;
	case 4:
		return (u32)(e->address >> 32);
	case PCI_MSIX_ENTRY_DATA:
		return e->data;
	default:
		return e->masked;
	}
}

void vdev_msix_write(struct vpci_device *d, u64 off, u32 v)
{
	u32 i = (u32)(off / PCI_MSIX_ENTRY);
	struct vdev_vector *e = &d->c.vectors[i];

	switch (off % PCI_MSIX_ENTRY) {
	case 0:
		e->address = (e->address & ~0xffffffffull) | (v & ~3u);
		break;
	case 4:
		e->address = (e->address & 0xffffffff) | (u64)v << 32;
		break;
	case PCI_MSIX_ENTRY_DATA:
		e->data = v;
		break;
	default:
		if (e->masked == (v & PCI_MSIX_ENTRY_MASK))
			return;
		e->masked = v & PCI_MSIX_ENTRY_MASK;
		vector_update(d, i);
		return;
	}
	if (!e->masked)
		vector_update(d, i);
}

static int unroute_all(struct vpci_device *d)
{
	int first = OK;

	for (u32 i = 0; i < d->nvectors; i++) {
		struct vdev_vector *e = &d->c.vectors[i];
		int err;

		host_mask(d, i, true);
		if (!e->routed)
			continue;
		err = d->pdev.ops->unroute(&d->pdev, i);
		if (!first)
			first = err;
		e->routed = err != OK;
	}
	return first;
}

void vdev_msix_update(struct vpci_device *d)
{
	u32 control = d->value[d->c.host->at.msix / 4];
	bool quiet = control & CONTROL(PCI_MSIX_MASK_ALL);
	bool on = control & CONTROL(PCI_MSIX_ENABLE) && d->armed && !d->away;

	/* The two must not be on together (PCI 3.0 §6.8.2.3): what came first stays. */
	if (on && d->msi_on) {
		d->count.msi_refused++;
		return;
	}
	if (on && !d->msix_on) {
		d->msix_on = true;
		host_control(d, PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
		for (u32 i = 0; i < d->nvectors; i++)
			vector_update(d, i);
	}
	if (on)
		host_control(d, PCI_MSIX_ENABLE | (quiet ? PCI_MSIX_MASK_ALL : 0));
	else if (d->msix_on && vdev_irqs_remove(d))
		d->failed = true;
}

int vdev_irqs_remove(struct vpci_device *d)
{
	const struct pci_function *f = d->c.host;
	int err = OK;

	if (d->nvectors) {
		host_control(d, 0);
		err = unroute_all(d);
		d->msix_on = false;
	}
	if (f->at.msi)
		vdev_write(d, f->at.msi + PCI_MSI_CONTROL, 2, 0);
	d->msi_on = false;
	for (u32 i = 0; i < d->msi_routed; i++) {
		int e = d->pdev.ops->unroute(&d->pdev, i);

		if (!err)
			err = e;
	}
	if (!err)
		d->msi_routed = 0;
	return err;
}
