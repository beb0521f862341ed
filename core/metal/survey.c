#include "core/base/err.h"
#include "core/metal/memory.h"
#include "core/metal/pci.h"
#include "core/metal/survey.h"
#include "core/port.h"
#include "iommu/group.h"

#define COMMAND		    0x04
#define COMMAND_DECODE	    3u /* I/O and memory space */
#define COMMAND_INTX_OFF    (1u << 10)
#define HEADER_TYPE	    0x0e
#define BARS		    0x10
#define BRIDGE_BARS	    2u
#define BRIDGE_SUBSYSTEM    0x0d /* capability: a bridge's subsystem ids */
#define SUBSYSTEM	    0x2c
#define ROM		    0x30
#define BRIDGE_ROM	    0x38
#define CAPABILITIES	    0x34
#define CLASS_HOST_BRIDGE   0x0600
#define CLASS_IOMMU	    0x0806
#define CAP_POWER	    0x01
#define CAP_MSI		    0x05
#define CAP_EXPRESS	    0x10
#define CAP_MSIX	    0x11
#define CAP_ADVANCED	    0x13
#define EXT_SERIAL	    0x03
#define EXT_ACS		    0x0d
#define EXT_ATS		    0x0f
#define EXT_SRIOV	    0x10
#define DEVCAP_FLR	    (1u << 28)
#define DEVCTL_PHANTOM	    (1u << 9)
#define POWER_NO_SOFT_RESET (1u << 3)
#define AF_FLR		    2u /* AF capability: function-level reset (ECN Advanced Features) */

/* Source validation, request and completion redirect, upstream forwarding (PCIe 5.0 §7.7.8.2). */
#define ACS_WANTED 0x1du

/* ---- capabilities ---------------------------------------------------------------------------- */

u16 survey_capability(struct bdf bdf, u8 id)
{
	u16 at = (u16)(port_pci_read(bdf, CAPABILITIES, 1) & 0xfc);

	/* 48 fit into the space; a longer list goes in a circle. */
	for (u32 i = 0; at >= 0x40 && i < 48; i++) {
		u32 head = port_pci_read(bdf, at, 2);

		if ((head & 0xff) == id)
			return at;
		at = (u16)(head >> 8 & 0xfc);
	}
	return 0;
}

u16 survey_extended(struct bdf bdf, u16 id)
{
	u16 at = 0x100;

	for (u32 i = 0; at >= 0x100 && i < (4096 - 0x100) / 8; i++) {
		u32 head = port_pci_read(bdf, at, 4);

		if (!head || head == ~0u)
			return 0;
		if ((head & 0xffff) == id)
			return at;
		at = (u16)(head >> 20 & 0xffc);
	}
	return 0;
}

/* ---- BARs ------------------------------------------------------------------------------------ */

/* Write ones, read back, restore: what stays zero is below the size (PCI Local Bus 3.0 §6.2.5.1). */
static u32 probe_register(struct bdf bdf, u16 off, u32 ones)
{
	u32 old = port_pci_read(bdf, off, 4), mask;

	port_pci_write(bdf, off, 4, ones);
	mask = port_pci_read(bdf, off, 4);
	port_pci_write(bdf, off, 4, old);
	return mask;
}

static u32 size_bar(struct machine_bar *b, struct bdf bdf, u16 off, bool last)
{
	u32 low = port_pci_read(bdf, off, 4), mask = probe_register(bdf, off, ~0u);
	u64 sizes;

	*b = (struct machine_bar){.io = mask & 1};
	if (!mask || mask == ~0u)
		return 1;
	if (b->io) {
		sizes = mask & ~3u;
		/* 16 bits are enough for ports, and all that some decode */
		b->size = sizes & -sizes;
		b->base = low & ~3u;
		return 1;
	}
	b->is64 = (mask >> 1 & 3) == 2 && !last;
	b->prefetch = mask & 8;
	b->base = low & ~15u;
	sizes = mask & ~15u;
	if (b->is64) {
		b->base |= (u64)port_pci_read(bdf, off + 4, 4) << 32;
		sizes |= (u64)probe_register(bdf, off + 4, ~0u) << 32;
	}
	b->size = sizes & -sizes;
	return b->is64 ? 2 : 1;
}

static void size_bars(struct machine_function *f)
{
	u16 command = (u16)port_pci_read(f->bdf, COMMAND, 2);
	u32 n = f->header_type ? BRIDGE_BARS : ARRAY_SIZE(f->bar);
	u32 mask;

	/* While it is being sized a BAR lies anywhere: nothing decodes meanwhile. */
	port_pci_write(f->bdf, COMMAND, 2, command & ~COMMAND_DECODE);
	for (u32 i = 0; i < n;)
		i += size_bar(&f->bar[i], f->bdf, (u16)(BARS + 4 * i), i == n - 1);
	mask = probe_register(f->bdf, f->header_type ? BRIDGE_ROM : ROM, ~1u << 10);
	mask &= ~1u << 10;
	f->rom_size = mask & -mask;
	port_pci_write(f->bdf, COMMAND, 2, command);
}

/* ---- one function ---------------------------------------------------------------------------- */

static enum iommu_port port_type(u16 express_flags)
{
	static const enum iommu_port types[16] = {
	    [0] = PORT_ENDPOINT, [1] = PORT_ENDPOINT,	[4] = PORT_ROOT,
	    [5] = PORT_UPSTREAM, [6] = PORT_DOWNSTREAM, [7] = PORT_TO_PCI,
	    [8] = PORT_FROM_PCI, [9] = PORT_INTEGRATED, [10] = PORT_EVENT,
	};

	return types[express_flags >> 4 & 15];
}

/* Access control on, as far as the function has it. True: all it has of what matters is on. */
static bool switch_on_acs(struct bdf bdf)
{
	u16 at = survey_extended(bdf, EXT_ACS);
	u32 has, on;

	if (!at)
		return false;
	has = port_pci_read(bdf, at + 4, 2) & ACS_WANTED;
	on = port_pci_read(bdf, at + 6, 2);
	port_pci_write(bdf, at + 6, 2, on | has);
	return (port_pci_read(bdf, at + 6, 2) & has) == has;
}

static void switch_off_ats(struct bdf bdf, struct machine_function *f, struct iommu_function *r)
{
	u16 at = survey_extended(bdf, EXT_ATS);

	if (!at)
		return;
	f->ats = r->ats = true;
	r->ats_queue = port_pci_read(bdf, at + 4, 2) & 0x1f;
	port_pci_write(bdf, at + 6, 2, port_pci_read(bdf, at + 6, 2) & 0x7fff);
}

static void read_express(struct machine_function *f, struct iommu_function *r)
{
	struct bdf bdf = f->bdf;
	u16 at = survey_capability(bdf, CAP_EXPRESS), serial;
	u32 devcap;

	r->port = PORT_CONVENTIONAL;
	if (!at)
		return;
	r->port = port_type((u16)port_pci_read(bdf, at + 2, 2));
	devcap = port_pci_read(bdf, at + 4, 4);
	r->phantom_bits = devcap >> 3 & 3;
	port_pci_write(bdf, at + 8, 2, port_pci_read(bdf, at + 8, 2) & ~DEVCTL_PHANTOM);
	if (devcap & DEVCAP_FLR)
		f->resets |= RESET_FLR;
	r->acs = switch_on_acs(bdf);
	switch_off_ats(bdf, f, r);
	f->sriov = survey_extended(bdf, EXT_SRIOV);
	serial = survey_extended(bdf, EXT_SERIAL);
	if (serial)
		f->serial = port_pci_read(bdf, serial + 4, 4) |
			    (u64)port_pci_read(bdf, serial + 8, 4) << 32;
}

static void read_interrupts(struct machine_function *f, struct iommu_function *r)
{
	u16 msi = survey_capability(f->bdf, CAP_MSI), msix = survey_capability(f->bdf, CAP_MSIX);

	r->interrupts = 1;
	if (msi) {
		f->msi = true;
		r->interrupts = (u16)(1u << (port_pci_read(f->bdf, msi + 2, 2) >> 1 & 7));
	}
	if (msix) {
		f->msix_vectors = (port_pci_read(f->bdf, msix + 2, 2) & 0x7ff) + 1;
		r->interrupts = (u16)max_u64(r->interrupts, f->msix_vectors);
	}
}

static void read_resets(struct machine_function *f)
{
	u16 af = survey_capability(f->bdf, CAP_ADVANCED),
	    power = survey_capability(f->bdf, CAP_POWER);

	if (af && (port_pci_read(f->bdf, af + 3, 1) & AF_FLR))
		f->resets |= RESET_AF_FLR;
	if (power && !(port_pci_read(f->bdf, power + 4, 2) & POWER_NO_SOFT_RESET))
		f->resets |= RESET_PM;
}

static void read_ids(struct machine_function *f)
{
	u16 at = SUBSYSTEM;

	f->vendor = (u16)port_pci_read(f->bdf, 0, 2);
	f->device = (u16)port_pci_read(f->bdf, 2, 2);
	f->class_code = port_pci_read(f->bdf, 8, 4) >> 8;
	f->header_type = port_pci_read(f->bdf, HEADER_TYPE, 1) & 0x7f;
	if (f->header_type) {
		at = survey_capability(f->bdf, BRIDGE_SUBSYSTEM);
		at = at ? (u16)(at + 4) : 0;
	}
	if (!at)
		return;
	f->subvendor = (u16)port_pci_read(f->bdf, at, 2);
	f->subdevice = (u16)port_pci_read(f->bdf, at + 2, 2);
}

static void read_function(struct bdf bdf, struct machine_function *f, struct iommu_function *r)
{
	struct bdf first = {bdf.segment, bdf.bus, bdf.devfn & 0xf8};
	u32 base_class;

	*f = (struct machine_function){.bdf = bdf};
	read_ids(f);
	base_class = f->class_code >> 8;
	*r = (struct iommu_function){
	    .bdf = bdf,
	    .vendor = f->vendor,
	    .device = f->device,
	    .class_code = f->class_code,
	    .bridge = f->header_type == 1,
	    .multifunction = port_pci_read(first, HEADER_TYPE, 1) >> 7,
	};
	if (r->bridge) {
		r->secondary = (u8)port_pci_read(bdf, 0x19, 1);
		r->subordinate = (u8)port_pci_read(bdf, 0x1a, 1);
	}
	read_express(f, r);
	read_interrupts(f, r);
	read_resets(f);
	/* The chipset's own windows lie in these; they stay where they are. */
	if (base_class != CLASS_HOST_BRIDGE && base_class != CLASS_IOMMU)
		size_bars(f);
	port_pci_write(bdf, COMMAND, 2, port_pci_read(bdf, COMMAND, 2) | COMMAND_INTX_OFF);
}

/* ---- all of them ------------------------------------------------------------------------------ */

typedef void (*visit)(struct survey *s, struct bdf bdf);

static void count(struct survey *s, struct bdf bdf)
{
	s->n++;
}

static void describe(struct survey *s, struct bdf bdf)
{
	read_function(bdf, &s->functions[s->n], &s->requesters[s->n]);
	s->n++;
}

static void visit_device(struct survey *s, struct bdf bdf, visit v)
{
	if (port_pci_read(bdf, 0, 2) == 0xffff)
		return;
	v(s, bdf);
	if (!(port_pci_read(bdf, HEADER_TYPE, 1) & 0x80))
		return;
	for (bdf.devfn++; bdf.devfn & 7; bdf.devfn++)
		if (port_pci_read(bdf, 0, 2) != 0xffff)
			v(s, bdf);
}

/*
 * Root buses are told by ACPI's namespace alone, which the hypervisor does not run; so every bus is
 * asked, and a root bus is one that is below no bridge.
 */
static void visit_all(struct survey *s, visit v)
{
	struct pci_buses b;

	s->n = 0;
	for (u32 i = 0; pci_buses(i, &b); i++)
		for (u32 bus = b.first; bus <= b.last; bus++)
			for (u32 device = 0; device < 32; device++)
				visit_device(s, (struct bdf){b.segment, (u8)bus, (u8)(device << 3)},
					     v);
}

/* From the function up to its root bus; false when the bridges are nested too deep. */
static bool make_path(const struct survey *s, u32 i, struct pci_path *out)
{
	u32 depth = 0, at;

	for (at = i; at != NO_FUNCTION; at = s->requesters[at].parent)
		if (depth++ == PCI_PATH_MAX)
			return false;
	*out = (struct pci_path){.segment = s->requesters[i].bdf.segment, .depth = (u8)depth};
	for (at = i; at != NO_FUNCTION; at = s->requesters[at].parent) {
		out->devfn[--depth] = s->requesters[at].bdf.devfn;
		out->root_bus = s->requesters[at].bdf.bus;
	}
	return true;
}

static bool has_children(const struct survey *s, u32 bridge)
{
	for (u32 i = 0; i < s->n; i++)
		if (s->requesters[i].parent == bridge)
			return true;
	return false;
}

static void finish(struct survey *s)
{
	functions_link(s->requesters, s->n);
	for (u32 i = 0; i < s->n; i++) {
		struct machine_function *f = &s->functions[i];

		if (!make_path(s, i, &f->path))
			port_log(LOG_WARN, "%04x:%02x:%02x.%x lies behind more than %u bridges",
				 f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7,
				 PCI_PATH_MAX);
		s->requesters[i].path = f->path;
		/* The bridge above it can reset its whole bus. */
		if (f->path.depth > 1 && !has_children(s, i))
			f->resets |= RESET_BUS;
	}
}

static void *take(u64 bytes)
{
	paddr_t pa;

	return pool_run(&heap, (bytes + PAGE_SIZE - 1) / PAGE_SIZE, &pa) ? NULL : port_va(pa);
}

int survey_find(struct survey *s)
{
	*s = (struct survey){0};
	visit_all(s, count);
	s->functions = take((s->n + 1) * sizeof(*s->functions));
	s->requesters = take((s->n + 1) * sizeof(*s->requesters));
	if (!s->functions || !s->requesters)
		return ERR_NOMEM;
	visit_all(s, describe);
	finish(s);
	return OK;
}

int survey_group(struct survey *s, const struct ivrs *ivrs)
{
	struct group_member *member = take((s->n + 1) * sizeof(*member));
	char why[320];

	if (!member)
		return ERR_NOMEM;
	group_compute(s->requesters, s->n, ivrs, member);
	for (u32 i = 0; i < s->n; i++) {
		s->functions[i].group = member[i].group;
		group_reason_text(s->requesters, &member[i], i, why, sizeof(why));
		if (why[0])
			port_log(LOG_DEBUG, "group %u: %s", member[i].group, why);
	}
	return OK;
}

void survey_mark_display(struct survey *s, u64 base)
{
	for (u32 i = 0; base && i < s->n; i++)
		for (u32 b = 0; b < ARRAY_SIZE(s->functions[i].bar); b++) {
			const struct machine_bar *bar = &s->functions[i].bar[b];

			if (!bar->io && base - bar->base < bar->size)
				s->functions[i].boot_display = true;
		}
}
