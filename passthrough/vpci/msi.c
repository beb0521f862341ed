/* MSI: the guest's registers are ours, the device's hold one remapping entry's message. */
#include "passthrough/vpci/priv.h"

struct guest_msi {
	u64 address;
	u32 data, mask, messages;
	bool on;
};

/* More messages than it can send are as many as it can (PCI 3.0 §6.8.1.3). */
static struct guest_msi registers(const struct vpci_device *d)
{
	u32 i = d->c.host->at.msi / 4, control = d->value[i] >> 16;
	u32 log2 = (control & PCI_MSI_MULTIPLE) >> 4;
	struct guest_msi m = {.on = control & PCI_MSI_ENABLE, .address = d->value[i + 1]};

	if (log2 > d->c.host->msi_log2)
		log2 = d->c.host->msi_log2;
	m.messages = 1u << log2;
	i += 2;
	if (d->c.host->msi_64)
		m.address |= (u64)d->value[i++] << 32;
	m.data = d->value[i];
	m.mask = d->c.host->msi_masking ? d->value[i + 1] : 0;
	return m;
}

static void host_mask(struct vpci_device *d, u32 mask)
{
	const struct pci_function *f = d->c.host;

	if (d->c.host->msi_masking)
		vdev_write(d, f->at.msi + (d->c.host->msi_64 ? 16 : 12), 4, mask);
}

static void host_message(struct vpci_device *d, const struct pdev_host_msi *m, u32 messages)
{
	const struct pci_function *f = d->c.host;
	u32 log2 = (u32)__builtin_ctz(messages);
	u16 at = f->at.msi;

	/* off while it changes, so that the device never sends half of a message */
	vdev_write(d, at + PCI_MSI_CONTROL, 2, 0);
	vdev_write(d, at + PCI_MSI_ADDRESS, 4, (u32)m->address);
	if (d->c.host->msi_64)
		vdev_write(d, at + PCI_MSI_ADDRESS_HIGH, 4, (u32)(m->address >> 32));
	vdev_write(d, at + (d->c.host->msi_64 ? 12 : 8), 2, m->data & 0xffff);
	vdev_write(d, at + PCI_MSI_CONTROL, 2, PCI_MSI_ENABLE | log2 << 4);
}

/*
 * The device adds the message number to the data by itself, so message 0's entry is what it gets;
 * the others follow it. A refused message is not routed, and masked where that is possible.
 */
static void turn_on(struct vpci_device *d, const struct guest_msi *m)
{
	bool fresh = !d->msi_on || d->msi_routed != m->messages;
	struct pdev_host_msi host, first = {0};
	u64 refused = 0;

	for (u32 i = 0; i < m->messages; i++) {
		struct pdev_guest_msi g = {m->address, (m->data & ~(m->messages - 1)) | i};

		if (d->pdev.ops->route(&d->pdev, i, &g, i ? &host : &first)) {
			d->count.msi_refused++;
			refused |= 1ull << i;
		}
	}
	for (u32 i = m->messages; i < d->msi_routed; i++)
		if (d->pdev.ops->unroute(&d->pdev, i))
			d->failed = true;
	d->msi_routed = m->messages;
	d->msi_mask = refused;
	host_mask(d, m->mask | (u32)refused);
	if (refused & 1) { /* no message to send by: off */
		vdev_write(d, d->c.host->at.msi + PCI_MSI_CONTROL, 2, 0);
		d->msi_on = false;
		return;
	}
	if (fresh || first.address != d->msi_host.address || first.data != d->msi_host.data)
		host_message(d, &first, m->messages);
	d->msi_host = first;
	d->msi_on = true;
}

static void turn_off(struct vpci_device *d)
{
	vdev_write(d, d->c.host->at.msi + PCI_MSI_CONTROL, 2, 0);
	d->msi_on = false;
	for (u32 i = 0; i < d->msi_routed; i++)
		if (d->pdev.ops->unroute(&d->pdev, i))
			d->failed = true;
	if (!d->failed)
		d->msi_routed = 0;
}

void vdev_msi_update(struct vpci_device *d)
{
	struct guest_msi m = registers(d);

	if (m.on && d->msix_on) {
		d->count.msi_refused++;
		return;
	}
	if (m.on && d->armed && !d->away)
		turn_on(d, &m);
	else if (d->msi_on || d->msi_routed)
		turn_off(d);
}
