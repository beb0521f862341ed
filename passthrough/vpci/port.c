#include "passthrough/vpci/port.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define CAP_PM	    0x40
#define CAP_EXPRESS 0x50
#define CAP_SSID    0x90

#define CLASS_BRIDGE  0x060400u
#define CLASS_DISPLAY 0x03u

/*
 * Ids: Red Hat's generic PCI Express root port (1b36:000c), which every system has a driver for and
 * none has a quirk for.
 */
#define PORT_IDS 0x000c1b36u

struct port_row {
	u8 off;
	u32 fixed, writable;
};

/* PCI-to-PCI Bridge 1.2 §3.2; PCIe 5.0 §7.5.1.3. No I/O window, no interrupt, no hot-plug. */
static const struct port_row rows[] = {
    {0x00, PORT_IDS, 0},
    {0x04, (u32)PCI_STATUS_CAPS << 16, 0x0546},
    {0x08, CLASS_BRIDGE << 8, 0},
    {0x0c, 0x00010000, 0xff},
    {0x18, 0, 0x00ffffff},
    {0x20, 0, 0xfff0fff0},
    {0x24, 0x00010001, 0xfff0fff0},
    {0x28, 0, ~0u},
    {0x2c, 0, ~0u},
    {0x34, CAP_PM, 0},
    {0x3c, 0, 0x0043 << 16 | 0xff},
    {CAP_PM, CAP_EXPRESS << 8 | PCI_CAP_PM | 3u << 16, 0},
    {CAP_PM + 4, PCI_PM_NO_SOFT_RESET, PCI_PM_STATE},
    {CAP_EXPRESS,
     (PCI_EXP_TYPE_ROOT << 4 | 2u | PCI_EXP_SLOT) << 16 | CAP_SSID << 8 | PCI_CAP_EXPRESS, 0},
    {CAP_EXPRESS + 0x04, 0x00008000, 0},
    {CAP_EXPRESS + 0x08, 0, 0x00ff},
    {CAP_EXPRESS + 0x10, 0, 0x00cb},
    {CAP_EXPRESS + 0x18, 0x00400000, 0},
    {CAP_EXPRESS + 0x1c, 0, 0x001f},
    {CAP_EXPRESS + 0x28, 0, 0x001f},
    {CAP_EXPRESS + 0x30, 0, 0x000f},
    {CAP_SSID, PCI_CAP_SUBSYSTEM, 0},
    {CAP_SSID + 4, PORT_IDS, 0},
};

static u32 writable(u32 i)
{
	for (u32 k = 0; k < ARRAY_SIZE(rows); k++)
		if (rows[k].off / 4u == i)
			return rows[k].writable;
	return 0;
}

static struct vpci_port *port_of(struct vpci_function *f)
{
	return (struct vpci_port *)f;
}

static u32 ones(u8 width)
{
	return (u32)(((u64)1 << 8 * width) - 1);
}

static u32 port_read(struct vpci_function *f, u16 off, u8 width)
{
	if (off >= VPCI_PLAIN_SIZE)
		return 0;
	return port_of(f)->value[off / 4] >> 8 * (off % 4) & ones(width);
}

static void port_write(struct vpci_function *f, u16 off, u8 width, u32 v)
{
	struct vpci_port *p = port_of(f);
	u32 i = off / 4u, shift = 8 * (off % 4), mask;

	if (off >= VPCI_PLAIN_SIZE)
		return;
	mask = writable(i) & ones(width) << shift;
	p->value[i] = (p->value[i] & ~mask) | (v << shift & mask);
	if (i == 0x18 / 4)
		vpci_route_bus(p->root, &p->bus, (u8)(p->value[i] >> 8));
}

/* A window's base and limit registers; base above limit: closed. */
static u32 window16(const struct layout_window *w)
{
	u64 last = w->base + w->size - 1;

	if (!w->size)
		return 0x0000fff0;
	return (u32)((last >> 16 & 0xfff0) << 16 | (w->base >> 16 & 0xfff0));
}

static void port_reset(struct vpci_function *f)
{
	struct vpci_port *p = port_of(f);
	const struct vpci_port_config *c = &p->c;
	const struct layout_window *pref = &c->windows.prefetch;

	memset(p->value, 0, sizeof(p->value));
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		p->value[rows[i].off / 4] = rows[i].fixed;
	p->value[0x18 / 4] = (u32)c->secondary << 16 | (u32)c->secondary << 8;
	p->value[0x20 / 4] = window16(&c->windows.memory);
	p->value[0x24 / 4] |= window16(pref);
	p->value[0x28 / 4] = pref->size ? (u32)(pref->base >> 32) : 0;
	p->value[0x2c / 4] = pref->size ? (u32)((pref->base + pref->size - 1) >> 32) : 0;
	p->value[(CAP_EXPRESS + PCI_EXP_DEVCAP) / 4] |= c->payload & 7;
	/* port number, link active reporting; speed and width of the device */
	p->value[(CAP_EXPRESS + PCI_EXP_LNKCAP) / 4] =
	    (u32)c->number << 24 | 0x00100000u | (c->link_cap & 0x3ff);
	p->value[(CAP_EXPRESS + PCI_EXP_LNKCTL) / 4] |=
	    ((u32)c->link_status & 0x13ff) << 16 | 0x20000000u;
	/* slot: number, nothing pluggable; presence detect: occupied */
	p->value[(CAP_EXPRESS + 0x14) / 4] = (u32)c->number << 19;
	p->value[(CAP_EXPRESS + PCI_EXP_LNKCAP2) / 4] = c->link_cap2 & 0xfe;
	p->value[(CAP_EXPRESS + PCI_EXP_LNKCTL2) / 4] |= c->link_cap & 0xf;
	vpci_route_bus(p->root, &p->bus, c->secondary);
}

static const struct vpci_function_ops port_ops = {port_read, port_write, port_reset};

int vpci_port_init(struct vpci_port *p, struct vpci_root *r, u8 devfn,
		   const struct vpci_port_config *c)
{
	int err;

	memset(p, 0, sizeof(*p));
	if (!c->secondary || c->secondary >= r->ecam_buses)
		return ERR_INVAL;
	p->f.ops = &port_ops;
	p->root = r;
	p->c = *c;
	err = vpci_add(&r->root_bus, devfn, &p->f);
	if (err)
		return err;
	vpci_add_bus(r, &p->bus);
	port_reset(&p->f);
	return OK;
}

void vpci_port_link(const struct pci_function *f, struct vpci_port_config *c)
{
	u16 at = f->at.express;

	c->link_cap = c->link_status = c->link_cap2 = c->payload = 0;
	if (!at)
		return;
	c->payload = pci_read(f, at + PCI_EXP_DEVCAP, 4) & 7;
	if (pci_cap_find(&f->caps, PCI_CAP_EXPRESS)->size < 20)
		return;
	c->link_cap = pci_read(f, at + PCI_EXP_LNKCAP, 4);
	c->link_status = (u16)pci_read(f, at + PCI_EXP_LNKSTA, 2);
	if (pci_cap_find(&f->caps, PCI_CAP_EXPRESS)->size >= 60)
		c->link_cap2 = pci_read(f, at + PCI_EXP_LNKCAP2, 4);
}

bool vpci_port_wanted(const struct pci_function *f)
{
	u32 type;

	if (!f->at.express || f->id.class_code >> 16 != CLASS_DISPLAY)
		return false;
	type = (pci_read(f, f->at.express + PCI_EXP_FLAGS, 2) & PCI_EXP_TYPE) >> 4;
	return type == PCI_EXP_TYPE_ENDPOINT || type == PCI_EXP_TYPE_LEGACY;
}
