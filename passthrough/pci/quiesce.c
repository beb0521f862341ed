#include "passthrough/pci/reset.h"

static bool pending(const struct pci_function *f)
{
	if (f->at.express)
		return pci_read(f, f->at.express + PCI_EXP_DEVSTA, 2) & PCI_EXP_DEVSTA_PENDING;
	return f->at.af && (pci_read(f, f->at.af + PCI_AF_STATUS, 1) & PCI_AF_TP);
}

static void clear_bits(const struct pci_function *f, u16 off, u32 bits)
{
	pci_write(f, off, 2, pci_read(f, off, 2) & ~bits);
}

int pci_quiesce_begin(struct pci_quiesce *q, struct pci_function *f)
{
	u64 now = port_time_ns();
	u32 command = pci_read(f, PCI_COMMAND, 2);

	*q = (struct pci_quiesce){.f = f, .until = now, .deadline = now + PCI_PENDING_BOUND};
	f->quiet = f->fresh = false;
	if (command == 0xffff)
		return ERR_IO;
	pci_write(f, PCI_COMMAND, 2, (command & ~PCI_COMMAND_MASTER) | PCI_COMMAND_INTX_OFF);
	if (f->at.msi)
		clear_bits(f, f->at.msi + PCI_MSI_CONTROL, PCI_MSI_ENABLE);
	if (f->at.msix)
		clear_bits(f, f->at.msix + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE);
	return pci_read(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER ? ERR_IO : pci_quiesce_poll(q);
}

int pci_quiesce_poll(struct pci_quiesce *q)
{
	u64 now = port_time_ns();

	if (pci_read(q->f, PCI_COMMAND, 2) == 0xffff)
		return ERR_IO;
	if (pending(q->f)) {
		if (now < q->deadline) {
			q->until = now + PCI_MS;
			return ERR_BUSY;
		}
		q->pending = true;
	}
	q->f->quiet = true;
	return OK;
}
