#include "iommu/group.h"
#include "core/base/fmt.h"

static bool same_slot(const struct iommu_function *a, const struct iommu_function *b)
{
	return a->bdf.segment == b->bdf.segment && a->bdf.bus == b->bdf.bus &&
	       a->bdf.devfn >> 3 == b->bdf.devfn >> 3;
}

enum iommu_port iommu_port_type(u16 express_flags)
{
	static const enum iommu_port types[16] = {
	    [0] = PORT_ENDPOINT, [1] = PORT_ENDPOINT,	[4] = PORT_ROOT,
	    [5] = PORT_UPSTREAM, [6] = PORT_DOWNSTREAM, [7] = PORT_TO_PCI,
	    [8] = PORT_FROM_PCI, [9] = PORT_INTEGRATED, [10] = PORT_EVENT,
	};

	return types[express_flags >> 4 & 15];
}

void functions_link(struct iommu_function *f, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		/* a VF may lie on a bus that only its PF's bridge forwards */
		u32 self = f[i].is_vf && f[i].pf < n ? f[i].pf : i;

		f[i].parent = NO_FUNCTION;
		for (u32 b = 0; b < n; b++)
			if (b != self && f[b].bridge && f[b].secondary &&
			    f[b].bdf.segment == f[self].bdf.segment &&
			    f[b].secondary == f[self].bdf.bus)
				f[i].parent = b;
	}
}

static u32 add_rid(u16 *rids, u32 count, u16 rid)
{
	for (u32 i = 0; i < count; i++)
		if (rids[i] == rid)
			return count;
	if (count < SOURCE_RIDS_MAX)
		rids[count++] = rid;
	return count;
}

/* The id IVRS says its requests arrive with (48882 §5.2.2.2); later entries of a block speak last. */
static u16 table_alias(const struct iommu_function *f, const struct ivrs *ivrs)
{
	u16 own = bdf_rid(f->bdf), alias = own;

	for (u32 u = 0; ivrs && u < ivrs->nunits; u++) {
		const struct ivrs_unit *unit = &ivrs->units[u];

		if (!unit->used || unit->segment != f->bdf.segment)
			continue;
		for (u32 k = 0; k < unit->nentries; k++) {
			const struct ivrs_entry *e = &unit->entries[k];

			if ((e->kind == IVRS_SELECT || e->kind == IVRS_RANGE) && own >= e->first &&
			    own <= e->last)
				alias = e->aliased ? e->alias : own;
		}
	}
	return alias;
}

/*
 * Ids that bridges on the way up put in place of the function's own. A PCIe-to-PCI bridge sends
 * requests of its secondary side as (secondary bus, 0), or its own id when they carry none; a
 * conventional bridge may take ownership under its own id (PCIe-to-PCI bridge 1.0 §2.3, VT-d §3.4.1).
 */
static u32 add_bridge_aliases(const struct iommu_function *f, u32 i, u16 *rids, u32 count)
{
	u32 hops = 0;

	for (u32 b = f[i].parent; b != NO_FUNCTION && hops < PCI_PATH_MAX;
	     b = f[b].parent, hops++) {
		if (f[b].port == PORT_TO_PCI || f[b].port == PORT_FROM_PCI)
			count = add_rid(rids, count, (u16)(f[b].secondary << 8));
		if (f[b].port == PORT_TO_PCI || f[b].port == PORT_FROM_PCI ||
		    f[b].port == PORT_CONVENTIONAL)
			count = add_rid(rids, count, bdf_rid(f[b].bdf));
	}
	return count;
}

u32 function_rids(const struct iommu_function *f, u32 i, const struct ivrs *ivrs,
		  u16 rids[SOURCE_RIDS_MAX])
{
	u16 own = bdf_rid(f[i].bdf);
	u32 count = add_rid(rids, 0, own);
	u8 bits = f[i].phantom && f[i].phantom_bits <= 3 ? f[i].phantom_bits : 0;

	/* phantoms take the top bits of the function number (PCIe 5.0 §7.5.3.3) */
	for (u16 k = 1; k < 1u << bits; k++)
		count = add_rid(rids, count, own ^ (u16)(k << (3 - bits)));
	for (u16 k = 0; k < 8; k++)
		if (f[i].alias_functions >> k & 1)
			count = add_rid(rids, count, (own & 0xfff8) | k);
	count = add_rid(rids, count, table_alias(&f[i], ivrs));
	return add_bridge_aliases(f, i, rids, count);
}

struct irq_source function_irq_source(const struct iommu_function *f, u32 i)
{
	struct irq_source source = {.rid = bdf_rid(f[i].bdf)};
	u32 hops = 0;

	for (u32 b = f[i].parent; b != NO_FUNCTION && hops < PCI_PATH_MAX;
	     b = f[b].parent, hops++) {
		/* the bridge closest to the root has the last word */
		if (f[b].port == PORT_TO_PCI)
			source = (struct irq_source){bdf_rid(f[i].bdf), f[b].secondary,
						     f[b].subordinate};
		else if (f[b].port == PORT_FROM_PCI || f[b].port == PORT_CONVENTIONAL)
			source = (struct irq_source){bdf_rid(f[b].bdf), 0, 0};
	}
	return source;
}

/* ---- groups --------------------------------------------------------------------------------- */

static u32 find(const struct group_member *g, u32 i)
{
	while (g[i].group != i)
		i = g[i].group;
	return i;
}

/* The strongest tie is kept for the message: ids before functions before ports. */
static void blame(struct group_member *m, enum group_reason reason, u32 because)
{
	if (m->reason == GROUP_ALONE || reason < m->reason) {
		m->reason = reason;
		m->because = because;
	}
}

static void join(struct group_member *g, u32 a, u32 b, enum group_reason reason)
{
	u32 ra = find(g, a), rb = find(g, b);

	g[ra > rb ? ra : rb].group = ra < rb ? ra : rb;
	blame(&g[a], reason, b);
	blame(&g[b], reason, a);
}

/*
 * Packets that enter a switch by a downstream port without access control go straight to any other
 * port of it, whatever that one controls.
 */
static bool switch_open(const struct iommu_function *f, u32 n, u32 port)
{
	for (u32 i = 0; i < n; i++)
		if (f[i].port == PORT_DOWNSTREAM && f[i].bdf.segment == f[port].bdf.segment &&
		    f[i].bdf.bus == f[port].bdf.bus && !f[i].acs)
			return true;
	return false;
}

/* Can traffic between two things below this bridge turn around without passing the IOMMU? */
static bool turns_around(const struct iommu_function *f, u32 n, u32 b)
{
	switch (f[b].port) {
	case PORT_ROOT:
		return !f[b].acs;
	case PORT_DOWNSTREAM:
		return switch_open(f, n, b);
	case PORT_UPSTREAM:
		/* has one link down to its own downstream ports, which decide */
		return f[b].multifunction && !f[b].acs;
	default:
		return true;
	}
}

static bool path_open(const struct iommu_function *f, u32 n, u32 b)
{
	for (u32 hops = 0; b != NO_FUNCTION && hops < PCI_PATH_MAX; b = f[b].parent, hops++)
		if (turns_around(f, n, b))
			return true;
	return false;
}

static bool share_open_switch(const struct iommu_function *f, u32 n, u32 i, u32 j)
{
	return f[i].port == PORT_DOWNSTREAM && f[j].port == PORT_DOWNSTREAM &&
	       f[i].bdf.bus == f[j].bdf.bus && switch_open(f, n, i);
}

/* Functions of one device may talk to each other inside it unless each is access-controlled. */
static bool talks_inside(const struct iommu_function *f)
{
	return f->multifunction && !f->acs && !f->is_vf;
}

bool function_shares_id(const struct iommu_function *f, u32 i, u32 j, const struct ivrs *ivrs,
			const u16 *rids, u32 nrids)
{
	u16 alias = table_alias(&f[i], ivrs);

	for (u32 k = 0; k < nrids; k++)
		if (rids[k] == bdf_rid(f[j].bdf))
			return true;
	if (same_slot(&f[i], &f[j]) && f[i].alias_functions & f[j].alias_functions)
		return true;
	return alias != bdf_rid(f[i].bdf) && alias == table_alias(&f[j], ivrs);
}

void group_compute(const struct iommu_function *f, u32 n, const struct ivrs *ivrs,
		   struct group_member *out)
{
	u16 rids[SOURCE_RIDS_MAX];

	for (u32 i = 0; i < n; i++)
		out[i] = (struct group_member){i, GROUP_ALONE, NO_FUNCTION};

	for (u32 i = 0; i < n; i++) {
		u32 nrids = function_rids(f, i, ivrs, rids), parent = f[i].parent;

		for (u32 j = 0; j < n; j++) {
			if (j == i || f[j].bdf.segment != f[i].bdf.segment)
				continue;
			if (function_shares_id(f, i, j, ivrs, rids, nrids))
				join(out, i, j, GROUP_ALIAS);
			else if (same_slot(&f[i], &f[j]) && talks_inside(&f[i]) &&
				 talks_inside(&f[j]))
				join(out, i, j, GROUP_MULTIFUNCTION);
			else if (share_open_switch(f, n, i, j))
				join(out, i, j, GROUP_PORT);
		}
		if (parent != NO_FUNCTION && path_open(f, n, parent))
			join(out, i, parent, GROUP_PORT);
	}
	for (u32 i = 0; i < n; i++)
		out[i].group = find(out, i);
}

static void name_function(const struct iommu_function *f, char *out, size_t size)
{
	fmt(out, size, "%04x:%02x:%02x.%x (%04x:%04x)", f->bdf.segment, f->bdf.bus,
	    f->bdf.devfn >> 3, f->bdf.devfn & 7, f->vendor, f->device);
}

void group_reason_text(const struct iommu_function *f, const struct group_member *g, u32 i,
		       char *out, size_t size)
{
	static const char *const tie[] = {
	    [GROUP_ALIAS] = "sends requests that cannot be told from those of",
	    [GROUP_MULTIFUNCTION] =
		"is a function of the same device as, and may talk inside it to,",
	    [GROUP_PORT] =
		"can reach its neighbours without the IOMMU, below the port without access "
		"control",
	};
	char self[40], other[40];

	if (g[i].reason == GROUP_ALONE) {
		fmt(out, size, "%s", "");
		return;
	}
	name_function(&f[i], self, sizeof(self));
	name_function(&f[g[i].because], other, sizeof(other));
	fmt(out, size, "%s %s %s", self, tie[g[i].reason], other);
}
