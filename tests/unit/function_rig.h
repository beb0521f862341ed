/* What the tests of PCI functions below an IOMMU share: a machine's functions, put together one by one. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "iommu/cover.h"
#include "iommu/group.h"
#include "iommu/start.h"
#include "iommu/unity.h"
#include "tests/fake/machine.h"

#define MAX 32

/* Functions are collected in `room`, then moved to memory of just their size: no look past the last. */
static struct iommu_function room[MAX], *f = room;
static void *exact_room;
static struct group_member g[MAX];
static u32 n;

static inline void begin(void)
{
	f = room;
	memset(room, 0, sizeof(room));
	n = 0;
}

/* Add a function; its path is made from its parent's by end(). */
static inline u32 add(u8 bus, u8 device, u8 function, enum iommu_port port)
{
	f[n] = (struct iommu_function){.bdf = {0, bus, (u8)(device << 3 | function)},
				       .port = port,
				       .vendor = 0x8086,
				       .device = (u16)(0x1000 + n),
				       .interrupts = 4};
	return n++;
}

static inline u32 bridge(u8 bus, u8 device, u8 function, enum iommu_port port, u8 secondary,
			 u8 subordinate, bool acs)
{
	u32 i = add(bus, device, function, port);

	f[i].bridge = true;
	f[i].secondary = secondary;
	f[i].subordinate = subordinate;
	f[i].acs = acs;
	return i;
}

static inline void end(const struct ivrs *ivrs)
{
	if (f == room) {
		free(exact_room);
		f = exact_room = malloc(n * sizeof(*f) + !n);
		memcpy(f, room, n * sizeof(*f));
	}
	functions_link(f, n);
	for (u32 i = 0; i < n; i++) {
		u8 devfns[PCI_PATH_MAX];
		u32 depth = 0;

		for (u32 b = i; b != NO_FUNCTION && depth < PCI_PATH_MAX; b = f[b].parent) {
			devfns[depth++] = f[b].bdf.devfn;
			f[i].path.root_bus = f[b].bdf.bus;
		}
		f[i].path.depth = (u8)depth;
		for (u32 k = 0; k < depth; k++)
			f[i].path.devfn[k] = devfns[depth - 1 - k];
	}
	group_compute(f, n, ivrs, g);
}

static inline bool together(u32 a, u32 b)
{
	return g[a].group == g[b].group;
}

static inline u32 rids_of(u32 i, const struct ivrs *ivrs, u16 *rids)
{
	u32 count = function_rids(f, i, ivrs, rids);

	assert_int_equal(rids[0], bdf_rid(f[i].bdf));
	return count;
}

static inline bool holds(const u16 *rids, u32 count, u16 rid)
{
	for (u32 i = 0; i < count; i++)
		if (rids[i] == rid)
			return true;
	return false;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static struct ivrs_entry entries[] = {
    {.kind = IVRS_RANGE, .first = 8, .last = 0xffff},
    {.kind = IVRS_RANGE, .first = 0x300, .last = 0x3ff, .aliased = true, .alias = 0xa4},
    {.kind = IVRS_SELECT, .first = 0x308, .last = 0x308},
    {.kind = IVRS_IOAPIC, .first = 0xa0, .last = 0xa0, .handle = 33},
    {.kind = IVRS_HPET, .first = 0xa0, .last = 0xa0, .handle = 0},
};
static struct ivrs_unit ivrs_units[] = {
    {.devid = 2, .base = 0xfeb80000, .type = 0x10},
    {.devid = 2, .base = 0xfeb80000, .type = 0x11, .used = true, .nentries = 5, .entries = entries},
};
static const struct ivrs ivrs = {.complete = true, .nunits = 2, .units = ivrs_units};

static const struct dmar_hop port_then_slot[] = {{0x1c, 0}, {0, 0}};
static const struct dmar_hop igd[] = {{2, 0}};
static const struct dmar_hop port[] = {{0x1c, 0}};
static const struct dmar_hop ioapic_at[] = {{31, 7}};
static struct dmar_scope scopes[] = {
    {.type = DMAR_SCOPE_ENDPOINT, .bus = 0, .depth = 1, .path = igd},
    {.type = DMAR_SCOPE_BRIDGE, .bus = 0, .depth = 1, .path = port},
    {.type = DMAR_SCOPE_IOAPIC, .id = 2, .bus = 0xf0, .depth = 1, .path = ioapic_at},
    {.type = DMAR_SCOPE_ENDPOINT, .bus = 0, .depth = 2, .path = port_then_slot},
};
static struct dmar_unit dmar_units[] = {
    {.base = 0xfed90000, .size = 4096, .nscopes = 1, .scopes = &scopes[0]},
    {.base = 0xfed91000, .size = 4096, .nscopes = 1, .scopes = &scopes[1]},
    {.base = 0xfed92000, .size = 4096, .nscopes = 1, .scopes = &scopes[2], .all = true},
};
static struct dmar dmar = {.complete = true, .nunits = 3, .units = dmar_units};
