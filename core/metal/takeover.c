#include "core/metal/takeover.h"
#include "core/port.h"
#include "passthrough/pci/regs.h"

#define HAND_OFF_NS 1000000000ull
#define CLASS_IOMMU 0x0806

#define XHCI_HCCPARAMS1	 0x10
#define XHCI_LEGACY	 1 /* extended capability: USBLEGSUP */
#define XHCI_SMI_ENABLES 0x0000e011u
#define XHCI_SMI_EVENTS	 0xe0000000u /* cleared by writing ones */
#define LEGACY_BIOS	 (1u << 16)
#define LEGACY_OS	 (1u << 24)

#define EHCI_HCCPARAMS 0x08
#define EHCI_EVENTS    0xffff0000u

#define OHCI_CONTROL	  0x04
#define OHCI_STATUS	  0x08
#define OHCI_DISABLE	  0x14
#define OHCI_SMI_ROUTING  (1u << 8)
#define OHCI_OWNER_CHANGE (1u << 3)

#define UHCI_LEGACY	0xc0
#define UHCI_SMIS_CLEAR 0x8f00 /* every SMI enable off, every status cleared */

#define AHCI_CAP2     0x24
#define AHCI_BOHC     0x28
#define AHCI_HAND_OFF 1u
#define AHCI_BIOS     1u
#define AHCI_OS	      2u

static void tell(const struct machine_function *f, const char *what)
{
	port_log(LOG_WARN, "%04x:%02x:%02x.%x (%04x:%04x): %s", f->bdf.segment, f->bdf.bus,
		 f->bdf.devfn >> 3, f->bdf.devfn & 7, f->vendor, f->device, what);
}

/* Its registers, while memory decoding is on. False: it has none, or they are nowhere. */
static bool map(const struct machine_function *f, u32 bar, struct mmio *out)
{
	const struct machine_bar *b = &f->bar[bar];

	return !b->io && b->base && b->size >= PAGE_SIZE / 16 &&
	       (port_pci_read(f->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) &&
	       !port_mmio_map(PADDR(b->base), b->size, out);
}

static bool await_clear(const struct mmio *m, u64 off, u32 bits)
{
	u64 end = port_time_ns() + HAND_OFF_NS;

	while (port_mmio_read32(m, off) & bits) {
		if (port_time_ns() > end)
			return false;
		port_relax();
	}
	return true;
}

static const char stubborn[] = "the firmware does not let go of it; taken all the same";

static void take_xhci(const struct machine_function *f)
{
	struct mmio m;
	u64 at;

	if (!map(f, 0, &m))
		return;
	at = (u64)(port_mmio_read32(&m, XHCI_HCCPARAMS1) >> 16) * 4;
	/* A list of at most 256 steps; each at least one dword on. */
	for (u32 i = 0; i < 256 && at && at + 8 <= m.size; i++) {
		u32 head = port_mmio_read32(&m, at);

		if ((head & 0xff) == XHCI_LEGACY) {
			u32 control;

			port_mmio_write32(&m, at, head | LEGACY_OS);
			if (!await_clear(&m, at, LEGACY_BIOS)) {
				tell(f, stubborn);
				port_mmio_write32(&m, at, LEGACY_OS);
			}
			control = port_mmio_read32(&m, at + 4) & ~XHCI_SMI_ENABLES;
			port_mmio_write32(&m, at + 4, control | XHCI_SMI_EVENTS);
			return;
		}
		if (!(head >> 8 & 0xff))
			return;
		at += (head >> 8 & 0xff) * 4;
	}
}

/* The legacy capability of an EHCI lies in configuration space. */
static void take_ehci(const struct machine_function *f)
{
	u64 end = port_time_ns() + HAND_OFF_NS;
	struct mmio m;
	u16 at;

	if (!map(f, 0, &m))
		return;
	at = port_mmio_read32(&m, EHCI_HCCPARAMS) >> 8 & 0xfc;
	if (at < 0x40 || port_pci_read(f->bdf, at, 1) != XHCI_LEGACY)
		return;
	port_pci_write(f->bdf, at + 3, 1, 1);
	while (port_pci_read(f->bdf, at + 2, 1) & 1) {
		if (port_time_ns() > end) {
			tell(f, stubborn);
			port_pci_write(f->bdf, at + 2, 1, 0);
			break;
		}
		port_relax();
	}
	port_pci_write(f->bdf, at + 4, 4, EHCI_EVENTS);
}

static void take_ohci(const struct machine_function *f)
{
	struct mmio m;

	if (!map(f, 0, &m))
		return;
	if (port_mmio_read32(&m, OHCI_CONTROL) & OHCI_SMI_ROUTING) {
		port_mmio_write32(&m, OHCI_STATUS, OHCI_OWNER_CHANGE);
		if (!await_clear(&m, OHCI_CONTROL, OHCI_SMI_ROUTING)) {
			tell(f, stubborn);
			port_mmio_write32(&m, OHCI_CONTROL, 0);
		}
	}
	port_mmio_write32(&m, OHCI_DISABLE, ~0u);
}

static void take_uhci(const struct machine_function *f)
{
	port_pci_write(f->bdf, UHCI_LEGACY, 2, UHCI_SMIS_CLEAR);
}

static void take_ahci(const struct machine_function *f)
{
	struct mmio m;

	if (!map(f, 5, &m) || !(port_mmio_read32(&m, AHCI_CAP2) & AHCI_HAND_OFF))
		return;
	port_mmio_write32(&m, AHCI_BOHC, AHCI_OS);
	if (!await_clear(&m, AHCI_BOHC, AHCI_BIOS))
		tell(f, stubborn);
}

static const struct {
	u32 class_code;
	void (*take)(const struct machine_function *f);
} controllers[] = {
    {0x0c0300, take_uhci}, {0x0c0310, take_ohci}, {0x0c0320, take_ehci},
    {0x0c0330, take_xhci}, {0x010601, take_ahci},
};

void takeover_controllers(const struct survey *s)
{
	for (u32 i = 0; i < s->n; i++)
		for (u32 k = 0; k < ARRAY_SIZE(controllers); k++)
			if (s->functions[i].class_code == controllers[k].class_code)
				controllers[k].take(&s->functions[i]);
	for (u32 i = 0; i < s->n; i++) {
		struct bdf bdf = s->functions[i].bdf;

		/* A remapping unit's own writes are its fault log and its message. */
		if (s->functions[i].class_code >> 8 != CLASS_IOMMU)
			port_pci_write(bdf, PCI_COMMAND, 2,
				       port_pci_read(bdf, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER);
	}
}

void takeover_open_bridges(const struct survey *s)
{
	for (u32 i = 0; i < s->n; i++) {
		struct bdf bdf = s->functions[i].bdf;

		if (s->requesters[i].bridge)
			port_pci_write(bdf, PCI_COMMAND, 2,
				       port_pci_read(bdf, PCI_COMMAND, 2) | PCI_COMMAND_MASTER);
	}
}
