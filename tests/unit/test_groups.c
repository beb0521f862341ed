/* iommu: requester ids, isolation groups, units in the way, reserved ranges, devices of a machine. */
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

static void begin(void)
{
	f = room;
	memset(room, 0, sizeof(room));
	n = 0;
}

/* Add a function; its path is made from its parent's by end(). */
static u32 add(u8 bus, u8 device, u8 function, enum iommu_port port)
{
	f[n] = (struct iommu_function){.bdf = {0, bus, (u8)(device << 3 | function)},
				       .port = port,
				       .vendor = 0x8086,
				       .device = (u16)(0x1000 + n),
				       .interrupts = 4};
	return n++;
}

static u32 bridge(u8 bus, u8 device, u8 function, enum iommu_port port, u8 secondary,
		  u8 subordinate, bool acs)
{
	u32 i = add(bus, device, function, port);

	f[i].bridge = true;
	f[i].secondary = secondary;
	f[i].subordinate = subordinate;
	f[i].acs = acs;
	return i;
}

static void end(const struct ivrs *ivrs)
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

static bool together(u32 a, u32 b)
{
	return g[a].group == g[b].group;
}

static u32 rids_of(u32 i, const struct ivrs *ivrs, u16 *rids)
{
	u32 count = function_rids(f, i, ivrs, rids);

	assert_int_equal(rids[0], bdf_rid(f[i].bdf));
	return count;
}

static bool holds(const u16 *rids, u32 count, u16 rid)
{
	for (u32 i = 0; i < count; i++)
		if (rids[i] == rid)
			return true;
	return false;
}

/* ---- groups --------------------------------------------------------------------------------- */

static void slots_of_isolating_ports_are_apart(void **state)
{
	u32 p1, p2, a, b, root;
	char text[160];

	begin();
	root = add(0, 2, 0, PORT_INTEGRATED);
	p1 = bridge(0, 0x1c, 0, PORT_ROOT, 1, 1, true);
	f[p1].multifunction = true;
	p2 = bridge(0, 0x1c, 1, PORT_ROOT, 2, 2, true);
	f[p2].multifunction = true;
	a = add(1, 0, 0, PORT_ENDPOINT);
	b = add(2, 0, 0, PORT_ENDPOINT);
	end(NULL);
	assert_false(together(a, b));
	assert_false(together(a, p1));
	assert_false(together(p1, p2));
	assert_false(together(root, a));
	assert_int_equal(g[a].reason, GROUP_ALONE);
	group_reason_text(f, g, a, text, sizeof(text));
	assert_string_equal(text, "");
}

static void a_port_without_access_control_ties_all_below(void **state)
{
	u32 p1, p2, p3, a, b, c;
	char text[200];

	begin();
	p1 = bridge(0, 0x1c, 0, PORT_ROOT, 1, 1, false);
	p2 = bridge(0, 0x1c, 1, PORT_ROOT, 2, 2, false);
	p3 = bridge(0, 0x1d, 0, PORT_ROOT, 3, 3, false);
	f[p1].multifunction = f[p2].multifunction = true;
	a = add(1, 0, 0, PORT_ENDPOINT);
	b = add(2, 0, 0, PORT_ENDPOINT);
	c = add(3, 0, 0, PORT_ENDPOINT);
	end(NULL);
	/* functions of one chip: its ports talk inside; another device does not */
	assert_true(together(a, p1) && together(p1, p2) && together(a, b));
	assert_false(together(a, c));
	assert_true(together(p3, c));
	assert_int_equal(g[a].reason, GROUP_PORT);
	assert_int_equal(g[a].because, p1);
	assert_int_equal(g[p1].reason, GROUP_MULTIFUNCTION);
	group_reason_text(f, g, a, text, sizeof(text));
	assert_non_null(strstr(text, "0000:01:00.0"));
	assert_non_null(strstr(text, "0000:00:1c.0"));
}

static void functions_of_a_card_go_together(void **state)
{
	u32 gpu, audio, usb, nic0, nic1;

	begin();
	bridge(0, 1, 0, PORT_ROOT, 1, 1, true);
	bridge(0, 2, 0, PORT_ROOT, 2, 2, true);
	gpu = add(1, 0, 0, PORT_ENDPOINT);
	audio = add(1, 0, 1, PORT_ENDPOINT);
	usb = add(1, 0, 2, PORT_ENDPOINT);
	nic0 = add(2, 0, 0, PORT_ENDPOINT);
	nic1 = add(2, 0, 1, PORT_ENDPOINT);
	f[gpu].multifunction = f[audio].multifunction = f[usb].multifunction = true;
	f[nic0].multifunction = f[nic1].multifunction = true;
	f[nic0].acs = f[nic1].acs = true;
	end(NULL);
	assert_true(together(gpu, audio) && together(gpu, usb));
	assert_int_equal(g[gpu].reason, GROUP_MULTIFUNCTION);
	assert_int_equal(g[gpu].because, audio); /* the first tie is told */
	assert_false(together(nic0, nic1));
}

static void switches_isolate_when_all_their_ports_do(void **state)
{
	for (u32 acs = 0; acs < 4; acs++) {
		u32 a, b;

		begin();
		bridge(0, 1, 0, PORT_ROOT, 1, 5, true);
		bridge(1, 0, 0, PORT_UPSTREAM, 2, 5, false);
		bridge(2, 0, 0, PORT_DOWNSTREAM, 3, 3, acs & 1);
		bridge(2, 1, 0, PORT_DOWNSTREAM, 4, 4, acs & 2);
		a = add(3, 0, 0, PORT_ENDPOINT);
		b = add(4, 0, 0, PORT_ENDPOINT);
		end(NULL);
		assert_int_equal(together(a, b), acs != 3);
	}
}

static void a_closed_port_below_an_open_one_does_not_help(void **state)
{
	u32 a, b;

	begin();
	bridge(0, 1, 0, PORT_ROOT, 1, 5, false);
	bridge(1, 0, 0, PORT_UPSTREAM, 2, 5, false);
	bridge(2, 0, 0, PORT_DOWNSTREAM, 3, 3, true);
	bridge(2, 1, 0, PORT_DOWNSTREAM, 4, 4, true);
	a = add(3, 0, 0, PORT_ENDPOINT);
	b = add(4, 0, 0, PORT_ENDPOINT);
	end(NULL);
	assert_true(together(a, b));
}

static void virtual_functions_stand_alone(void **state)
{
	u32 pf, vf0, vf1, far;
	u16 rids[SOURCE_RIDS_MAX];

	begin();
	bridge(0, 1, 0, PORT_ROOT, 1, 3, true);
	pf = add(1, 0, 0, PORT_ENDPOINT);
	vf0 = add(1, 0x10, 0, PORT_ENDPOINT);
	vf1 = add(1, 0x10, 1, PORT_ENDPOINT);
	far = add(2, 0, 0, PORT_ENDPOINT); /* on a bus that no bridge has as its secondary */
	f[vf0].is_vf = f[vf1].is_vf = f[far].is_vf = true;
	f[vf0].pf = f[vf1].pf = f[far].pf = pf;
	f[vf0].multifunction = f[vf1].multifunction = true;
	end(NULL);
	assert_false(together(pf, vf0) || together(vf0, vf1) || together(far, pf));
	assert_int_equal(f[far].parent, 0);
	assert_int_equal(rids_of(far, NULL, rids), 1);
	assert_int_equal(rids[0], 0x200);
}

static void a_conventional_bus_is_one_device(void **state)
{
	u32 to_pci, a, b, below;
	u16 rids[SOURCE_RIDS_MAX];
	struct irq_source source;

	begin();
	bridge(0, 1, 0, PORT_ROOT, 1, 4, true);
	to_pci = bridge(1, 0, 0, PORT_TO_PCI, 2, 4, false);
	a = add(2, 3, 0, PORT_CONVENTIONAL);
	b = add(2, 4, 0, PORT_CONVENTIONAL);
	bridge(2, 5, 0, PORT_CONVENTIONAL, 3, 3, false);
	below = add(3, 0, 0, PORT_CONVENTIONAL);
	end(NULL);
	assert_true(together(a, b) && together(a, to_pci) && together(a, below));
	assert_int_equal(g[a].reason, GROUP_ALIAS);
	assert_int_equal(rids_of(a, NULL, rids), 3);
	assert_true(holds(rids, 3, 0x200)); /* secondary bus, 00.0 */
	assert_true(holds(rids, 3, 0x100)); /* the bridge itself */
	assert_int_equal(rids_of(below, NULL, rids), 4);
	assert_true(holds(rids, 4, 2 << 8 | 5 << 3));
	source = function_irq_source(f, below);
	assert_int_equal(source.first_bus, 2);
	assert_int_equal(source.last_bus, 4);
	source = function_irq_source(f, to_pci);
	assert_int_equal(source.last_bus, 0);
}

static void a_bridge_on_the_root_bus_speaks_for_those_below(void **state)
{
	u32 a, top;
	u16 rids[SOURCE_RIDS_MAX];
	struct irq_source source;

	begin();
	top = bridge(0, 0x1e, 0, PORT_CONVENTIONAL, 5, 5, false);
	a = add(5, 0, 0, PORT_CONVENTIONAL);
	end(NULL);
	assert_int_equal(rids_of(a, NULL, rids), 2);
	assert_true(holds(rids, 2, 0x1e << 3));
	source = function_irq_source(f, a);
	assert_int_equal(source.rid, 0x1e << 3);
	assert_int_equal(source.last_bus, 0);
	assert_true(together(a, top));
}

static void phantom_functions_are_the_devices_own(void **state)
{
	u16 rids[SOURCE_RIDS_MAX];
	u32 a;

	begin();
	a = add(0, 3, 1, PORT_INTEGRATED);
	f[a].phantom_bits = 2;
	end(NULL);
	assert_int_equal(rids_of(a, NULL, rids), 1); /* able to, but not turned on */
	f[a].phantom = true;
	assert_int_equal(rids_of(a, NULL, rids), 4);
	for (u16 k = 0; k < 4; k++)
		assert_true(holds(rids, 4, (u16)(0x18 | 1 | k << 1)));
	f[a].phantom_bits = 1;
	assert_int_equal(rids_of(a, NULL, rids), 2);
	assert_true(holds(rids, 2, 0x18 | 5));
	f[a].phantom_bits = 3;
	assert_int_equal(rids_of(a, NULL, rids), 8);
	f[a].phantom_bits = 4; /* is none */
	assert_int_equal(rids_of(a, NULL, rids), 1);
}

static void a_quirk_names_other_functions_as_sources(void **state)
{
	u16 rids[SOURCE_RIDS_MAX];
	u32 a, b;

	begin();
	a = add(1, 0, 0, PORT_ENDPOINT);
	b = add(1, 0, 1, PORT_ENDPOINT);
	f[a].alias_functions = 2; /* also sends as function 1 */
	end(NULL);
	assert_int_equal(rids_of(a, NULL, rids), 2);
	assert_true(together(a, b));
	assert_int_equal(g[b].reason, GROUP_ALIAS);
	f[a].alias_functions = f[b].alias_functions = 8; /* both as a function that is not there */
	end(NULL);
	assert_true(together(a, b));
	f[b].alias_functions = 4;
	end(NULL);
	assert_false(together(a, b));
	f[b].alias_functions = 0x100; /* there are eight */
	assert_int_equal(rids_of(b, NULL, rids), 1);
}

/* ---- tables --------------------------------------------------------------------------------- */

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

static void the_table_gives_aliases(void **state)
{
	u16 rids[SOURCE_RIDS_MAX];
	u32 a, b, c, d;

	begin();
	a = add(3, 0, 0, PORT_ENDPOINT);
	b = add(3, 2, 0, PORT_ENDPOINT);
	c = add(3, 1, 0, PORT_ENDPOINT); /* a later entry takes it out again */
	d = add(4, 0, 0, PORT_ENDPOINT);
	end(&ivrs);
	assert_int_equal(rids_of(a, &ivrs, rids), 2);
	assert_int_equal(rids[1], 0xa4);
	assert_int_equal(rids_of(c, &ivrs, rids), 1);
	assert_true(together(a, b)); /* though nothing is at 00:14.4 */
	assert_false(together(a, c) || together(a, d));
}

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

static void intel_units_are_found_by_scope(void **state)
{
	u32 gpu, p, nic, vf, deep, other, elsewhere;

	begin();
	gpu = add(0, 2, 0, PORT_INTEGRATED);
	p = bridge(0, 0x1c, 0, PORT_ROOT, 7, 9, true);
	nic = add(7, 0, 0, PORT_ENDPOINT);
	vf = add(8, 0, 0, PORT_ENDPOINT);
	f[vf].is_vf = true;
	f[vf].pf = nic;
	bridge(7, 1, 0, PORT_TO_PCI, 9, 9, false);
	deep = add(9, 0, 0, PORT_CONVENTIONAL);
	other = add(0, 0x1f, 0, PORT_CONVENTIONAL);
	elsewhere = add(0, 2, 0, PORT_INTEGRATED);
	f[elsewhere].bdf.segment = 1;
	end(NULL);
	assert_int_equal(dmar_unit_of(&dmar, f, n, gpu), 0);
	assert_int_equal(dmar_unit_of(&dmar, f, n, p), 1);
	assert_int_equal(dmar_unit_of(&dmar, f, n, nic), 1);
	assert_int_equal(dmar_unit_of(&dmar, f, n, vf), 1);
	assert_int_equal(dmar_unit_of(&dmar, f, n, deep), 1);
	assert_int_equal(dmar_unit_of(&dmar, f, n, other), 2);
	assert_int_equal(dmar_unit_of(&dmar, f, n, elsewhere), NO_UNIT);
	assert_true(scope_covers(f, n, nic, 0, &scopes[3]));
	assert_false(scope_covers(f, n, deep, 0, &scopes[3]));
	assert_false(scope_covers(f, n, p, 0, &scopes[3]));
	/* claimed twice: by nobody */
	dmar_units[0].scopes = &scopes[1];
	assert_int_equal(dmar_unit_of(&dmar, f, n, nic), NO_UNIT);
	dmar_units[0].scopes = &scopes[0];
}

static void amd_units_are_found_by_device_id_and_root_bus(void **state)
{
	static struct ivrs_entry low = {.kind = IVRS_RANGE, .first = 8, .last = 0xffff};
	static struct ivrs_entry high = {.kind = IVRS_RANGE, .first = 0x4008, .last = 0xffff};
	static struct ivrs_unit units[] = {
	    {.devid = 0x4002, .used = true, .nentries = 1, .entries = &high},
	    {.devid = 2, .used = true, .nentries = 1, .entries = &low},
	};
	const struct ivrs two = {.complete = true, .nunits = 2, .units = units};
	u32 a, b, c;

	begin();
	a = add(1, 0, 0, PORT_ENDPOINT);
	bridge(0x40, 1, 0, PORT_ROOT, 0x41, 0x41, true);
	b = add(0x41, 0, 0, PORT_ENDPOINT);
	c = add(0x60, 0, 0,
		PORT_ENDPOINT); /* on a third root bus: both claim it, neither is there */
	end(NULL);
	assert_int_equal(ivrs_unit_of(&two, f, n, a), 1);
	assert_int_equal(ivrs_unit_of(&two, f, n, b), 0);
	assert_int_equal(ivrs_unit_of(&two, f, n, c), NO_UNIT);
	units[0].used = false;
	assert_int_equal(ivrs_unit_of(&two, f, n, b), 1);
	units[0].used = true;
}

/* ---- reserved ranges ------------------------------------------------------------------------ */

static void reserved_ranges_find_their_devices(void **state)
{
	struct dmar_reserved rmrr[] = {
	    {.base = 0x7c000000, .limit = 0x7fffffff, .nscopes = 1, .scopes = &scopes[0]},
	    {.base = 0x7b000800, .limit = 0x7b0017ff, .nscopes = 2, .scopes = &scopes[0]},
	    {.base = 0x2000, .limit = 0x1fff, .nscopes = 1, .scopes = &scopes[0]},
	};
	struct dmar d = {.nreserved = 3, .reserved = rmrr};
	struct ivrs_reserved ivmd[] = {
	    {.type = 0x21,
	     .flags = IVRS_UNITY | IVRS_READ,
	     .first = 0x10,
	     .last = 0x10,
	     .base = 0x5000,
	     .length = 0x1001},
	    {.type = 0x20,
	     .flags = IVRS_EXCLUDE,
	     .first = 0,
	     .last = 0xffff,
	     .base = 0x9000,
	     .length = 1},
	    {.type = 0x20,
	     .flags = IVRS_UNITY,
	     .first = 0,
	     .last = 0xffff,
	     .base = 0xb000,
	     .length = 0x1000},
	};
	struct ivrs v = {.nreserved = 3, .reserved = ivmd};
	struct unity_range r[8];
	u32 gpu, nic;

	begin();
	gpu = add(0, 2, 0, PORT_INTEGRATED);
	bridge(0, 0x1c, 0, PORT_ROOT, 7, 9, true);
	nic = add(7, 0, 0, PORT_ENDPOINT);
	end(NULL);
	assert_int_equal(unity_collect(&d, NULL, f, n, r, 8), 4);
	assert_int_equal(r[0].function, gpu);
	assert_int_equal(r[0].base.v, 0x7c000000);
	assert_int_equal(r[0].size, 0x4000000);
	assert_int_equal(r[1].base.v, 0x7b000000); /* whole pages */
	assert_int_equal(r[1].size, 0x2000);
	assert_int_equal(r[3].function, nic);
	r[1].size = 77;
	assert_int_equal(unity_collect(&d, NULL, f, n, r, 1), 4);
	assert_int_equal(r[1].size, 77);
	rmrr[2].limit = rmrr[2].base; /* one byte is a range */
	assert_int_equal(unity_collect(&d, NULL, f, n, r, 8), 5);
	assert_int_equal(unity_collect(NULL, &v, f, n, r, 8), 4);
	assert_int_equal(r[0].function, gpu);
	assert_int_equal(r[0].size, 0x2000);
	assert_true(r[0].read && !r[0].write);
	assert_true(r[1].read && r[1].write); /* exclusion */
	assert_int_equal(r[1].size, 0x1000);
}

static void reserved_ranges_are_refused_unless_listed(void **state)
{
	static const struct machine_memory memory[] = {
	    {PADDR(0), GIB(1), MEMORY_RAM, 0},
	    {PADDR(0x7c000000), 0x4000000, MEMORY_RESERVED, 0},
	};
	const struct machine m = {.nmemory = 2, .memory = memory};
	struct unity_range r = {
	    .base = PADDR(0x7c000000), .size = 0x4000000, .read = true, .write = true, .number = 3};
	struct iommu_function gpu = {.bdf = {0, 0, 0x10}, .class_code = 0x030000};
	struct iommu_function usb = {.bdf = {0, 0, 0xa0}, .class_code = 0x0c0330};
	struct unity_decision d;

	unity_decide(&r, &gpu, false, &m, PADDR(MIB(16)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	assert_non_null(strstr(d.text, "0000:00:02.0"));
	assert_non_null(strstr(d.text, "0x7c000000 to 0x7fffffff (RMRR 3)"));
	assert_non_null(strstr(d.remedy, "keep-reserved"));
	unity_decide(&r, &usb, false, &m, PADDR(MIB(16)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_DROP);
	unity_decide(&r, &gpu, true, &m, PADDR(MIB(16)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_KEEP);
	unity_decide(&r, &gpu, true, &m, PADDR(0x7f000000), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	assert_non_null(strstr(d.text, "hypervisor"));
	/* side by side is apart */
	unity_decide(&r, &gpu, true, &m, PADDR(0x80000000), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_KEEP);
	unity_decide(&r, &gpu, true, &m, PADDR(0x7c000000 - MIB(4)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_KEEP);
	unity_decide(&r, &gpu, true, &m, PADDR(0x7c000000 - MIB(4)), MIB(4) + PAGE_SIZE, &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	unity_decide(&r, &gpu, true, &m, PADDR(0x80000000 - PAGE_SIZE), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	r.base = PADDR(MIB(64));
	unity_decide(&r, &gpu, true, &m, PADDR(MIB(16)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	assert_non_null(strstr(d.text, "memory map"));
	r.base = PADDR(0xfedf0000);
	r.size = 0x11000;
	unity_decide(&r, &gpu, true, &m, PADDR(MIB(16)), MIB(4), &d);
	assert_int_equal(d.verdict, UNITY_REFUSE);
	assert_non_null(strstr(d.text, "interrupts"));
	assert_true(strlen(d.remedy) > 0);
}

/* ---- devices -------------------------------------------------------------------------------- */

static struct iommu io;
static u32 device_of[MAX];
static u64 pool_size;

/* io and device_of for the functions at hand. */
static int describe(const struct dmar *d, const struct ivrs *v)
{
	static const struct iommu_ops ops = {.name = "test"};
	const struct iommu_tables tables = {d, v};
	u32 group[MAX], *exact = device_of + MAX - n;
	static struct pool pool;
	int err;

	fake_machine_reset();
	fake_ram_add(PADDR(MIB(16)), MIB(2));
	pool_init(&pool, PADDR(MIB(16)), pool_size ? pool_size : MIB(2));
	for (u32 i = 0; i < n; i++)
		group[i] = g[i].group;
	err = iommu_describe(&io, &ops, &tables, f, n, group, true, &pool, exact);
	memmove(device_of, exact, n * sizeof(*exact));
	return err;
}

static void devices_own_their_requester_ids_alone(void **state)
{
	u32 gpu, nic, a, b, p, to_pci;
	struct iommu_device *dev;

	begin();
	gpu = add(0, 2, 0, PORT_INTEGRATED);
	p = bridge(0, 0x1c, 0, PORT_ROOT, 7, 9, true);
	nic = add(7, 0, 0, PORT_ENDPOINT);
	f[nic].interrupts = 10;
	to_pci = bridge(0, 0x1d, 0, PORT_TO_PCI, 5, 5, false);
	a = add(5, 0, 0, PORT_CONVENTIONAL);
	b = add(5, 1, 0, PORT_CONVENTIONAL);
	end(NULL);
	assert_int_equal(describe(&dmar, NULL), OK);
	assert_int_equal(io.nunits, 3);
	assert_null(io.units[3].iommu);	  /* and nothing behind them */
	assert_int_equal(io.ndevices, 4); /* gpu, nic, the conventional bus, the I/O APIC */
	assert_int_equal(device_of[p], NO_DEVICE);
	assert_int_equal(device_of[to_pci], NO_DEVICE);
	assert_int_equal(device_of[a], device_of[b]);
	assert_ptr_equal(io.devices[device_of[gpu]].unit, &io.units[0]);
	assert_ptr_equal(io.devices[device_of[nic]].unit, &io.units[1]);
	dev = &io.devices[device_of[a]];
	assert_int_equal(dev->nrids, 3); /* two functions, one of them 00.0, and the bridge */
	assert_int_equal(dev->interrupts, 8);
	assert_int_equal(dev->irq_first_bus, 5);
	assert_ptr_equal(iommu_find(&io, 0, 0x1d << 3), dev);
	assert_ptr_equal(iommu_find(&io, 0, 0x501 << 3), NULL);
	assert_null(iommu_find(&io, 1, 0x500));
	dev = iommu_find_special(&io, IOMMU_DEV_IOAPIC, 2);
	assert_non_null(dev);
	assert_int_equal(dev->irq_rid, 0xf0ff);
	assert_int_equal(dev->unit->desc.last_bus, 0xf0);
	assert_int_equal(dev->unit->desc.buses[3], 1ull << 0x30);
	assert_null(iommu_find_special(&io, IOMMU_DEV_IOAPIC, 3));
	for (u32 i = 0; i < io.ndevices; i++)
		for (u32 k = 0; k < io.devices[i].nrids; k++)
			assert_ptr_equal(
			    iommu_find(&io, io.devices[i].segment, io.devices[i].rids[k]),
			    &io.devices[i]);
	dmar.complete = false;
	assert_int_equal(describe(&dmar, NULL), ERR_UNSUPPORTED);
	dmar.complete = true;
	dmar.nunits = 0;
	assert_int_equal(describe(&dmar, NULL), ERR_UNSUPPORTED);
	dmar.nunits = 3;
}

static void the_function_an_ioapic_sends_as_is_not_assignable(void **state)
{
	u32 smbus, nic;
	struct iommu_device *ioapic;

	begin();
	smbus = add(0, 0x14, 0, PORT_CONVENTIONAL);
	nic = add(4, 0, 0, PORT_ENDPOINT);
	end(&ivrs);
	assert_int_equal(describe(NULL, &ivrs), OK);
	assert_int_equal(io.nunits, 1);
	assert_int_equal(io.units[0].desc.pci.devfn, 2);
	assert_int_equal(device_of[smbus], NO_DEVICE);
	assert_int_not_equal(device_of[nic], NO_DEVICE);
	ioapic = iommu_find_special(&io, IOMMU_DEV_IOAPIC, 33);
	assert_ptr_equal(iommu_find(&io, 0, 0xa0), ioapic);
	assert_null(iommu_find_special(&io, IOMMU_DEV_HPET, 0));
}

static void paths_that_lead_nowhere_match_nothing(void **state)
{
	/* device 34 would be device 2 if its number were cut, function 8 of 2 the next device */
	static const struct dmar_hop bad[][2] = {
	    {{0x22, 0}}, {{2, 8}}, {{1, 8}}, {{0x1f, 0}, {0, 0}}, {{2, 0}, {0, 0}}, {{0x20, 0}},
	};
	struct dmar_scope s = {.type = DMAR_SCOPE_BRIDGE, .depth = 1};
	u32 host, gpu, last;

	begin();
	host = add(0, 0, 0, PORT_INTEGRATED);
	gpu = add(0, 2, 0, PORT_INTEGRATED);
	last = add(0, 31, 7, PORT_INTEGRATED);
	end(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (u8 depth = 1; depth <= 2; depth++) {
			if (depth == 2 && !bad[i][1].device && !bad[i][1].function && i != 3 &&
			    i != 4)
				continue;
			if (depth == 1 && i == 4)
				continue;
			s.path = bad[i];
			s.depth = depth;
			assert_false(scope_covers(f, n, host, 0, &s));
			assert_false(scope_covers(f, n, gpu, 0, &s));
			assert_false(scope_covers(f, n, NO_FUNCTION, 0, &s));
		}
	s.path = igd;
	s.depth = 1;
	assert_true(scope_covers(f, n, gpu, 0, &s));
	s.path = ioapic_at;
	assert_true(scope_covers(f, n, last, 0, &s));
	s.path = igd;
	for (u8 type = DMAR_SCOPE_IOAPIC; type < 8; type++) {
		s.type = type;
		assert_false(scope_covers(f, n, gpu, 0, &s));
	}
}

/* Bus numbers that lead in a circle, as a broken firmware or a hostile bridge may have them. */
static void circles_of_bridges_end(void **state)
{
	u16 rids[SOURCE_RIDS_MAX];
	struct dmar_scope s = {.type = DMAR_SCOPE_BRIDGE, .depth = 1, .path = igd};
	u32 a, gpu;

	begin();
	bridge(1, 1, 0, PORT_CONVENTIONAL, 2, 2, false);
	bridge(2, 1, 0, PORT_CONVENTIONAL, 1, 1, false);
	a = add(2, 5, 0, PORT_CONVENTIONAL);
	gpu = add(0, 2, 0, PORT_INTEGRATED);
	end(NULL);
	assert_int_equal(rids_of(a, NULL, rids), 3);
	assert_false(scope_covers(f, n, a, 0, &s));
	assert_true(scope_covers(f, n, gpu, 0, &s));
	assert_int_equal(function_irq_source(f, a).last_bus, 0);
	assert_int_equal(describe(&dmar, NULL), OK);
	assert_int_not_equal(device_of[a], NO_DEVICE);
}

static void virtual_functions_pass_their_functions_unit(void **state)
{
	struct dmar_unit units[2] = {
	    {.base = 0x1000, .nscopes = 1, .scopes = &scopes[3]},
	    {.base = 0x2000, .all = true},
	};
	const struct dmar d = {.complete = true, .nunits = 2, .units = units};
	u32 nic, vf, odd;

	begin();
	bridge(0, 0x1c, 0, PORT_ROOT, 7, 9, true);
	nic = add(7, 0, 0, PORT_ENDPOINT);
	vf = add(7, 0x10, 0, PORT_ENDPOINT);
	odd = add(7, 0x11, 0, PORT_ENDPOINT);
	f[vf].is_vf = f[odd].is_vf = true;
	f[vf].pf = nic;
	f[odd].pf = n; /* names a function that is not there */
	end(NULL);
	assert_int_equal(dmar_unit_of(&d, f, n, nic), 0);
	assert_int_equal(dmar_unit_of(&d, f, n, vf), 0);
	assert_int_equal(dmar_unit_of(&d, f, n, odd), 1);
	assert_int_equal(f[odd].parent, 0);
	assert_int_equal(describe(&d, NULL), OK);
	assert_int_equal(io.devices[device_of[vf]].pf_rid, 0x700);
	assert_int_equal(io.devices[device_of[odd]].pf_rid, 0x788);
	assert_int_equal(io.devices[device_of[nic]].pf_rid, 0x700);
}

static void the_ends_of_a_range_belong_to_it(void **state)
{
	static struct ivrs_entry e = {.kind = IVRS_RANGE, .first = 0x108, .last = 0x110};
	static struct ivrs_unit unit = {.devid = 2, .used = true, .nentries = 1, .entries = &e};
	const struct ivrs v = {.complete = true, .nunits = 1, .units = &unit};
	struct ivrs_reserved ivmd = {.flags = IVRS_UNITY | IVRS_READ,
				     .first = 0x108,
				     .last = 0x110,
				     .base = 0x5000,
				     .length = 0x1000};
	const struct ivrs reserved = {.nreserved = 1, .reserved = &ivmd};
	struct unity_range r[8];
	u32 first, last, before, after, other;
	u16 rids[SOURCE_RIDS_MAX];

	begin();
	before = add(1, 0, 7, PORT_ENDPOINT);
	first = add(1, 1, 0, PORT_ENDPOINT);
	last = add(1, 2, 0, PORT_ENDPOINT);
	after = add(1, 2, 1, PORT_ENDPOINT);
	other = add(1, 1, 1, PORT_ENDPOINT);
	f[other].bdf.segment = 1;
	end(NULL);
	assert_int_equal(ivrs_unit_of(&v, f, n, before), NO_UNIT);
	assert_int_equal(ivrs_unit_of(&v, f, n, first), 0);
	assert_int_equal(ivrs_unit_of(&v, f, n, last), 0);
	assert_int_equal(ivrs_unit_of(&v, f, n, after), NO_UNIT);
	assert_int_equal(ivrs_unit_of(&v, f, n, other), NO_UNIT);
	assert_int_equal(describe(NULL, &v), OK);
	assert_int_equal(device_of[before], NO_DEVICE);
	assert_int_equal(device_of[other], NO_DEVICE);
	assert_int_not_equal(device_of[last], NO_DEVICE);
	assert_int_equal(unity_collect(NULL, &reserved, f, n, r, 8), 2);
	assert_int_equal(r[0].function, first);
	assert_int_equal(r[1].function, last);
	e.aliased = true;
	e.alias = 0x200;
	assert_int_equal(rids_of(before, &v, rids), 1);
	assert_int_equal(rids_of(first, &v, rids), 2);
	assert_int_equal(rids_of(last, &v, rids), 2);
	assert_int_equal(rids_of(after, &v, rids), 1);
	assert_int_equal(rids_of(other, &v, rids), 1);
	e.aliased = false;
}

static void functions_behind_no_unit_have_no_device(void **state)
{
	static const struct dmar_hop first_slot[] = {{0x1c, 0}, {1, 0}};
	struct dmar_scope half = {.type = DMAR_SCOPE_ENDPOINT, .depth = 2, .path = first_slot};
	struct dmar_unit units[2] = {
	    {.base = 0x1000, .nscopes = 1, .scopes = &half},
	    {.base = 0x2000, .all = true},
	};
	const struct dmar d = {.complete = true, .nunits = 2, .units = units};
	u32 a, b, host, far;

	begin();
	host = add(0, 0, 0, PORT_INTEGRATED);
	bridge(0, 0x1c, 0, PORT_TO_PCI, 5, 5, false);
	a = add(5, 0, 0, PORT_CONVENTIONAL);
	b = add(5, 1, 0, PORT_CONVENTIONAL);
	far = add(3, 0, 0, PORT_ENDPOINT);
	f[far].bdf.segment = 2;
	end(NULL);
	assert_int_equal(describe(&d, NULL), OK);
	/* one conventional bus, two units: nobody knows which is asked */
	assert_int_equal(device_of[a], NO_DEVICE);
	assert_int_equal(device_of[b], NO_DEVICE);
	assert_int_equal(device_of[far], NO_DEVICE);
	assert_int_equal(io.ndevices, 1);
	assert_int_equal(io.devices[device_of[host]].nrids, 1); /* id 0 is an id as any */
	assert_int_equal(io.devices[device_of[host]].rids[0], 0);
}

static void ioapics_need_a_possible_place(void **state)
{
	static const struct dmar_hop places[] = {{32, 0}, {31, 8}, {31, 7}, {0, 0}};
	struct dmar_scope s[] = {
	    {.type = DMAR_SCOPE_IOAPIC, .id = 1, .depth = 1, .path = &places[0]},
	    {.type = DMAR_SCOPE_IOAPIC, .id = 2, .depth = 1, .path = &places[1]},
	    {.type = DMAR_SCOPE_IOAPIC, .id = 3, .depth = 1, .path = &places[2]},
	    {.type = DMAR_SCOPE_IOAPIC, .id = 4, .depth = 2, .path = &places[2]},
	    {.type = DMAR_SCOPE_HPET, .id = 5, .bus = 9, .depth = 1, .path = &places[2]},
	    {.type = DMAR_SCOPE_IOAPIC, .id = 3, .bus = 9, .depth = 1, .path = &places[3]},
	};
	struct dmar_unit unit = {.base = 0x1000, .all = true, .nscopes = 6, .scopes = s};
	const struct dmar d = {.complete = true, .nunits = 1, .units = &unit};
	struct iommu_device *dev;

	begin();
	end(NULL);
	assert_int_equal(describe(&d, NULL), OK);
	assert_int_equal(io.ndevices, 2);
	dev = iommu_find_special(&io, IOMMU_DEV_IOAPIC, 3);
	assert_non_null(dev);
	assert_int_equal(dev->irq_rid, 0xff);
	assert_int_equal(dev->interrupts, 240);
	dev = iommu_find_special(&io, IOMMU_DEV_HPET, 5);
	assert_int_equal(dev->irq_rid, 0x9ff);
	assert_int_equal(dev->interrupts, 32);
	assert_int_not_equal(io.devices[0].group, io.devices[1].group);
	assert_int_equal(io.units[0].desc.irqs_wanted, 272);
}

static void a_small_pool_is_an_error(void **state)
{
	begin();
	add(0, 2, 0, PORT_INTEGRATED);
	end(NULL);
	for (pool_size = PAGE_SIZE; pool_size < 5 * PAGE_SIZE; pool_size += PAGE_SIZE) {
		int err = describe(&dmar, NULL);

		assert_int_equal(err, pool_size < 4 * PAGE_SIZE ? ERR_NOMEM : OK);
	}
	pool_size = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slots_of_isolating_ports_are_apart),
	    cmocka_unit_test(a_port_without_access_control_ties_all_below),
	    cmocka_unit_test(functions_of_a_card_go_together),
	    cmocka_unit_test(switches_isolate_when_all_their_ports_do),
	    cmocka_unit_test(a_closed_port_below_an_open_one_does_not_help),
	    cmocka_unit_test(virtual_functions_stand_alone),
	    cmocka_unit_test(a_conventional_bus_is_one_device),
	    cmocka_unit_test(a_bridge_on_the_root_bus_speaks_for_those_below),
	    cmocka_unit_test(phantom_functions_are_the_devices_own),
	    cmocka_unit_test(a_quirk_names_other_functions_as_sources),
	    cmocka_unit_test(the_table_gives_aliases),
	    cmocka_unit_test(intel_units_are_found_by_scope),
	    cmocka_unit_test(amd_units_are_found_by_device_id_and_root_bus),
	    cmocka_unit_test(reserved_ranges_find_their_devices),
	    cmocka_unit_test(reserved_ranges_are_refused_unless_listed),
	    cmocka_unit_test(devices_own_their_requester_ids_alone),
	    cmocka_unit_test(the_function_an_ioapic_sends_as_is_not_assignable),
	    cmocka_unit_test(paths_that_lead_nowhere_match_nothing),
	    cmocka_unit_test(circles_of_bridges_end),
	    cmocka_unit_test(virtual_functions_pass_their_functions_unit),
	    cmocka_unit_test(the_ends_of_a_range_belong_to_it),
	    cmocka_unit_test(functions_behind_no_unit_have_no_device),
	    cmocka_unit_test(ioapics_need_a_possible_place),
	    cmocka_unit_test(a_small_pool_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
