#include "iommu/cover.h"

/* The function a scope's path ends at, or NO_FUNCTION. */
static u32 follow_path(const struct iommu_function *f, u32 n, u16 segment,
		       const struct dmar_scope *s)
{
	u32 bus = s->bus, found = NO_FUNCTION;

	for (u32 hop = 0; hop < s->depth; hop++) {
		u8 devfn = (u8)(s->path[hop].device << 3 | s->path[hop].function);

		if (s->path[hop].device > 31 || s->path[hop].function > 7)
			return NO_FUNCTION;
		if (hop) {
			if (!f[found].bridge || !f[found].secondary)
				return NO_FUNCTION;
			bus = f[found].secondary;
		}
		found = NO_FUNCTION;
		for (u32 i = 0; i < n; i++)
			if (f[i].bdf.segment == segment && f[i].bdf.bus == bus &&
			    f[i].bdf.devfn == devfn)
				found = i;
		if (found == NO_FUNCTION)
			return NO_FUNCTION;
	}
	return found;
}

static bool is_below(const struct iommu_function *f, u32 i, u32 bridge)
{
	u32 hops = 0;

	for (u32 b = f[i].parent; b != NO_FUNCTION && hops < PCI_PATH_MAX; b = f[b].parent, hops++)
		if (b == bridge)
			return true;
	return false;
}

bool scope_covers(const struct iommu_function *f, u32 n, u32 i, u16 segment,
		  const struct dmar_scope *s)
{
	u32 end;

	if (s->type != DMAR_SCOPE_ENDPOINT && s->type != DMAR_SCOPE_BRIDGE)
		return false;
	end = follow_path(f, n, segment, s);
	if (end == NO_FUNCTION)
		return false;
	return end == i || (s->type == DMAR_SCOPE_BRIDGE && is_below(f, i, end));
}

u32 dmar_unit_of(const struct dmar *d, const struct iommu_function *f, u32 n, u32 i)
{
	u32 named = NO_UNIT, all = NO_UNIT, nnamed = 0, nall = 0;

	if (f[i].is_vf && f[i].pf < n && f[i].pf != i)
		i = f[i].pf;
	for (u32 u = 0; u < d->nunits; u++) {
		const struct dmar_unit *unit = &d->units[u];
		bool covers = false;

		if (unit->segment != f[i].bdf.segment)
			continue;
		for (u32 s = 0; s < unit->nscopes; s++)
			covers = covers || scope_covers(f, n, i, unit->segment, &unit->scopes[s]);
		if (covers) {
			named = u;
			nnamed++;
		} else if (unit->all) {
			all = u;
			nall++;
		}
	}
	if (nnamed)
		return nnamed == 1 ? named : NO_UNIT;
	return nall == 1 ? all : NO_UNIT;
}

static bool unit_claims(const struct ivrs_unit *u, u16 rid)
{
	for (u32 k = 0; k < u->nentries; k++) {
		const struct ivrs_entry *e = &u->entries[k];

		if ((e->kind == IVRS_ALL || e->kind == IVRS_SELECT || e->kind == IVRS_RANGE) &&
		    rid >= e->first && rid <= e->last)
			return true;
	}
	return false;
}

/*
 * Blocks of several root complexes may each claim all buses from their own up. An IOMMU is a function
 * on the root bus of the complex it serves, so that one is in the way.
 */
u32 ivrs_unit_of(const struct ivrs *v, const struct iommu_function *f, u32 n, u32 i)
{
	u32 found = NO_UNIT, own = NO_UNIT, nfound = 0, nown = 0;
	u16 rid = bdf_rid(f[i].bdf);

	for (u32 u = 0; u < v->nunits; u++) {
		const struct ivrs_unit *unit = &v->units[u];

		if (!unit->used || unit->segment != f[i].bdf.segment || !unit_claims(unit, rid))
			continue;
		found = u;
		nfound++;
		if (unit->devid >> 8 == f[i].path.root_bus) {
			own = u;
			nown++;
		}
	}
	if (nfound == 1)
		return found;
	return nown == 1 ? own : NO_UNIT;
}
