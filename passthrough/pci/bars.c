#include "passthrough/pci/bars.h"
#include "core/base/mem.h"
#include "core/port.h"
#include "passthrough/pci/regs.h"

u16 pci_bar_register(u32 bar, u8 header_type)
{
	if (bar == PCI_ROM_BAR)
		return header_type ? PCI_BRIDGE_ROM : PCI_ROM;
	return (u16)(PCI_BAR0 + 4 * bar);
}

static u32 bars_of(u8 header_type)
{
	return header_type == 0 ? PCI_BARS : header_type == 1 ? 2 : 0;
}

/* Write all ones and put the old value back; what came between are the bits that exist. */
static int probe(struct bdf bdf, u16 reg, u32 *old, u32 *bits)
{
	*old = port_pci_read(bdf, reg, 4);
	port_pci_write(bdf, reg, 4, ~0u);
	*bits = port_pci_read(bdf, reg, 4);
	port_pci_write(bdf, reg, 4, *old);
	return port_pci_read(bdf, reg, 4) == *old ? OK : ERR_IO;
}

/* The bits that exist must be one run up to `top`: then the lowest is the size. */
static int size_of(u64 bits, u64 top, u64 *size)
{
	u64 lowest = bits & -bits;

	*size = lowest;
	if (!bits)
		return OK;
	return (bits | (lowest - 1)) == top ? OK : ERR_CORRUPT;
}

static int size_io(u32 old, u32 bits, struct machine_bar *b)
{
	u64 mask = bits & PCI_BAR_IO_MASK;

	/* the upper 16 bits may be hard-wired to zero (PCI 3.0 §6.2.5.1) */
	if (mask && !(mask >> 16))
		mask |= 0xffff0000u;
	*b = (struct machine_bar){.base = old & PCI_BAR_IO_MASK, .io = true};
	return size_of(mask, 0xffffffffu, &b->size);
}

static int size_memory(struct bdf bdf, u16 reg, u32 old, u32 bits, struct machine_bar *b)
{
	u64 mask = bits & PCI_BAR_MEMORY_MASK, top = 0xffffffffu;
	u32 high_old, high_bits;

	*b = (struct machine_bar){
	    .base = old & PCI_BAR_MEMORY_MASK,
	    .prefetch = old & PCI_BAR_PREFETCH,
	    .is64 = (old & PCI_BAR_TYPE) == PCI_BAR_64,
	};
	if (b->is64) {
		if (probe(bdf, (u16)(reg + 4), &high_old, &high_bits))
			return ERR_IO;
		b->base |= (u64)high_old << 32;
		mask |= (u64)high_bits << 32;
		top = ~0ull;
	}
	return size_of(mask, top, &b->size);
}

static int size_bar(struct bdf bdf, u16 reg, bool may_be_64, struct machine_bar *b)
{
	u32 old, bits;
	int err = probe(bdf, reg, &old, &bits);

	if (err)
		return err;
	if (!bits)
		return OK;
	/* kind bits are hard-wired: ones that moved are a device that lies */
	if ((bits ^ old) & (bits & PCI_BAR_IO ? 3 : 0xf))
		return ERR_CORRUPT;
	if (bits & PCI_BAR_IO) {
		err = size_io(old, bits, b);
	} else {
		u32 type = bits & PCI_BAR_TYPE;

		/* type 01b was below 1 MiB once and is reserved now, as is 11b */
		if (type && (type != PCI_BAR_64 || !may_be_64))
			return ERR_CORRUPT;
		err = size_memory(bdf, reg, old, bits, b);
	}
	if (!err && b->size && b->base & (b->size - 1))
		err = ERR_CORRUPT;
	return err;
}

/*
 * Bit 0 enables it and stays off: it may share its decoder with a BAR (§7.5.1.2.4). One that does not
 * behave is no ROM; nobody needs it, and nothing is ever decoded there.
 */
static void size_rom(struct bdf bdf, u16 reg, struct machine_bar *b)
{
	u32 old = port_pci_read(bdf, reg, 4), bits;
	u64 size;

	port_pci_write(bdf, reg, 4, PCI_ROM_MASK);
	bits = port_pci_read(bdf, reg, 4) & PCI_ROM_MASK;
	port_pci_write(bdf, reg, 4, old & PCI_ROM_MASK);
	*b = (struct machine_bar){0};
	if ((port_pci_read(bdf, reg, 4) ^ old) & PCI_ROM_MASK || size_of(bits, 0xffffffffu, &size))
		return;
	/* firmware often leaves a base that does not fit the size: then it has none */
	b->size = size;
	b->base = size && !(old & PCI_ROM_MASK & (size - 1)) ? old & PCI_ROM_MASK : 0;
}

int pci_bars_size_at(struct bdf bdf, u16 reg, u32 n, struct machine_bar *out, u32 *bad)
{
	int err = OK;

	for (u32 i = 0; i < n && !err; i++) {
		*bad = i;
		err = size_bar(bdf, (u16)(reg + 4 * i), i + 1 < n, &out[i]);
		if (!err && out[i].is64)
			i++;
	}
	return err;
}

int pci_bars_size(struct bdf bdf, u8 header_type, struct pci_bars *out, u32 *bad)
{
	u32 command = port_pci_read(bdf, PCI_COMMAND, 2), n = bars_of(header_type);
	int err;

	memset(out, 0, sizeof(*out));
	*bad = 0;
	if (command == 0xffff)
		return ERR_IO;
	port_pci_write(bdf, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	err = pci_bars_size_at(bdf, PCI_BAR0, n, out->bar, bad);
	if (!err && n)
		size_rom(bdf, pci_bar_register(PCI_ROM_BAR, header_type), &out->bar[PCI_ROM_BAR]);
	if (err == ERR_IO)
		return err; /* what it decodes now is not known */
	port_pci_write(bdf, PCI_COMMAND, 2, command);
	return err;
}

void pci_bars_reread(struct bdf bdf, struct pci_bars *b)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		struct machine_bar *bar = &b->bar[i];
		u16 reg = (u16)(PCI_BAR0 + 4 * i);

		if (!bar->size)
			continue;
		bar->base =
		    port_pci_read(bdf, reg, 4) & (bar->io ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);
		if (bar->is64)
			bar->base |= (u64)port_pci_read(bdf, (u16)(reg + 4), 4) << 32;
	}
}

int pci_bars_restore(struct bdf bdf, const struct pci_bars *b)
{
	struct pci_bars now = *b;

	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct machine_bar *bar = &b->bar[i];
		u16 reg = (u16)(PCI_BAR0 + 4 * i);

		if (!bar->size)
			continue;
		port_pci_write(bdf, reg, 4, (u32)bar->base);
		if (bar->is64)
			port_pci_write(bdf, (u16)(reg + 4), 4, (u32)(bar->base >> 32));
	}
	if (b->bar[PCI_ROM_BAR].size)
		port_pci_write(bdf, PCI_ROM, 4, (u32)b->bar[PCI_ROM_BAR].base);
	pci_bars_reread(bdf, &now);
	for (u32 i = 0; i < PCI_BARS; i++)
		if (now.bar[i].base != b->bar[i].base)
			return ERR_IO;
	return OK;
}
