/* Power states and bus mastering: the device acts only in D0 and when the guest lets it. */
#include "passthrough/vpci/priv.h"

u32 vdev_power_state(const struct vpci_device *d)
{
	u16 pm = d->c.host->at.pm;

	return pm ? d->value[(pm + PCI_PM_CONTROL) / 4] & PCI_PM_STATE : 0;
}

bool vdev_decodes(const struct vpci_device *d)
{
	return d->value[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY && !vdev_power_state(d);
}

/*
 * D3hot is the view's alone: the device stays in D0, because leaving D3hot may reset it and with it
 * MSI registers and BARs that are not the guest's. It is kept from acting instead.
 */
void vdev_power_write(struct vpci_device *d)
{
	u32 want = VDEV_HOST_COMMAND;

	if (!d->armed || d->away)
		return;
	if (d->value[PCI_COMMAND / 4] & PCI_COMMAND_MASTER && !vdev_power_state(d))
		want |= PCI_COMMAND_MASTER;
	/* written as a whole: what the device says it holds is nothing to build on */
	if (vdev_read(d, PCI_COMMAND, 2) != want)
		vdev_write(d, PCI_COMMAND, 2, want);
}
