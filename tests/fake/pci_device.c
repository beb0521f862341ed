#include <stdlib.h>
#include <string.h>

#include "passthrough/pci/regs.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"

static u32 ones(u8 width)
{
	return (u32)(((u64)1 << 8 * width) - 1);
}

static bool answers(const struct fake_device *d)
{
	return !d->dead && port_time_ns() >= d->dead_until;
}

static u32 device_read(void *model, u16 off, u8 width)
{
	struct fake_device *d = model;
	u32 i = off / 4, v = d->config[i];

	if (d->die_after && !--d->die_after)
		d->dead = true;
	if (d->blink && !--d->blink)
		return ones(width);
	if (!answers(d))
		return ones(width);
	if (i == 0 && d->lies & FAKE_NEW_IDS && d->resets)
		v ^= 0x00010000;
	if (d->lies & FAKE_CAPS_MOVE && i == PCI_CAPABILITIES / 4)
		d->config[i] = 0x40 + ((v + 4) & 0x3f);
	if (d->express && i == d->express / 4u + 2 && d->lies & FAKE_PENDING)
		v |= (u32)PCI_EXP_DEVSTA_PENDING << 16;
	if (d->lies & FAKE_BAR_HOLES && i == PCI_BAR0 / 4 && v >> 20 == 0xfff)
		v &= ~0x00020000u;
	return v >> 8 * (off % 4) & ones(width);
}

void fake_device_reset(struct fake_device *d)
{
	d->resets++;
	memcpy(d->config, d->initial, sizeof(d->config));
	d->config[PCI_COMMAND / 4] &= 0xffff0000;
	for (u32 i = 0; i < 6; i++)
		d->config[PCI_BAR0 / 4 + i] &= ~d->writable[PCI_BAR0 / 4 + i];
	d->config[PCI_ROM / 4] = 0;
	for (u32 i = 0; i < 6; i++)
		if (d->bar[i].memory)
			memset(d->bar[i].memory, 0, FAKE_BAR_MEMORY);
	d->dead_until = port_time_ns() + d->recovery_ns;
	if (d->lies & FAKE_NO_RETURN)
		d->dead = true;
}

static void after_write(struct fake_device *d, u32 i, u32 old, u32 written)
{
	u32 state = d->config[i] & PCI_PM_STATE;

	if (d->express && i == d->express / 4u + 2 && written & PCI_EXP_DEVCTL_FLR &&
	    d->config[i - 1] & PCI_EXP_DEVCAP_FLR) {
		d->flr++;
		fake_device_reset(d);
		d->dead |= (d->lies & FAKE_FLR_DEAD) != 0;
	} else if (d->af && i == d->af / 4u + 1 && written & 1) {
		d->af_flr++;
		fake_device_reset(d);
	} else if (d->pm && i == d->pm / 4u + 1 && (old & PCI_PM_STATE) == PCI_PM_D3HOT && !state &&
		   !d->no_soft_reset) {
		d->pm_resets++;
		fake_device_reset(d);
	}
}

static void device_write(void *model, u16 off, u8 width, u32 v)
{
	struct fake_device *d = model;
	u32 i = off / 4, shift = 8 * (off % 4), bits = ones(width) << shift, old = d->config[i];
	u32 w = d->writable[i] & bits;

	d->config_writes++;
	if (!answers(d))
		return;
	v <<= shift;
	if (d->lies & FAKE_MASTER_STUCK && i == PCI_COMMAND / 4)
		v |= PCI_COMMAND_MASTER;
	if (d->lies & FAKE_CONFIG_LOST && d->resets && d->express && i == d->express / 4u + 2)
		w = 0;
	if (i == PCI_BAR0 / 4 && v == ~0u)
		d->sizing++;
	if (i >= PCI_BAR0 / 4 && i < PCI_BAR0 / 4 + 6 && v == ~0u)
		d->sized_while_decoding += d->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY;
	if (i == PCI_BAR0 / 4 && d->lies & FAKE_BAR_STUCK && d->sizing && v != ~0u)
		return;
	if (i == PCI_BAR0 / 4 && d->lies & FAKE_BAR_SIZE && d->sizing % 2 == 0 && v == ~0u)
		w &= ~0u << 24;
	d->config[i] = ((old & ~w) | (v & w)) & ~(d->w1c[i] & v & bits);
	after_write(d, i, old, v & bits);
}

static const struct fake_pci_ops device_ops = {device_read, device_write};

static u64 bar_read(void *model, u64 off, u8 width)
{
	struct fake_bar *b = model;
	u64 v = 0;

	if (!answers(b->device) || !(b->device->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY))
		return width == 8 ? ~0ull : (1ull << 8 * width) - 1;
	if (off + width <= FAKE_BAR_MEMORY)
		memcpy(&v, b->memory + off, width);
	return v;
}

static void bar_write(void *model, u64 off, u8 width, u64 v)
{
	struct fake_bar *b = model;

	if (answers(b->device) && b->device->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY &&
	    off + width <= FAKE_BAR_MEMORY)
		memcpy(b->memory + off, &v, width);
}

static const struct fake_mmio_ops bar_ops = {bar_read, bar_write};

void fake_device_init(struct fake_device *d, struct bdf bdf, u16 vendor, u16 device, u32 class_code)
{
	memset(d, 0, sizeof(*d));
	d->bdf = bdf;
	d->config[0] = (u32)device << 16 | vendor;
	d->config[PCI_CLASS / 4] = class_code << 8 | 1;
	d->config[PCI_SUBVENDOR / 4] = 0x11001af4;
	d->config[PCI_INTERRUPT_LINE / 4] = 0x0000010b;
	d->writable[PCI_COMMAND / 4] = 0x0547;
	d->w1c[PCI_COMMAND / 4] = (u32)PCI_STATUS_ERRORS << 16;
	d->writable[PCI_CACHE_LINE / 4] = 0xff;
	d->writable[PCI_INTERRUPT_LINE / 4] = 0xff;
	fake_pci_add(bdf, &device_ops, d);
}

void fake_device_free(struct fake_device *d)
{
	for (u32 i = 0; i < 6; i++)
		free(d->bar[i].memory);
}

void fake_device_bar(struct fake_device *d, u32 bar, u64 size, u64 host, bool is64, bool prefetch)
{
	struct fake_bar *b = &d->bar[bar];
	u32 i = PCI_BAR0 / 4 + bar;
	u64 mask = ~(size - 1);

	*b = (struct fake_bar){size, host, false, is64, prefetch, calloc(1, FAKE_BAR_MEMORY), d};
	d->config[i] = (u32)host | (is64 ? PCI_BAR_64 : 0) | (prefetch ? PCI_BAR_PREFETCH : 0);
	d->writable[i] = (u32)mask & PCI_BAR_MEMORY_MASK;
	if (is64) {
		d->config[i + 1] = (u32)(host >> 32);
		d->writable[i + 1] = (u32)(mask >> 32);
	}
	if (host)
		fake_mmio_add_pieces(PADDR(host), size, &bar_ops, b);
}

void fake_device_io_bar(struct fake_device *d, u32 bar, u32 size, u32 host)
{
	d->bar[bar] = (struct fake_bar){.size = size, .host = host, .io = true, .device = d};
	d->config[PCI_BAR0 / 4 + bar] = host | PCI_BAR_IO;
	d->writable[PCI_BAR0 / 4 + bar] = ~(size - 1) & 0xfffc;
}

static u64 rom_read(void *model, u64 off, u8 width)
{
	struct fake_device *d = model;
	u64 v = 0;

	if (!(d->config[PCI_ROM / 4] & PCI_ROM_ENABLE) ||
	    !(d->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY))
		return width == 8 ? ~0ull : (1ull << 8 * width) - 1;
	memcpy(&v, d->rom + off, width);
	return v;
}

static void rom_write(void *model, u64 off, u8 width, u64 v)
{
}

static const struct fake_mmio_ops rom_ops = {rom_read, rom_write};

void fake_device_rom(struct fake_device *d, u64 size, u64 host, const u8 *image)
{
	d->rom_size = size;
	d->rom_host = host;
	d->rom = image;
	d->config[PCI_ROM / 4] = (u32)host;
	d->writable[PCI_ROM / 4] = (~(u32)(size - 1) & PCI_ROM_MASK) | PCI_ROM_ENABLE;
	fake_mmio_add_pieces(PADDR(host), size, &rom_ops, d);
}

void fake_device_cap(struct fake_device *d, u16 off, u8 id, const u32 *dwords, u32 n)
{
	if (d->last_cap)
		d->config[d->last_cap / 4] |= (u32)off << 8;
	else
		d->config[PCI_CAPABILITIES / 4] = off;
	d->last_cap = off;
	d->config[PCI_COMMAND / 4] |= (u32)PCI_STATUS_CAPS << 16;
	for (u32 i = 0; i < n; i++)
		d->config[off / 4 + i] = dwords[i];
	d->config[off / 4] = (d->config[off / 4] & 0xffff0000) | id;
}

void fake_device_ext_cap(struct fake_device *d, u16 off, u16 id, const u32 *dwords, u32 n)
{
	if (d->last_ext)
		d->config[d->last_ext / 4] |= (u32)off << 20;
	d->last_ext = off;
	for (u32 i = 0; i < n; i++)
		d->config[off / 4 + i] = dwords[i];
	d->config[off / 4] = 1u << 16 | id;
}

void fake_device_pm(struct fake_device *d, u16 off, bool no_soft_reset)
{
	const u32 dwords[] = {0xfe03u << 16, no_soft_reset ? PCI_PM_NO_SOFT_RESET : 0};

	fake_device_cap(d, off, PCI_CAP_PM, dwords, 2);
	d->pm = off;
	d->no_soft_reset = no_soft_reset;
	d->writable[off / 4 + 1] = PCI_PM_STATE | PCI_PM_PME_ENABLE;
}

void fake_device_msi(struct fake_device *d, u16 off, u32 log2, bool wide, bool masking)
{
	u32 control = log2 << 1 | (wide ? PCI_MSI_64 : 0) | (masking ? PCI_MSI_MASKING : 0);
	u32 i = off / 4 + 2;
	const u32 dwords[] = {control << 16};

	fake_device_cap(d, off, PCI_CAP_MSI, dwords, 1);
	d->msi = off;
	d->writable[off / 4] = (PCI_MSI_ENABLE | PCI_MSI_MULTIPLE) << 16;
	d->writable[off / 4 + 1] = ~3u;
	if (wide)
		d->writable[i++] = ~0u;
	d->writable[i++] = 0xffff;
	if (masking)
		d->writable[i] = (u32)((1ull << (1u << log2)) - 1);
}

void fake_device_msix(struct fake_device *d, u16 off, u32 vectors, u8 table_bar, u32 table,
		      u8 pba_bar, u32 pba)
{
	const u32 dwords[] = {(vectors - 1) << 16, table | table_bar, pba | pba_bar};

	fake_device_cap(d, off, PCI_CAP_MSIX, dwords, 3);
	d->msix = off;
	d->msix_bar = table_bar;
	d->msix_off = table;
	d->writable[off / 4] = (u32)(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL) << 16;
}

void fake_device_express(struct fake_device *d, u16 off, u32 type, bool flr)
{
	u32 dwords[15] = {(type << 4 | 2) << 16};

	dwords[1] = 0x8002 | (flr ? PCI_EXP_DEVCAP_FLR : 0);
	dwords[2] = 0x2810 | 0x20; /* relaxed, no snoop, MRRS 512, MPS 256 */
	dwords[3] = 0x00436c83;
	dwords[4] = 0x10830040;
	dwords[9] = 0x0000001f;
	dwords[11] = 0x0000000e;
	dwords[12] = 0x00000003;
	fake_device_cap(d, off, PCI_CAP_EXPRESS, dwords, 15);
	d->express = off;
	d->writable[off / 4 + 2] = 0x7fff;
	d->writable[off / 4 + 4] = 0x01cb;
	d->writable[off / 4 + 10] = 0x07ff;
	d->writable[off / 4 + 12] = 0x000f;
}

void fake_device_af(struct fake_device *d, u16 off)
{
	const u32 dwords[] = {0x03060000, 0};

	fake_device_cap(d, off, PCI_CAP_AF, dwords, 2);
	d->af = off;
}

void fake_device_ready(struct fake_device *d)
{
	memcpy(d->initial, d->config, sizeof(d->config));
}

static bool msix_message(const struct fake_device *d, u32 n, u64 *address, u32 *data)
{
	u32 control = d->config[d->msix / 4] >> 16, e[4];

	if (control & PCI_MSIX_MASK_ALL || n > (control & PCI_MSIX_SIZE))
		return false;
	memcpy(e, d->bar[d->msix_bar].memory + d->msix_off + 16 * n, 16);
	*address = e[0] | (u64)e[1] << 32;
	*data = e[2];
	return !(e[3] & PCI_MSIX_ENTRY_MASK);
}

static bool msi_message(const struct fake_device *d, u32 n, u64 *address, u32 *data)
{
	u32 i = d->msi / 4, control = d->config[i] >> 16;
	bool wide = control & PCI_MSI_64;
	u32 at = i + 2 + wide;

	if (n >= 1u << ((control & PCI_MSI_MULTIPLE) >> 4))
		return false;
	*address = d->config[i + 1] | (wide ? (u64)d->config[i + 2] << 32 : 0);
	*data = d->config[at] + n;
	return !(control & PCI_MSI_MASKING) || !(d->config[at + 1] >> n & 1);
}

bool fake_device_interrupt(const struct fake_device *d, u32 n, u64 *address, u32 *data)
{
	if (!(d->config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER))
		return false; /* a message is a write of its own */
	if (d->msix && d->config[d->msix / 4] >> 16 & PCI_MSIX_ENABLE)
		return msix_message(d, n, address, data);
	if (d->msi && d->config[d->msi / 4] >> 16 & PCI_MSI_ENABLE)
		return msi_message(d, n, address, data);
	return false;
}

/* ---- a port ---------------------------------------------------------------------------------- */

static u32 port_read(void *model, u16 off, u8 width)
{
	struct fake_port *p = model;

	return p->config[off / 4] >> 8 * (off % 4) & ones(width);
}

static void port_write(void *model, u16 off, u8 width, u32 v)
{
	struct fake_port *p = model;
	u32 old = p->config[PCI_BRIDGE_CONTROL / 4];

	/* a port that can forward ARI does so when it is told */
	if (off == 0x40 + PCI_EXP_DEVCTL2 &&
	    p->config[(0x40 + PCI_EXP_DEVCAP2) / 4] & PCI_EXP_DEVCAP2_ARI)
		p->config[off / 4] = v & PCI_EXP_DEVCTL2_ARI;
	if (off != PCI_BRIDGE_CONTROL || width != 2)
		return;
	p->config[off / 4] = (old & 0xffff) | v << 16;
	if (!(old >> 16 & PCI_BRIDGE_RESET) || v & PCI_BRIDGE_RESET)
		return;
	if (p->link_never_up)
		p->config[(0x40 + PCI_EXP_LNKCTL) / 4] &= ~0x20000000u;
	for (u32 i = 0; i < p->nbelow; i++) {
		p->below[i]->dead = false;
		p->below[i]->bus_resets++;
		fake_device_reset(p->below[i]);
	}
}

static const struct fake_pci_ops port_ops = {port_read, port_write};

void fake_port_init(struct fake_port *p, struct bdf bdf, u8 secondary, struct fake_device **below,
		    u32 nbelow)
{
	memset(p, 0, sizeof(*p));
	p->bdf = bdf;
	p->below = below;
	p->nbelow = nbelow;
	p->config[0] = 0x34208086;
	p->config[PCI_COMMAND / 4] = (u32)PCI_STATUS_CAPS << 16;
	p->config[PCI_CLASS / 4] = 0x06040000;
	p->config[PCI_HEADER_TYPE / 4] = 0x00010000;
	p->config[0x18 / 4] = (u32)secondary << 16 | (u32)secondary << 8;
	p->config[PCI_CAPABILITIES / 4] = 0x40;
	p->config[0x40 / 4] = (PCI_EXP_TYPE_ROOT << 4 | 2) << 16 | PCI_CAP_EXPRESS;
	p->config[(0x40 + PCI_EXP_LNKCAP) / 4] = 0x00100000;
	p->config[(0x40 + PCI_EXP_LNKCTL) / 4] = 0x20000000;
	fake_pci_add(bdf, &port_ops, p);
}
