/* iommu/describe: units and devices of a machine by its tables, every id with one owner. */
#include "tests/unit/function_rig.h"

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
