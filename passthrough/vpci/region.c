/*
 * Pages the guest does not reach by itself: the MSI-X table, the PBA, what lies beside them, BARs
 * smaller than a page, and the expansion ROM.
 */
#include "passthrough/vpci/priv.h"

static u64 ones(u8 width)
{
	return width == 8 ? ~0ull : (1ull << 8 * width) - 1;
}

static u64 host_read(const struct mmio *m, u64 off, u8 width)
{
	switch (width) {
	case 1:
		return port_mmio_read8(m, off);
	case 2:
		return port_mmio_read16(m, off);
	case 4:
		return port_mmio_read32(m, off);
	default:
		return port_mmio_read64(m, off);
	}
}

static void host_write(const struct mmio *m, u64 off, u8 width, u64 v)
{
	switch (width) {
	case 1:
		port_mmio_write8(m, off, (u8)v);
		return;
	case 2:
		port_mmio_write16(m, off, (u16)v);
		return;
	case 4:
		port_mmio_write32(m, off, (u32)v);
		return;
	default:
		port_mmio_write64(m, off, v);
	}
}

enum kind { KIND_DEVICE, KIND_TABLE, KIND_PBA, KIND_MIRROR };

static bool inside(const struct pci_structure *s, u8 bar, u64 off)
{
	return bar == s->bar && off >= s->off && off - s->off < s->size;
}

/* What a BAR's byte belongs to. */
static enum kind kind_of(const struct vpci_device *d, u8 bar, u64 off)
{
	const struct pci_function *f = d->c.host;
	struct pci_structure mirror;

	if (vdev_mirror(d, &mirror) && inside(&mirror, bar, off))
		return KIND_MIRROR;
	if (!d->nvectors)
		return KIND_DEVICE;
	if (inside(&f->msix_table, bar, off))
		return KIND_TABLE;
	return inside(&f->msix_pba, bar, off) ? KIND_PBA : KIND_DEVICE;
}

static u64 table_read(struct vpci_device *d, u64 off, u8 width)
{
	u64 v;

	if (width == 8)
		return vdev_msix_read(d, off) | (u64)vdev_msix_read(d, off + 4) << 32;
	v = vdev_msix_read(d, off & ~3ull);
	return v >> 8 * (off & 3) & ones(width);
}

/* Narrower accesses to the table are not defined (PCI 3.0 §6.8.2) and dropped. */
static void table_write(struct vpci_device *d, u64 off, u8 width, u64 v)
{
	if (width < 4) {
		d->count.writes_dropped++;
		return;
	}
	vdev_msix_write(d, off, (u32)v);
	if (width == 8)
		vdev_msix_write(d, off + 4, (u32)(v >> 32));
}

/*
 * NVIDIA's drivers acknowledge an MSI by writing the (read-only) first bytes of its capability, or the
 * byte at 704h, in the mirror: these reach the device (nouveau, nvkm/subdev/pci: msi_rearm).
 */
#define MIRROR_REARM 0x704

static bool rearms(const struct vpci_device *d, u64 off, u8 width)
{
	u16 msi = d->c.host->at.msi;

	return (msi && off >= msi && off + width <= msi + 2u) ||
	       (off == MIRROR_REARM && width == 1);
}

static void mirror_access(struct vpci_device *d, struct vdev_part *p, u64 off, u8 width, bool write,
			  u64 *v)
{
	u64 reg = p->off + off - d->c.mirror;

	if (write && rearms(d, reg, width)) {
		host_write(&p->host, off, width, *v);
		return;
	}
	if (!write)
		*v = 0;
	for (u8 i = 0, n = width < 4 ? width : 4; i < width; i += n) {
		if (write)
			vdev_config_write(d, (u16)(reg + i), n, (u32)(*v >> 8 * i) & (u32)ones(n));
		else
			*v |= (u64)vdev_config_read(d, (u16)(reg + i), n) << 8 * i;
	}
}

/* One access, naturally aligned, so that it lies in one thing: all of them are multiples of 8. */
static void access(struct vpci_device *d, struct vdev_part *p, u64 off, u8 width, bool write,
		   u64 *v)
{
	enum kind kind = kind_of(d, p->bar, p->off + off);
	u64 table = d->c.host->msix_table.off;

	if (kind == KIND_MIRROR)
		mirror_access(d, p, off, width, write, v);
	else if (kind == KIND_TABLE && write)
		table_write(d, p->off + off - table, width, *v);
	else if (kind == KIND_TABLE)
		*v = table_read(d, p->off + off - table, width);
	else if (kind == KIND_PBA && write)
		d->count.writes_dropped++;
	else if (write)
		host_write(&p->host, off, width, *v);
	else
		*v = host_read(&p->host, off, width);
}

static void rom_access(const struct vpci_device *d, u64 off, u8 width, bool write, u64 *v)
{
	u64 got = 0;

	if (write)
		return;
	for (u8 i = 0; i < width; i++)
		got |= (u64)(off + i < d->c.rom_size ? d->c.rom[off + i] : 0xff) << 8 * i;
	*v = got;
}

/* The largest power of two that divides the place and is left of the access. */
static u8 piece(u64 off, u8 left)
{
	u8 n = 8;

	while (n > left || off % n)
		n /= 2;
	return n;
}

void vdev_part_access(void *ctx, u32 vcpu, u64 off, u8 width, bool write, u64 *value)
{
	struct vdev_part *p = ctx;
	struct vpci_device *d = p->d;
	u64 got = 0;

	spin_lock(&d->f.lock);
	if (d->away || d->failed || !p->there) {
		got = ones(width);
	} else if (p->bar == PCI_ROM_BAR) {
		rom_access(d, off, width, write, &got);
	} else {
		for (u8 i = 0, n; i < width; i += n) {
			u64 v = *value >> 8 * i;

			n = piece(p->off + off + i, width - i);
			v &= ones(n);
			access(d, p, off + i, n, write, &v);
			got |= (v & ones(n)) << 8 * i;
		}
	}
	if (!write)
		*value = got;
	spin_unlock(&d->f.lock);
}
