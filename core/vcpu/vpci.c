#include "core/vcpu/vpci.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#define HEADER_DWORD	 0x0cu
#define HEADER_TYPE	 0x0eu
#define MULTIFUNCTION	 0x80u
#define ADDRESS_ENABLE	 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu

static u32 ones(u8 width)
{
	return (u32)(((u64)1 << 8 * width) - 1);
}

void vpci_init(struct vpci_root *r, u16 buses)
{
	memset(r, 0, sizeof(*r));
	r->ecam_buses = buses;
	r->bus[0] = &r->root_bus;
}

static void bus_reset(struct vpci_bus *bus)
{
	for (u32 i = 0; i < ARRAY_SIZE(bus->fn); i++) {
		struct vpci_function *f = bus->fn[i];

		if (!f || !f->ops->reset)
			continue;
		spin_lock(&f->lock);
		f->ops->reset(f);
		spin_unlock(&f->lock);
	}
}

void vpci_reset(struct vpci_root *r)
{
	for (struct vpci_bus *b = r->below; b; b = b->next)
		bus_reset(b);
	bus_reset(&r->root_bus);
	r->address = 0;
}

/* Function 0's header type tells whether there are others. */
static void update_multifunction(struct vpci_bus *bus, u8 devfn)
{
	u8 first = devfn & 0xf8;
	bool others = false;

	for (u32 i = 1; i < 8; i++)
		others |= bus->fn[first + i] != NULL;
	if (bus->fn[first])
		bus->fn[first]->multifunction = others;
}

int vpci_add(struct vpci_bus *bus, u8 devfn, struct vpci_function *f)
{
	if (bus->fn[devfn])
		return ERR_EXIST;
	f->devfn = devfn;
	f->multifunction = false;
	bus->fn[devfn] = f;
	update_multifunction(bus, devfn);
	return OK;
}

void vpci_remove(struct vpci_bus *bus, u8 devfn)
{
	bus->fn[devfn] = NULL;
	update_multifunction(bus, devfn);
}

void vpci_add_bus(struct vpci_root *r, struct vpci_bus *below)
{
	below->number = 0;
	below->next = r->below;
	r->below = below;
}

/* Who has `number` now. Other cores look up meanwhile, so the pointer changes in one store. */
static void settle(struct vpci_root *r, u8 number)
{
	struct vpci_bus *b = r->below;

	if (!number || number >= r->ecam_buses)
		return;
	while (b && b->number != number)
		b = b->next;
	__atomic_store_n(&r->bus[number], b, __ATOMIC_RELEASE);
}

void vpci_route_bus(struct vpci_root *r, struct vpci_bus *below, u8 secondary)
{
	spin_lock(&r->route_lock);

	u8 old = below->number;

	below->number = secondary;
	settle(r, old);
	settle(r, secondary);
	spin_unlock(&r->route_lock);
}

static struct vpci_function *find(struct vpci_root *r, u8 bus, u8 devfn)
{
	struct vpci_bus *b = __atomic_load_n(&r->bus[bus], __ATOMIC_ACQUIRE);

	return b ? b->fn[devfn] : NULL;
}

/* Set the multi-function bit where `off` and `width` cover the header type of function 0. */
static u32 with_multifunction(u16 off, u8 width, u32 v)
{
	if (off <= HEADER_TYPE && HEADER_TYPE < off + width)
		v |= MULTIFUNCTION << 8 * (HEADER_TYPE - off);
	return v;
}

u32 vpci_read(struct vpci_root *r, u8 bus, u8 devfn, u16 off, u8 width)
{
	struct vpci_function *f = find(r, bus, devfn);

	if (!f)
		return ones(width);
	spin_lock(&f->lock);

	u32 v = f->ops->read(f, off, width);

	spin_unlock(&f->lock);
	if (f->multifunction)
		v = with_multifunction(off, width, v);
	return v;
}

void vpci_write(struct vpci_root *r, u8 bus, u8 devfn, u16 off, u8 width, u32 v)
{
	struct vpci_function *f = find(r, bus, devfn);

	if (!f)
		return;
	spin_lock(&f->lock);
	f->ops->write(f, off, width, v);
	spin_unlock(&f->lock);
}

/* ---- mechanism #1 ----------------------------------------------------------------------------- */

/*
 * CONFIG_ADDRESS is one register of the machine, as on hardware: guests take a lock of their own
 * around the pair. It is read and written whole.
 */
u32 vpci_data_read(struct vpci_root *r, u8 off, u8 width)
{
	u32 a = __atomic_load_n(&r->address, __ATOMIC_RELAXED);

	if (!(a & ADDRESS_ENABLE) || (off & (width - 1)))
		return ones(width);
	return vpci_read(r, (u8)(a >> 16), (u8)(a >> 8), (u16)((a & 0xfc) + off), width);
}

void vpci_data_write(struct vpci_root *r, u8 off, u8 width, u32 v)
{
	u32 a = __atomic_load_n(&r->address, __ATOMIC_RELAXED);

	if ((a & ADDRESS_ENABLE) && (off & (width - 1)) == 0)
		vpci_write(r, (u8)(a >> 16), (u8)(a >> 8), (u16)((a & 0xfc) + off), width, v);
}

u32 vpci_address_read(struct vpci_root *r)
{
	return __atomic_load_n(&r->address, __ATOMIC_RELAXED);
}

void vpci_address_write(struct vpci_root *r, u32 v)
{
	__atomic_store_n(&r->address, v & ADDRESS_WRITABLE, __ATOMIC_RELAXED);
}

/* ---- ECAM (PCIe 5.0 table 7-1) ---------------------------------------------------------------- */

static bool register_sized(u64 off, u8 width)
{
	return (width == 4 || width == 2 || width == 1) && (off & (width - 1)) == 0;
}

static u32 ecam_register_read(struct vpci_root *r, u64 off, u8 width)
{
	return vpci_read(r, (u8)(off >> 20), (u8)(off >> 12), (u16)(off & 0xfff), width);
}

static void ecam_register_write(struct vpci_root *r, u64 off, u8 width, u32 v)
{
	vpci_write(r, (u8)(off >> 20), (u8)(off >> 12), (u16)(off & 0xfff), width, v & ones(width));
}

/* The widest piece that is a register access at `off`, of `left` bytes. */
static u8 piece(u64 off, u8 left)
{
	if (left >= 4 && off % 4 == 0)
		return 4;
	return left >= 2 && off % 2 == 0 ? 2 : 1;
}

u64 vpci_ecam_read(struct vpci_root *r, u64 off, u8 width)
{
	u64 v = 0;

	if (register_sized(off, width))
		return ecam_register_read(r, off, width);
	for (u8 i = 0; i < width;) {
		u8 n = piece(off + i, width - i);

		v |= (u64)ecam_register_read(r, off + i, n) << 8 * i;
		i += n;
	}
	return v;
}

void vpci_ecam_write(struct vpci_root *r, u64 off, u8 width, u64 v)
{
	if (register_sized(off, width)) {
		ecam_register_write(r, off, width, (u32)v);
		return;
	}
	for (u8 i = 0; i < width;) {
		u8 n = piece(off + i, width - i);

		ecam_register_write(r, off + i, n, (u32)(v >> 8 * i));
		i += n;
	}
}
