/* Configuration space by ECAM, and the functions there are. */
#include "lib/internal.h"

#define VENDOR	     0x00
#define COMMAND	     0x04
#define HEADER	     0x0e
#define SECONDARY    0x19
#define CAPABILITIES 0x34

u32 pci_read(struct pci_place p, u32 off)
{
	return mmio_read32(pci_ecam_address(p.bus, p.devfn, off));
}

void pci_write(struct pci_place p, u32 off, u32 v)
{
	mmio_write32(pci_ecam_address(p.bus, p.devfn, off), v);
}

static u32 find_on(u32 bus, struct pci_place *out, u32 n, u32 max)
{
	for (u32 devfn = 0; devfn < 256 && n < max; devfn++) {
		struct pci_place p = {(u8)bus, (u8)devfn};

		if (pci_read(p, VENDOR) == ~0u)
			continue;
		if ((pci_read(p, HEADER & ~3u) >> 16 & 0x7f) == 1)
			n = find_on(pci_read(p, SECONDARY & ~3u) >> 8 & 0xff, out, n, max);
		else if (bus || devfn)
			out[n++] = p;
	}
	return n;
}

/* The host bridge at 00:00.0 is the machine's and not listed; a bridge's bus is followed once. */
u32 pci_find_all(struct pci_place *out, u32 max)
{
	return machine.ecam ? find_on(0, out, 0, max) : 0;
}

bool pci_find(u32 ids, struct pci_place *out)
{
	struct pci_place all[32];
	u32 n = pci_find_all(all, ARRAY_SIZE(all));

	for (u32 i = 0; i < n; i++)
		if (pci_read(all[i], VENDOR) == ids) {
			*out = all[i];
			return true;
		}
	return false;
}

u64 pci_bar(struct pci_place p, u32 bar)
{
	u32 low = pci_read(p, 0x10 + 4 * bar);
	u64 at = low & ~15u;

	if ((low & 6) == 4)
		at |= (u64)pci_read(p, 0x14 + 4 * bar) << 32;
	return at;
}

void pci_enable(struct pci_place p)
{
	pci_write(p, COMMAND, (pci_read(p, COMMAND) & 0xffff) | 6);
}

u32 pci_capability(struct pci_place p, u8 id)
{
	u32 at = pci_read(p, CAPABILITIES) & 0xfc;

	for (u32 i = 0; at && i < 48; i++) {
		u32 head = pci_read(p, at);

		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & 0xfc;
	}
	return 0;
}
