/* passthrough/pci: virtual functions of a PF that stays with the hypervisor. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/pci/reset.h"
#include "passthrough/pci/sriov.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"

#define CAP 0x160
static struct fake_device dev, vf;
static struct pci_function pf, fn;
static struct pci_sriov s;
static struct pci_verdict v;

/* An igb: 8 VFs, 16 KiB of BAR 0 and of BAR 3 each, ids at +80h, stride 2. */
static int setup(void **state)
{
	u32 c[16] = {0};

	fake_machine_reset();
	fake_device_init(&dev, (struct bdf){0, 1, 0}, 0x8086, 0x10c9, 0x020000);
	fake_device_express(&dev, 0xa0, PCI_EXP_TYPE_ENDPOINT, true);
	c[3] = 8 << 16 | 8;
	c[5] = 2 << 16 | 0x80;
	c[6] = 0x10cau << 16;
	c[7] = 0x553;
	c[8] = 1;
	c[9] = PCI_BAR_64;
	c[12] = PCI_BAR_64;
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, NULL, 0);
	fake_device_ext_cap(&dev, CAP, PCI_EXT_SRIOV, c, 16);
	dev.writable[(CAP + 8) / 4] = 0x19;
	dev.writable[(CAP + 0x10) / 4] = 0xffff;
	dev.writable[(CAP + 0x20) / 4] = 0x553;
	dev.writable[(CAP + 0x24) / 4] = dev.writable[(CAP + 0x30) / 4] = 0xffffc000;
	dev.writable[(CAP + 0x28) / 4] = dev.writable[(CAP + 0x34) / 4] = ~0u;
	fake_device_ready(&dev);
	memset(&pf, 0, sizeof(pf));
	pf.bdf = dev.bdf;
	assert_int_equal(pci_function_read(&pf, &v), OK);
	return 0;
}

static int plan(u16 count)
{
	return pci_sriov_plan(&s, &pf, count, PCI_REACH_ARI, &v);
}

static void place(void)
{
	s.bar[0].base = 0x800000000;
	s.bar[3].base = 0x800100000;
}

static void they_are_planned_before_they_are_on(void **state)
{
	assert_int_equal(plan(7), OK);
	assert_int_equal(s.total, 8);
	assert_int_equal(s.bar[0].size, KIB(16));
	assert_true(s.bar[3].is64);
	assert_int_equal(s.bar[1].size, 0);
	assert_int_equal(pci_sriov_bar_bytes(&s, 0), 7 * KIB(16));
	assert_int_equal(bdf_rid(pci_sriov_bdf(&s, 0)), 0x180);
	assert_int_equal(bdf_rid(pci_sriov_bdf(&s, 6)), 0x18c);
	assert_int_equal(dev.config[(CAP + 8) / 4] & PCI_SRIOV_VFE, 0);
}

static void bars_come_first(void **state)
{
	assert_int_equal(plan(2), OK);
	assert_int_equal(pci_sriov_enable(&s), ERR_INVAL);
	assert_int_equal(dev.config[(CAP + 8) / 4] & PCI_SRIOV_VFE, 0);
	place();
	s.bar[3].base += KIB(4); /* not aligned to a VF's size */
	assert_int_equal(pci_sriov_enable(&s), ERR_INVAL);
	place();
	assert_int_equal(pci_sriov_enable(&s), OK);
	assert_int_equal(dev.config[(CAP + 8) / 4] & 0x19,
			 PCI_SRIOV_VFE | PCI_SRIOV_MSE | PCI_SRIOV_ARI);
	assert_int_equal(dev.config[(CAP + 0x28) / 4], 8);
	assert_int_equal(s.until, port_time_ns() + PCI_RESET_SETTLE);
	assert_int_equal(plan(2), ERR_BUSY);
}

static void what_it_cannot_give_is_refused(void **state)
{
	assert_int_equal(plan(0), ERR_RANGE);
	assert_int_equal(plan(9), ERR_RANGE);
	dev.config[(CAP + 0x14) / 4] = 0; /* offset 0: the PF's own id */
	assert_int_equal(plan(1), ERR_RANGE);
	dev.config[(CAP + 0x14) / 4] = 0x80; /* stride 0: all the same id */
	assert_int_equal(plan(2), ERR_RANGE);
	dev.config[(CAP + 0x1c) / 4] = 0x552; /* no 4 KiB pages */
	assert_int_equal(plan(1), ERR_UNSUPPORTED);
	pf.at.sriov = 0;
	assert_int_equal(plan(1), ERR_UNSUPPORTED);
}

/* Every refusal says which of it: they end up in the proof's sentences. */
static void ids_must_be_reachable(void **state)
{
	assert_int_equal(pci_sriov_plan(&s, &pf, 2, PCI_REACH_SLOT, &v), ERR_RANGE);
	assert_non_null(strstr(v.text, "does not forward requests to function 130 (ARI)"));
	assert_int_equal(pci_sriov_plan(&s, &pf, 2, PCI_REACH_BUS, &v), OK);
	/* the bit tells the card what the port above does */
	assert_int_equal(dev.config[(CAP + 8) / 4] & PCI_SRIOV_ARI, 0);
	assert_int_equal(plan(2), OK);
	assert_int_equal(dev.config[(CAP + 8) / 4] & PCI_SRIOV_ARI, PCI_SRIOV_ARI);
	/* 01:00.0 + 80h + 2 * 40h is 02:00.0 */
	dev.config[(CAP + 0x14) / 4] = 0x40 << 16 | 0x80;
	assert_int_equal(plan(2), OK);
	assert_int_equal(plan(3), ERR_RANGE);
	assert_non_null(strstr(v.text, "leave the card's bus (offset 128, stride 64)"));
	/* functions 1 and 2 get through any port */
	dev.config[(CAP + 0x14) / 4] = 1 << 16 | 1;
	assert_int_equal(pci_sriov_plan(&s, &pf, 2, PCI_REACH_SLOT, &v), OK);
	assert_int_equal(pci_sriov_plan(&s, &pf, 8, PCI_REACH_SLOT, &v), ERR_RANGE);
}

static void bars_must_make_sense(void **state)
{
	dev.writable[(CAP + 0x24) / 4] = 0xfffffc00; /* 1 KiB: two of them on a page */
	assert_int_equal(plan(2), ERR_CORRUPT);
	assert_non_null(strstr(v.text, "BAR 0 of its virtual functions"));
	dev.writable[(CAP + 0x24) / 4] = 0xffff4000;
	assert_int_equal(plan(2), ERR_CORRUPT);
}

static void no_more_than_it_starts_with(void **state)
{
	assert_int_equal(pci_sriov_most(&pf), 8);
	dev.config[(CAP + 0xc) / 4] = 8 << 16 | 4; /* TotalVFs 8, InitialVFs 4 */
	assert_int_equal(pci_sriov_most(&pf), 4);
	assert_int_equal(plan(5), ERR_RANGE);
	assert_int_equal(plan(4), OK);
}

static void a_vf_that_lies_is_refused(void **state)
{
	assert_int_equal(plan(2), OK);
	place();
	assert_int_equal(pci_sriov_enable(&s), OK);
	assert_int_equal(pci_sriov_read(&s, 0, &fn, &v), ERR_NOENT); /* nobody there */
	fake_device_init(&vf, pci_sriov_bdf(&s, 0), 0xffff, 0xffff, 0x020000);
	fake_device_express(&vf, 0xa0, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_msix(&vf, 0x70, 3, 3, 0, 3, 0x4000); /* PBA behind the 16 KiB of its BAR */
	fake_device_ready(&vf);
	assert_int_equal(pci_sriov_read(&s, 0, &fn, &v), ERR_CORRUPT);
	vf.config[PCI_HEADER_TYPE / 4] |= 1 << 16;
	assert_int_equal(pci_sriov_read(&s, 0, &fn, &v), ERR_CORRUPT);
	assert_non_null(strstr(v.text, "says that it is a bridge"));
}

static void a_vf_is_read_through_its_pf(void **state)
{
	assert_int_equal(plan(2), OK);
	place();
	assert_int_equal(pci_sriov_enable(&s), OK);
	fake_device_init(&vf, pci_sriov_bdf(&s, 1), 0xffff, 0xffff, 0x020000);
	fake_device_express(&vf, 0xa0, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_msix(&vf, 0x70, 3, 3, 0, 3, 0x2000);
	fake_device_ready(&vf);
	vf.recovery_ns = 200 * PCI_MS;
	assert_int_equal(pci_sriov_read(&s, 1, &fn, &v), OK);
	assert_int_equal(fn.id.vendor, 0x8086);
	assert_int_equal(fn.id.device, 0x10ca);
	assert_int_equal(fn.bars.bar[0].base, 0x800004000);
	assert_int_equal(fn.bars.bar[3].base, 0x800104000);
	assert_int_equal(fn.msix_vectors, 3);
	/* its FLR is verified although its ids read all ones */
	struct pci_quiesce q;
	struct pci_reset r;
	int err;

	pci_reset_find(&fn, false);
	assert_int_equal(fn.resets, RESET_FLR);
	assert_int_equal(pci_quiesce_begin(&q, &fn), OK);
	assert_int_equal(pci_reset_begin(&r, &fn), OK);
	while ((err = pci_reset_poll(&r)) == ERR_BUSY)
		fake_time_pass(PCI_MS);
	assert_int_equal(err, OK);
	assert_in_range(port_time_ns() / PCI_MS, 200, 210);
	assert_int_equal(pci_sriov_disable(&s), OK);
	assert_int_equal(dev.config[(CAP + 8) / 4] & PCI_SRIOV_VFE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(they_are_planned_before_they_are_on, setup),
	    cmocka_unit_test_setup(bars_come_first, setup),
	    cmocka_unit_test_setup(what_it_cannot_give_is_refused, setup),
	    cmocka_unit_test_setup(ids_must_be_reachable, setup),
	    cmocka_unit_test_setup(bars_must_make_sense, setup),
	    cmocka_unit_test_setup(no_more_than_it_starts_with, setup),
	    cmocka_unit_test_setup(a_vf_that_lies_is_refused, setup),
	    cmocka_unit_test_setup(a_vf_is_read_through_its_pf, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
