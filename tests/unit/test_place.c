/* passthrough/vpci/place and port: where BARs go, for any set of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/pci/regs.h"
#include "passthrough/vpci/place.h"
#include "passthrough/vpci/port.h"

#define MAX_BARS  48
#define MAX_PORTS 6
#define SETS	  20000

static struct place_bar bars[MAX_BARS];
static struct place_port ports[MAX_PORTS];
static struct place p;
static u64 seed;

static u64 rnd(u64 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

static void random_set(void)
{
	p = (struct place){bars, (u32)rnd(MAX_BARS + 1), ports, (u32)rnd(MAX_PORTS + 1)};
	memset(bars, 0, sizeof(bars));
	memset(ports, 0, sizeof(ports));
	for (u32 i = 0; i < p.nbars; i++) {
		bool is64 = rnd(2), prefetch = rnd(2);
		u32 port = p.nports && rnd(2) ? (u32)rnd(p.nports) : PLACE_ROOT_BUS;
		bool high = is64 && (prefetch || port == PLACE_ROOT_BUS);
		/* 16 bytes .. 256 GiB above, .. 64 MiB below */
		u64 size = rnd(8) ? 1ull << (4 + rnd(high ? 35 : 23)) : 0;

		bars[i] = (struct place_bar){size, is64, prefetch, port, 0};
	}
}

static bool inside(u64 at, u64 size, const struct layout_window *w)
{
	return at >= w->base && at - w->base <= w->size && size <= w->size - (at - w->base);
}

static void check_bar(const struct layout *l, const struct place_bar *b)
{
	bool high = b->is64 && (b->port == PLACE_ROOT_BUS || b->prefetch);

	assert_int_equal(b->at & (b->size - 1), 0);
	assert_int_equal(b->at % PAGE_SIZE, 0);
	if (high)
		assert_true(inside(b->at, b->size, &l->mmio64) && b->at >= GIB(4));
	else
		assert_true(inside(b->at, b->size, &l->mmio32[0]) ||
			    inside(b->at, b->size, &l->mmio32[1]));
	if (b->port != PLACE_ROOT_BUS)
		assert_true(inside(b->at, b->size,
				   high ? &ports[b->port].prefetch : &ports[b->port].memory));
}

static bool overlap(u64 a, u64 an, u64 b, u64 bn)
{
	return an && bn && a < b + bn && b < a + an;
}

static void check_set(const struct layout *l)
{
	for (u32 i = 0; i < p.nbars; i++) {
		if (!bars[i].size)
			continue;
		check_bar(l, &bars[i]);
		for (u32 k = 0; k < i; k++)
			assert_false(overlap(bars[i].at, bars[i].size, bars[k].at, bars[k].size));
		/* what is on the root bus lies in no port's window */
		for (u32 k = 0; k < p.nports && bars[i].port == PLACE_ROOT_BUS; k++) {
			assert_false(overlap(bars[i].at, bars[i].size, ports[k].memory.base,
					     ports[k].memory.size));
			assert_false(overlap(bars[i].at, bars[i].size, ports[k].prefetch.base,
					     ports[k].prefetch.size));
		}
	}
	for (u32 i = 0; i < p.nports; i++)
		for (u32 k = 0; k < i; k++) {
			assert_false(overlap(ports[i].memory.base, ports[i].memory.size,
					     ports[k].memory.base, ports[k].memory.size));
			assert_false(overlap(ports[i].prefetch.base, ports[i].prefetch.size,
					     ports[k].prefetch.base, ports[k].prefetch.size));
		}
}

/* Whatever the set: when the layout grants what was asked for, everything has its place in it. */
static void any_set_fits_what_it_asked_for(void **state)
{
	u32 placed = 0;

	for (u32 n = 0; n < SETS; n++) {
		u64 need32, need64, memory = MIB(64) + MIB(2) * rnd(4096);
		struct layout l;

		seed = n;
		random_set();
		assert_int_equal(place_need(&p, &need32, &need64), OK);
		if (layout_make(memory, need32, need64, rnd(2) ? 64 : 256, 46, &l))
			continue;
		placed++;
		if (place_bars(&p, &l))
			fail_msg("set %u does not fit what it asked for", n);
		check_set(&l);
	}
	assert_true(placed > SETS * 9 / 10);
}

/* The need has no waste: the sum of the sizes, whole pages and, behind ports, whole MiB. */
static void the_need_is_the_sum(void **state)
{
	u64 need32, need64;

	p = (struct place){bars, 5, ports, 0};
	bars[0] = (struct place_bar){KIB(4), true, false, PLACE_ROOT_BUS, 0};
	bars[1] = (struct place_bar){GIB(256), true, true, PLACE_ROOT_BUS, 0};
	bars[2] = (struct place_bar){MIB(32), true, true, PLACE_ROOT_BUS, 0};
	bars[3] = (struct place_bar){MIB(16), false, false, PLACE_ROOT_BUS, 0};
	bars[4] = (struct place_bar){256, false, false, PLACE_ROOT_BUS, 0};
	assert_int_equal(place_need(&p, &need32, &need64), OK);
	assert_int_equal(need32, MIB(16) + KIB(4));
	assert_int_equal(need64, GIB(256) + MIB(32) + KIB(4));
}

static void nothing_needs_nothing(void **state)
{
	u64 need32, need64;

	p = (struct place){bars, 0, ports, 0};
	assert_int_equal(place_need(&p, &need32, &need64), OK);
	assert_int_equal(need32 + need64, 0);
}

static void impossible_bars_are_refused(void **state)
{
	u64 need32, need64;

	p = (struct place){bars, 1, ports, 0};
	bars[0] = (struct place_bar){KIB(5), true, false, PLACE_ROOT_BUS, 0};
	assert_int_equal(place_need(&p, &need32, &need64), ERR_INVAL);
	bars[0] = (struct place_bar){GIB(2), false, false, PLACE_ROOT_BUS, 0};
	assert_int_equal(place_need(&p, &need32, &need64), ERR_INVAL);
	bars[0] = (struct place_bar){KIB(4), true, false, 0, 0};
	assert_int_equal(place_need(&p, &need32, &need64), ERR_INVAL);
}

static void a_window_too_small_is_said(void **state)
{
	struct layout l;

	p = (struct place){bars, 1, ports, 0};
	bars[0] = (struct place_bar){GIB(64), true, true, PLACE_ROOT_BUS, 0};
	assert_int_equal(layout_make(GIB(1), 0, GIB(32), 64, 46, &l), OK);
	assert_int_equal(place_bars(&p, &l), ERR_RANGE);
}

/* ---- the port -------------------------------------------------------------------------------- */

static struct vpci_root tree;
static struct vpci_port port;

static u32 rd(u16 off)
{
	return vpci_read(&tree, 0, 0x08, off, 4);
}

static void port_setup(void)
{
	const struct vpci_port_config c = {
	    .number = 1,
	    .secondary = 1,
	    .link_cap = 0x00436c83,
	    .link_status = 0x1083,
	    .link_cap2 = 0x0e,
	    .payload = 2,
	    .windows = {{0xc1000000, MIB(16)}, {0x4000000000, GIB(16)}},
	};

	vpci_init(&tree, 64);
	assert_int_equal(vpci_port_init(&port, &tree, 0x08, &c), OK);
}

static void a_port_stands_as_a_firmware_left_it(void **state)
{
	port_setup();
	assert_int_equal(rd(PCI_CLASS) >> 8, 0x060400);
	assert_int_equal(vpci_read(&tree, 0, 0x08, PCI_HEADER_TYPE, 1), 1);
	assert_int_equal(rd(0x18), 0x00010100);
	assert_int_equal(rd(0x20), 0xc1f0c100);
	assert_int_equal(rd(0x24), 0xfff10001);
	assert_int_equal(rd(0x28), 0x40);
	assert_int_equal(rd(0x2c), 0x43);
	assert_int_equal(rd(0x1c), 0); /* I/O: closed (base above limit, or none) */
	u32 cap = rd(PCI_CAPABILITIES), express = rd((u16)cap) >> 8 & 0xff;

	assert_int_equal(rd((u16)express) & 0xff, PCI_CAP_EXPRESS);
	assert_int_equal(rd((u16)express) >> 20 & 0xf, PCI_EXP_TYPE_ROOT);
	assert_int_equal(rd((u16)(express + PCI_EXP_LNKCAP)) & 0x3ff, 0x083);
	assert_int_equal(rd((u16)(express + PCI_EXP_LNKCTL)) >> 16 & 0x23ff, 0x2083);
}

static u32 seven(struct vpci_function *f, u16 off, u8 width)
{
	return 7;
}

static void drop(struct vpci_function *f, u16 off, u8 width, u32 v)
{
}

static const struct vpci_function_ops seven_ops = {seven, drop, NULL};

static void what_is_behind_follows_its_bus_number(void **state)
{
	struct vpci_function f = {.ops = &seven_ops};

	port_setup();
	assert_int_equal(vpci_add(&port.bus, 0, &f), OK);
	assert_int_equal(vpci_read(&tree, 1, 0, 0, 4), 7);
	vpci_write(&tree, 0, 0x08, 0x19, 1, 5);
	assert_int_equal(vpci_read(&tree, 1, 0, 0, 4), ~0u);
	assert_int_equal(vpci_read(&tree, 5, 0, 0, 4), 7);
	vpci_reset(&tree);
	assert_int_equal(vpci_read(&tree, 1, 0, 0, 4), 7);
}

static void only_what_is_writable_changes(void **state)
{
	port_setup();
	for (u16 off = 0; off < VPCI_PLAIN_SIZE; off += 4)
		if (off != 0x18)
			vpci_write(&tree, 0, 0x08, off, 4, ~0u);
	assert_int_equal(rd(PCI_VENDOR), 0x000c1b36);
	assert_int_equal(rd(PCI_COMMAND) & 0xffff, 0x0546);
	assert_int_equal(rd(0x20), 0xfff0fff0);
	assert_int_equal(rd(0x10), 0);
	assert_int_equal(vpci_read(&tree, 0, 0x08, 0x400, 4), 0);
}

static void a_bus_outside_the_tree_is_refused(void **state)
{
	const struct vpci_port_config c = {.secondary = 64};

	vpci_init(&tree, 64);
	assert_int_equal(vpci_port_init(&port, &tree, 0x08, &c), ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_set_fits_what_it_asked_for),
	    cmocka_unit_test(the_need_is_the_sum),
	    cmocka_unit_test(nothing_needs_nothing),
	    cmocka_unit_test(impossible_bars_are_refused),
	    cmocka_unit_test(a_window_too_small_is_said),
	    cmocka_unit_test(a_port_stands_as_a_firmware_left_it),
	    cmocka_unit_test(what_is_behind_follows_its_bus_number),
	    cmocka_unit_test(only_what_is_writable_changes),
	    cmocka_unit_test(a_bus_outside_the_tree_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
