/* From raw configuration space to facts: what the bytes say, by passthrough/pci's own reading. */
#include "iommu/function.h"
#include "passthrough/pci/caps.h"
#include "profiles/host/facts/gather.h"

/* Of "PCI Code and ID Assignment" 1.11 §2 and §3, as lspci and the manuals call them. */
static const struct {
	u16 id;
	const char *name;
} standard_names[] =
    {
	{0x01, "power management"},
	{0x02, "AGP"},
	{0x03, "vital product data"},
	{0x04, "slot"},
	{0x05, "MSI"},
	{0x07, "PCI-X"},
	{0x08, "HyperTransport"},
	{0x09, "vendor"},
	{0x0a, "debug port"},
	{0x0c, "hot-plug"},
	{0x0d, "subsystem"},
	{0x0e, "AGP 8x"},
	{0x0f, "secure device"},
	{0x10, "PCI Express"},
	{0x11, "MSI-X"},
	{0x12, "SATA"},
	{0x13, "advanced features"},
	{0x14, "enhanced allocation"},
},
  extended_names[] = {
      {0x01, "advanced error reporting"},
      {0x02, "virtual channel"},
      {0x03, "serial number"},
      {0x04, "power budget"},
      {0x05, "root complex link"},
      {0x07, "event collector"},
      {0x08, "multi-function virtual channel"},
      {0x09, "virtual channel"},
      {0x0b, "vendor"},
      {0x0d, "access control (ACS)"},
      {0x0e, "alternative routing id (ARI)"},
      {0x0f, "address translation (ATS)"},
      {0x10, "SR-IOV"},
      {0x11, "MR-IOV"},
      {0x12, "multicast"},
      {0x13, "page requests (PRI)"},
      {0x15, "resizable BAR"},
      {0x16, "dynamic power"},
      {0x17, "processing hints (TPH)"},
      {0x18, "latency tolerance (LTR)"},
      {0x19, "secondary PCI Express"},
      {0x1b, "PASID"},
      {0x1d, "downstream port containment"},
      {0x1e, "L1 substates"},
      {0x1f, "precision time"},
      {0x23, "designated vendor"},
      {0x24, "VF resizable BAR"},
      {0x25, "data link feature"},
      {0x26, "physical layer 16 GT/s"},
      {0x27, "lane margining"},
      {0x29, "native enclosure"},
      {0x2a, "physical layer 32 GT/s"},
      {0x2e, "data object exchange"},
      {0x2f, "device 3"},
};

static const char *name_of(u16 id, bool extended)
{
	if (extended) {
		for (size_t i = 0; i < ARRAY_SIZE(extended_names); i++)
			if (extended_names[i].id == id)
				return extended_names[i].name;
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(standard_names); i++)
			if (standard_names[i].id == id)
				return standard_names[i].name;
	}
	return NULL;
}

static u32 config(const struct survey_function *s, u32 off, u32 width)
{
	u32 v = 0;

	for (u32 i = 0; i < width && off + i < PCI_CONFIG_SIZE; i++)
		v |= (u32)s->config[off + i] << 8 * i;
	return v;
}

static u32 read_image(const void *ctx, u16 off, u8 width)
{
	return config(ctx, off, width);
}

/* Offset of a capability that is there as a whole, 0 otherwise. */
static u16 place(const struct pci_cap *c)
{
	return c && c->whole ? c->off : 0;
}

static void list_capabilities(struct gather *g, struct facts_function *f, const struct pci_caps *c)
{
	u32 n = c->nstandard + c->nextended;
	struct facts_capability *list = chunks_take(&g->mem, n + 1, sizeof(*list));

	for (u32 i = 0; i < n; i++) {
		bool extended = i >= c->nstandard;
		const struct pci_cap *cap =
		    extended ? &c->extended[i - c->nstandard] : &c->standard[i];

		list[i] = (struct facts_capability){cap->id, cap->off, name_of(cap->id, extended)};
	}
	f->capabilities = list;
	f->ncapabilities = n;
}

static void read_resets(struct facts_function *f, const struct survey_function *s, u16 express,
			u16 af, u16 pm)
{
	u32 both = PCI_AF_TP | PCI_AF_FLR;

	if (express && (config(s, express + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR))
		f->resets |= RESET_FLR;
	if (af && (config(s, af + PCI_AF_CAPABILITIES, 1) & both) == both)
		f->resets |= RESET_AF_FLR;
	if (pm && !(config(s, pm + PCI_PM_CONTROL, 2) & PCI_PM_NO_SOFT_RESET))
		f->resets |= RESET_PM;
}

/* Sizes of VF BARs are not told by reading: bases, and that they are there. */
static void read_sriov(struct gather *g, struct facts_function *f, const struct survey_function *s,
		       u16 at)
{
	struct facts_bar *bars = chunks_take(&g->mem, 6, sizeof(*bars));

	f->sriov = (struct facts_sriov){
	    .initial = (u16)config(s, at + PCI_SRIOV_INITIAL, 2),
	    .total = (u16)config(s, at + PCI_SRIOV_TOTAL, 2),
	    .enabled = config(s, at + PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VFE
			   ? (u16)config(s, at + PCI_SRIOV_NUM, 2)
			   : 0,
	    .first_offset = (u16)config(s, at + PCI_SRIOV_OFFSET, 2),
	    .stride = (u16)config(s, at + PCI_SRIOV_STRIDE, 2),
	    .vf_device = (u16)config(s, at + PCI_SRIOV_VF_DEVICE, 2),
	    .bars = bars,
	};
	for (u8 i = 0; i < 6; i++) {
		u64 v = config(s, at + PCI_SRIOV_BAR0 + 4u * i, 4);
		bool wide = (v & PCI_BAR_TYPE) == PCI_BAR_64 && i < 5;

		if (!v)
			continue;
		if (wide)
			v |= (u64)config(s, at + PCI_SRIOV_BAR0 + 4u * i + 4, 4) << 32;
		bars[f->sriov.nbars++] = (struct facts_bar){
		    .index = i, .base = v & ~15ull, .is64 = wide, .prefetch = v & PCI_BAR_PREFETCH};
		i += wide;
	}
}

static void read_capabilities(struct gather *g, struct facts_function *f,
			      const struct survey_function *s)
{
	struct pci_caps *c = chunks_take(&g->mem, 1, sizeof(*c));
	u16 express, msi, msix, serial, acs, sriov;

	pci_caps_read(c, read_image, s,
		      s->config_size > PCI_STANDARD_SIZE ? PCI_CONFIG_SIZE : PCI_STANDARD_SIZE);
	list_capabilities(g, f, c);
	if (c->problems & (PCI_CAPS_LOOP | PCI_CAPS_POINTER | PCI_CAPS_OVERLAP))
		gather_missing(g, "%04x:%02x:%02x.%x: its list of capabilities is broken (%s)",
			       f->bdf.segment, f->bdf.bus, f->bdf.devfn >> 3, f->bdf.devfn & 7,
			       pci_caps_problem_text(c->problems));
	express = place(pci_cap_find(c, PCI_CAP_EXPRESS));
	msi = place(pci_cap_find(c, PCI_CAP_MSI));
	msix = place(pci_cap_find(c, PCI_CAP_MSIX));
	serial = place(pci_ext_cap_find(c, PCI_EXT_SERIAL));
	acs = place(pci_ext_cap_find(c, PCI_EXT_ACS));
	sriov = place(pci_ext_cap_find(c, PCI_EXT_SRIOV));
	if (express)
		f->port = iommu_port_type((u16)config(s, express + PCI_EXP_FLAGS, 2));
	if (msi) {
		u32 log2 = (config(s, msi + PCI_MSI_CONTROL, 2) & PCI_MSI_CAPABLE) >> 1;

		f->msi_vectors = log2 <= 5 ? (u8)(1 << log2) : 0; /* others are reserved */
	}
	if (msix)
		f->msix_vectors =
		    (u16)((config(s, msix + PCI_MSIX_CONTROL, 2) & PCI_MSIX_SIZE) + 1);
	if (serial)
		f->serial = config(s, serial + 4u, 4) | (u64)config(s, serial + 8u, 4) << 32;
	if (acs)
		f->acs = (struct facts_acs){true, (u16)config(s, acs + 4u, 2),
					    (u16)config(s, acs + PCI_ACS_CONTROL, 2)};
	f->ats = place(pci_ext_cap_find(c, PCI_EXT_ATS)) != 0;
	if (sriov)
		read_sriov(g, f, s, sriov);
	read_resets(f, s, express, place(pci_cap_find(c, PCI_CAP_AF)),
		    place(pci_cap_find(c, PCI_CAP_PM)));
}

static void copy_bars(struct gather *g, struct facts_function *f, const struct survey_function *s)
{
	struct facts_bar *bars = chunks_take(&g->mem, 6, sizeof(*bars));

	for (u8 i = 0; i < 6; i++)
		if (s->bar_there[i])
			bars[f->nbars++] = (struct facts_bar){i,
							      s->bar[i].base,
							      s->bar[i].size,
							      s->bar[i].io,
							      s->bar[i].is64,
							      s->bar[i].prefetch};
	f->bars = bars;
	f->rom_size = s->rom_size;
	f->rom = !s->rom	 ? FACTS_ROM_NONE
		 : s->rom_shadow ? FACTS_ROM_SHADOW
		 : !s->rom_read	 ? FACTS_ROM_PRESENT
		 : s->rom_valid	 ? FACTS_ROM_READABLE
				 : FACTS_ROM_BAD;
}

static void describe(struct gather *g, struct facts_function *f, const struct survey_function *s)
{
	u8 header = (u8)config(s, PCI_HEADER_TYPE, 1);

	*f = (struct facts_function){
	    .bdf = s->bdf,
	    .vendor = s->vendor,
	    .device = s->device,
	    .subvendor = s->subvendor,
	    .subdevice = s->subdevice,
	    .vendor_name = gather_text(g, s->vendor_name),
	    .device_name = gather_text(g, s->device_name),
	    .subsystem_name = gather_text(g, s->subsystem_name),
	    .class_name = gather_text(g, s->class_name),
	    .class_code = config(s, PCI_CLASS, 4) >> 8,
	    .revision = (u8)config(s, PCI_REVISION, 1),
	    .header_type = header & 0x7f,
	    .multifunction = header & PCI_HEADER_MULTI,
	    .node = s->node,
	    .is_vf = s->is_vf,
	    .pf = s->pf,
	    .config_size = s->config_size,
	    .kernel_group = s->kernel_group,
	    .driver = gather_text(g, s->driver),
	};
	if (f->header_type == 1) {
		f->secondary = (u8)config(s, PCI_SECONDARY, 1);
		f->subordinate = (u8)config(s, PCI_SUBORDINATE, 1);
	}
	copy_bars(g, f, s);
	if (config(s, PCI_STATUS, 2) & PCI_STATUS_CAPS)
		read_capabilities(g, f, s);
}

/* In a dump nobody says which functions are virtual: the physical one's numbers do (§9.3.3). */
static void mark_virtual(struct facts_function *list, u32 n, const struct facts_function *pf)
{
	for (u32 k = 0; k < pf->sriov.enabled; k++) {
		u32 rid = bdf_rid(pf->bdf) + pf->sriov.first_offset + k * pf->sriov.stride;

		for (u32 i = 0; i < n && pf->sriov.first_offset; i++)
			if (&list[i] != pf && list[i].bdf.segment == pf->bdf.segment &&
			    bdf_rid(list[i].bdf) == (u16)rid && rid <= 0xffff) {
				list[i].is_vf = true;
				list[i].pf = pf->bdf;
			}
	}
}

void gather_functions(struct gather *g)
{
	const struct survey *s = &g->survey;
	struct facts_function *list = chunks_take(&g->mem, s->n + 1, sizeof(*list));

	for (u32 i = 0; i < s->n; i++)
		describe(g, &list[i], &s->f[i]);
	for (u32 i = 0; i < s->n; i++)
		if (list[i].sriov.enabled && !list[i].is_vf)
			mark_virtual(list, s->n, &list[i]);
	g->facts.functions = list;
	g->facts.nfunctions = s->n;
}
