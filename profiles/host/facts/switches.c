/*
 * Firmware switches that look off, and what they are called in setup. What a table alone shows (no
 * interrupt remapping, damaged structures) its parser has said already; here is what it takes the
 * whole machine to see.
 */
#include <string.h>

#include "profiles/host/facts/gather.h"

static bool is_vendor(const struct gather *g, const char *vendor)
{
	return g->facts.processors.vendor && !strcmp(g->facts.processors.vendor, vendor);
}

static bool tables_read(const struct gather *g)
{
	return g->tables.found && !g->tables.unreadable;
}

static bool no_vtd(const struct gather *g)
{
	return tables_read(g) && !g->facts.iommu.kind && is_vendor(g, "GenuineIntel");
}

static bool no_amdvi(const struct gather *g)
{
	return tables_read(g) && !g->facts.iommu.kind && is_vendor(g, "AuthenticAMD");
}

static bool no_iommu(const struct gather *g)
{
	return tables_read(g) && !g->facts.iommu.kind && !no_vtd(g) && !no_amdvi(g);
}

static bool no_remapping(const struct gather *g)
{
	return g->facts.iommu.units && !g->facts.iommu.interrupt_remapping;
}

static bool x2apic_opt_out(const struct gather *g)
{
	return g->facts.iommu.x2apic_opt_out;
}

static bool has_capability(const struct facts_function *f, u16 id, bool extended)
{
	for (u32 i = 0; i < f->ncapabilities; i++)
		if (f->capabilities[i].id == id && (f->capabilities[i].offset >= 0x100) == extended)
			return true;
	return false;
}

#define CAP_REBAR 0x0015

/* A GPU that could show all of its memory and shows 256 MiB, as PCs did before. */
static bool small_bar(const struct gather *g)
{
	for (u32 i = 0; i < g->facts.nfunctions; i++) {
		const struct facts_function *f = &g->facts.functions[i];
		u64 largest = 0;

		for (u32 k = 0; k < f->nbars; k++)
			if (f->bars[k].prefetch && f->bars[k].size > largest)
				largest = f->bars[k].size;
		if (f->class_code >> 16 == 3 && has_capability(f, CAP_REBAR, true) && largest &&
		    largest <= MIB(256))
			return true;
	}
	return false;
}

/* A BAR of a function that should have one and has no address. */
static bool unplaced_bar(const struct gather *g)
{
	for (u32 i = 0; i < g->facts.nfunctions; i++) {
		const struct facts_function *f = &g->facts.functions[i];

		for (u32 k = 0; k < f->nbars && !f->is_vf; k++)
			if (!f->bars[k].io && f->bars[k].size >= MIB(64) && !f->bars[k].base)
				return true;
	}
	return false;
}

static const struct {
	bool (*applies)(const struct gather *g);
	const char *level, *name, *text, *remedy;
} switches[] = {
    {no_vtd, "error", "vtd-off",
     "firmware describes no IOMMU (there is no DMAR table), so no device can be assigned",
     "In setup, switch it on: 'Intel VT for Directed I/O', 'VT-d', 'Intel Virtualization Technology "
     "for Directed I/O'; often under Chipset, System Agent, North Bridge or Advanced"},
    {no_amdvi, "error", "amdvi-off",
     "firmware describes no IOMMU (there is no IVRS table), so no device can be assigned",
     "In setup, switch it on: 'IOMMU' (not 'Auto'), 'AMD-Vi' or 'SVM and IOMMU'; often under AMD CBS, "
     "NBIO, or Advanced"},
    {no_iommu, "error", "iommu-off",
     "firmware describes no IOMMU (there is neither a DMAR nor an IVRS table), so no device can be "
     "assigned",
     "In setup, switch it on: 'VT-d' or 'Intel VT for Directed I/O' (Intel), 'IOMMU' or 'AMD-Vi' "
     "(AMD)"},
    {no_remapping, "error", "interrupt-remapping-off",
     "firmware says that interrupts cannot be remapped, so no device can be assigned",
     "In setup, switch it on: 'Interrupt Remapping', 'x2APIC Mode', 'Extended APIC'; a firmware update "
     "may be needed"},
    {x2apic_opt_out, "odd", "x2apic-opt-out", "firmware asks systems not to use x2APIC mode",
     "In setup, look for 'X2APIC Opt Out' or 'x2APIC' and switch x2APIC on"},
    {unplaced_bar, "odd", "bar-unplaced",
     "a large BAR has no address: firmware found no room for it",
     "In setup, switch on 'Above 4G Decoding', 'Memory Mapped I/O above 4GB' or '64-bit BAR support', "
     "and switch the CSM (legacy boot) off"},
    {small_bar, "info", "resizable-bar-off",
     "a GPU shows 256 MiB or less of its memory and could show all of it",
     "In setup, switch on 'Re-Size BAR Support' (or 'Smart Access Memory') and 'Above 4G Decoding'"},
};

void gather_switches(struct gather *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (switches[i].applies(g))
			gather_note(g, switches[i].level, switches[i].name, switches[i].text,
				    switches[i].remedy);
}
