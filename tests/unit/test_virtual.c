/* passthrough/virtual.h: virtual functions in a machine that has other things than the card. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "iommu/group.h"
#include "passthrough/pci/bridge.h"
#include "passthrough/virtual.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"

#define CAP 0x160
#define ARI 0x140

/* A root bus with a card, and a port with a card below. */
enum { ROOT_CARD, PORT, CARD, OTHER, N };

static struct fake_device root_card, card, other;
static struct fake_port port;
static struct machine_function functions[N];
static struct iommu_function requesters[N];
static struct machine_memory memory[3];
static struct virtual_world world;
static struct virtual_card c;
static struct pci_verdict v;

/*
 * 8 VFs, 16 KiB of a prefetchable 64-bit BAR 0 and 4 KiB of a plain BAR 3 each, ids at +80h, stride
 * 2.
 */
static void make_card(struct fake_device *d, struct bdf bdf, u64 bar)
{
	u32 ari[2] = {0}, s[16] = {0};

	fake_device_init(d, bdf, 0x8086, 0x10c9, 0x020000);
	fake_device_express(d, 0xa0, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_bar(d, 0, KIB(128), bar, false, false);
	fake_device_ext_cap(d, 0x100, PCI_EXT_AER, NULL, 0);
	fake_device_ext_cap(d, ARI, PCI_EXT_ARI, ari, 2);
	s[3] = 8 << 16 | 8;
	s[5] = 2 << 16 | 0x80;
	s[6] = 0x10cau << 16;
	s[7] = s[8] = 1;
	s[9] = PCI_BAR_64 | PCI_BAR_PREFETCH;
	fake_device_ext_cap(d, CAP, PCI_EXT_SRIOV, s, 16);
	d->writable[(CAP + 8) / 4] = 0x19;
	d->writable[(CAP + 0x10) / 4] = 0xffff;
	d->writable[(CAP + 0x20) / 4] = 1;
	d->writable[(CAP + 0x24) / 4] = 0xffffc000;
	d->writable[(CAP + 0x28) / 4] = ~0u;
	d->writable[(CAP + 0x30) / 4] = 0xfffff000;
	fake_device_ready(d);
}

static void list(u32 i, struct bdf bdf, u64 bar, u64 size)
{
	functions[i] = (struct machine_function){.bdf = bdf, .bar = {{.base = bar, .size = size}}};
	requesters[i] = (struct iommu_function){.bdf = bdf, .port = PORT_ENDPOINT};
}

/* PCI-to-PCI Bridge 1.2 §3.2.5: 1 MiB at fe800000, 2 MiB of prefetchable memory at 8'00000000. */
static void open_windows(void)
{
	port.config[PCI_BRIDGE_MEMORY / 4] = 0xfe80fe80;
	port.config[PCI_BRIDGE_PREFETCH / 4] = 0x00110001;
	port.config[PCI_BRIDGE_PREFETCH_BASE / 4] = port.config[PCI_BRIDGE_PREFETCH_LIMIT / 4] = 8;
	port.config[(0x40 + PCI_EXP_DEVCAP2) / 4] = PCI_EXP_DEVCAP2_ARI;
}

static int setup(void **state)
{
	static struct fake_device *below[] = {&card};

	fake_machine_reset();
	make_card(&root_card, (struct bdf){0, 0, 0x60}, 0xfeb00000);
	make_card(&card, (struct bdf){0, 1, 0}, 0xfe800000);
	fake_device_init(&other, (struct bdf){0, 0, 0x28}, 0x8086, 1, 0x010802);
	fake_port_init(&port, (struct bdf){0, 0, 0x40}, 1, below, 1);
	open_windows();
	list(ROOT_CARD, root_card.bdf, 0xfeb00000, KIB(128));
	list(PORT, port.bdf, 0, 0);
	list(CARD, card.bdf, 0xfe800000, KIB(128));
	list(OTHER, other.bdf, 0xfeb40000, KIB(16));
	functions[PORT].header_type = 1;
	requesters[PORT].port = PORT_ROOT;
	requesters[PORT].bridge = true;
	requesters[PORT].secondary = requesters[PORT].subordinate = 1;
	functions_link(requesters, N);
	memory[0] = (struct machine_memory){PADDR(0), GIB(2), MEMORY_RAM, 0};
	memory[1] = (struct machine_memory){PADDR(0xb0000000), MIB(256), MEMORY_RESERVED, 0};
	world = (struct virtual_world){.functions = functions,
				       .requesters = requesters,
				       .n = N,
				       .memory = memory,
				       .nmemory = 2};
	return 0;
}

static int teardown(void **state)
{
	fake_device_free(&root_card);
	fake_device_free(&card);
	return 0;
}

static int enable(u32 function, u16 count)
{
	return virtual_enable(&c, &world, function, count, &v);
}

static void refused(int err, const char *says)
{
	assert_int_equal(v.err, err);
	if (!strstr(v.text, says))
		fail_msg("\"%s\" does not say \"%s\"", v.text, says);
	assert_int_equal(
	    (card.config[(CAP + 8) / 4] | root_card.config[(CAP + 8) / 4]) & PCI_SRIOV_VFE, 0);
}

/*
 * Prefetchable memory behind the port goes to that window, plain memory beside the card's own BAR.
 */
static void room_below_a_port(void **state)
{
	assert_int_equal(enable(CARD, 7), OK);
	assert_int_equal(c.sriov.bar[0].base, 0x800000000);
	assert_int_equal(c.sriov.bar[3].base, 0xfe820000);
	assert_int_equal(card.config[(CAP + 8) / 4] & 0x19, 0x19);
	assert_int_equal(card.config[(CAP + 0x24) / 4] & ~15u, 0);
	assert_int_equal(card.config[(CAP + 0x28) / 4], 8);
	assert_int_equal(port.config[(0x40 + PCI_EXP_DEVCTL2) / 4] & PCI_EXP_DEVCTL2_ARI,
			 PCI_EXP_DEVCTL2_ARI);
}

/* Without such a window both go to the other one, one behind the other. */
static void one_window(void **state)
{
	port.config[PCI_BRIDGE_PREFETCH / 4] = 0x0001fff1;
	assert_int_equal(enable(CARD, 7), OK);
	assert_int_equal(c.sriov.bar[0].base, 0xfe820000);
	assert_int_equal(c.sriov.bar[3].base, 0xfe83c000);
	port.config[PCI_BRIDGE_MEMORY / 4] = 0x0000fff0;
	card.config[(CAP + 8) / 4] = 0;
	assert_int_equal(enable(CARD, 7), ERR_NOMEM);
	refused(ERR_NOMEM, "no room for BAR 0 of 7 virtual functions (112 KiB) in the windows");
}

/* Plain memory must not lie where reads may be merged. */
static void plain_memory_needs_the_plain_window(void **state)
{
	functions[CARD].bar[1] = (struct machine_bar){.base = 0xfe820000, .size = KIB(896)};
	assert_int_equal(enable(CARD, 7), ERR_NOMEM);
	refused(ERR_NOMEM, "no room for BAR 3 of 7");
}

/* Beside what the firmware put on the bus, within the same 1 MiB, and around everything. */
static void room_on_a_root_bus(void **state)
{
	struct virtual_range unit = {0xfeb60000, KIB(512)};

	assert_int_equal(enable(ROOT_CARD, 4), OK);
	assert_int_equal(c.sriov.bar[0].base, 0xfeb20000);
	assert_int_equal(c.sriov.bar[3].base, 0xfeb30000);
	root_card.config[(CAP + 8) / 4] = 0;
	root_card.config[(CAP + 0x24) / 4] &= 0xf;
	root_card.config[(CAP + 0x30) / 4] = 0;
	world.fixed = &unit;
	world.nfixed = 1;
	assert_int_equal(enable(ROOT_CARD, 7), OK);
	assert_int_equal(c.sriov.bar[0].base, 0xfeb20000);
	assert_int_equal(c.sriov.bar[3].base, 0xfeb3c000 + KIB(32)); /* past the other card's BAR */
	root_card.config[(CAP + 8) / 4] = 0;
	root_card.config[(CAP + 0x24) / 4] &= 0xf;
	root_card.config[(CAP + 0x30) / 4] = 0;
	memory[2] = (struct machine_memory){PADDR(0xfeb00000), MIB(1), MEMORY_RESERVED, 0};
	world.nmemory = 3;
	assert_int_equal(enable(ROOT_CARD, 4), ERR_NOMEM);
	refused(ERR_NOMEM, "beside what else is on its root bus");
}

/* What the firmware chose stays, unless it cannot be. */
static void the_firmwares_choice(void **state)
{
	card.config[(CAP + 0x24) / 4] |= 0x100000;
	card.config[(CAP + 0x28) / 4] = 8;
	card.config[(CAP + 0x30) / 4] = 0xfe8f0000;
	assert_int_equal(enable(CARD, 7), OK);
	assert_int_equal(c.sriov.bar[0].base, 0x800100000);
	assert_int_equal(c.sriov.bar[3].base, 0xfe8f0000);
	/* the seventh would end behind the window */
	card.config[(CAP + 8) / 4] = 0;
	card.config[(CAP + 0x30) / 4] = 0xfe8fa000;
	assert_int_equal(enable(CARD, 7), OK);
	assert_int_equal(c.sriov.bar[3].base, 0xfe820000);
	/* the card's own BAR is there */
	card.config[(CAP + 8) / 4] = 0;
	card.config[(CAP + 0x30) / 4] = 0xfe81f000;
	assert_int_equal(enable(CARD, 7), OK);
	assert_int_equal(c.sriov.bar[3].base, 0xfe820000);
}

static void a_port_without_ari(void **state)
{
	port.config[(0x40 + PCI_EXP_DEVCAP2) / 4] = 0;
	assert_int_equal(enable(CARD, 2), ERR_RANGE);
	refused(ERR_RANGE, "does not forward requests to function 130 (ARI)");
	open_windows();
	port.config[0x40 / 4] &= ~(15u << 16); /* the port's capability is of version 1 */
	port.config[0x40 / 4] |= 1u << 16;
	assert_int_equal(enable(CARD, 2), ERR_RANGE);
	open_windows();
	port.config[0x40 / 4] |= 2u << 16;
	card.config[ARI / 4] =
	    (card.config[ARI / 4] & 0xfff00000u) | 0x1000b; /* no such capability */
	assert_int_equal(enable(CARD, 2), ERR_RANGE);
	refused(ERR_RANGE, "(ARI)");
	/* a root bus has devices, and needs none of it */
	assert_int_equal(enable(ROOT_CARD, 2), OK);
	assert_int_equal(root_card.config[(CAP + 8) / 4] & PCI_SRIOV_ARI, 0);
}

static void an_id_that_is_taken(void **state)
{
	functions[OTHER].bdf.devfn = 0xe2; /* 0c.0 + 80h + 2 */
	assert_int_equal(enable(ROOT_CARD, 1), OK);
	root_card.config[(CAP + 8) / 4] = 0;
	assert_int_equal(enable(ROOT_CARD, 2), ERR_EXIST);
	refused(ERR_EXIST, "number 2 of them would be 0000:00:1c.2, which is another device");
}

static void registers_that_do_not_hold(void **state)
{
	card.writable[(CAP + 8) / 4] = 0x10;
	assert_int_equal(enable(CARD, 2), ERR_IO);
	refused(ERR_IO, "registers do not hold");
	card.writable[(CAP + 0x10) / 4] = 0;
	assert_int_equal(enable(CARD, 3), ERR_IO);
	refused(ERR_IO, "does not take 3 as their number");
}

static void bridge_windows(void **state)
{
	struct pci_bridge_window w;

	assert_true(pci_bridge_window(port.bdf, false, &w));
	assert_int_equal(w.base, 0xfe800000);
	assert_int_equal(w.size, MIB(1));
	assert_true(pci_bridge_window(port.bdf, true, &w));
	assert_int_equal(w.base, 0x800000000);
	assert_int_equal(w.size, MIB(2));
	port.config[PCI_BRIDGE_PREFETCH / 4] =
	    0xe000d000; /* of 32 bits: the upper halves do not count */
	assert_true(pci_bridge_window(port.bdf, true, &w));
	assert_int_equal(w.base, 0xd0000000);
	assert_int_equal(w.size, MIB(257));
	port.config[PCI_BRIDGE_MEMORY / 4] = 0xfe70fe80; /* limit below base: closed */
	assert_false(pci_bridge_window(port.bdf, false, &w));
	port.config[PCI_BRIDGE_MEMORY / 4] = 0;
	assert_false(pci_bridge_window(port.bdf, false, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(room_below_a_port, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_window, setup, teardown),
	    cmocka_unit_test_setup_teardown(plain_memory_needs_the_plain_window, setup, teardown),
	    cmocka_unit_test_setup_teardown(room_on_a_root_bus, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_firmwares_choice, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_port_without_ari, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_id_that_is_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(registers_that_do_not_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(bridge_windows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
