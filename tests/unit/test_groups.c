/* iommu: requester ids, isolation groups, units in the way, reserved ranges, devices of a machine. */
#include "tests/unit/function_rig.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
