/* passthrough/pci: making a function quiet and resetting it, also one that does not cooperate. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/pci/reset.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"

#define GPU   0
#define AUDIO 1
static struct fake_device dev[2];
static struct fake_device *below[2] = {&dev[0], &dev[1]};
static struct fake_port port;
static struct pci_function fn[2];

static void build(u32 i, bool flr, bool af, bool soft)
{
	const struct bdf at = {0, 1, (u8)i};

	fake_device_init(&dev[i], at, 0x10de, (u16)(0x2684 + i), i ? 0x040300 : 0x030000);
	fake_device_bar(&dev[i], 0, MIB(1), 0xe0000000 + MIB(1) * i, true, true);
	fake_device_pm(&dev[i], 0x40, !soft);
	fake_device_express(&dev[i], 0x50, PCI_EXP_TYPE_ENDPOINT, flr);
	if (af)
		fake_device_af(&dev[i], 0xa0);
	fake_device_ext_cap(&dev[i], 0x100, PCI_EXT_AER, (u32[]){0, 0, 0x12345, 0x62030, 0, 0x2000},
			    6);
	dev[i].writable[0x108 / 4] = dev[i].writable[0x10c / 4] = ~0u;
	fake_device_ext_cap(&dev[i], 0x140, PCI_EXT_LTR, (u32[]){0, 0}, 2);
	dev[i].writable[0x144 / 4] = 0x1fff1fff;
	fake_device_ready(&dev[i]);
	/* what the firmware set after the last reset */
	dev[i].config[0x58 / 4] = 0x5937;
	dev[i].config[0x108 / 4] = 0x00400000;
	dev[i].config[0x144 / 4] = 0x10031003;
	dev[i].config[PCI_COMMAND / 4] |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
}

static void read_all(void)
{
	struct pci_verdict v;

	for (u32 i = 0; i < 2; i++) {
		fn[i] = (struct pci_function){
		    .bdf = dev[i].bdf, .has_bridge = true, .bridge = port.bdf};
		assert_int_equal(pci_function_read(&fn[i], &v), OK);
		pci_reset_find(&fn[i], false);
	}
}

static void ring(void)
{
	fn[0].next_on_bus = &fn[1];
	fn[1].next_on_bus = &fn[0];
	pci_reset_find(&fn[0], true);
	pci_reset_find(&fn[1], true);
}

static int setup(void **state)
{
	fake_machine_reset();
	memset(dev, 0, sizeof(dev));
	fake_port_init(&port, (struct bdf){0, 0, 8}, 1, below, 2);
	return 0;
}

static int teardown(void **state)
{
	fake_device_free(&dev[0]);
	fake_device_free(&dev[1]);
	return 0;
}

static int quiesce(u32 i)
{
	struct pci_quiesce q;
	int err = pci_quiesce_begin(&q, &fn[i]);

	while (err == ERR_BUSY) {
		port_relax();
		err = pci_quiesce_poll(&q);
	}
	return err;
}

static struct pci_reset r;

static int reset(u32 i)
{
	int err = pci_reset_begin(&r, &fn[i]);

	while (!err && (err = pci_reset_poll(&r)) == ERR_BUSY) {
		err = OK;
		if (r.until > port_time_ns())
			fake_time_pass(r.until - port_time_ns());
	}
	return err;
}

static void each_method_is_found(void **state)
{
	build(0, true, true, true);
	build(1, false, false, false);
	read_all();
	assert_int_equal(fn[0].resets, RESET_FLR | RESET_AF_FLR | RESET_PM);
	assert_int_equal(fn[1].resets, 0);
	ring();
	assert_int_equal(fn[1].resets, RESET_BUS);
	fn[0].no_reset = true;
	pci_reset_find(&fn[0], true);
	assert_int_equal(fn[0].resets, 0);
}

static void quiet_is_no_master_and_no_interrupts(void **state)
{
	build(0, true, false, false);
	fake_device_msi(&dev[0], 0xb0, 0, true, false);
	build(1, true, false, false);
	dev[0].config[0xb0 / 4] |= PCI_MSI_ENABLE << 16;
	read_all();
	assert_int_equal(quiesce(0), OK);
	assert_true(fn[0].quiet && !fn[0].fresh);
	assert_int_equal(dev[0].config[PCI_COMMAND / 4] & 0x404, PCI_COMMAND_INTX_OFF);
	assert_int_equal(dev[0].config[0xb0 / 4] >> 16 & PCI_MSI_ENABLE, 0);
	assert_true(port_time_ns() < PCI_MS);
}

static void pending_transactions_are_waited_for_so_long(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].lies = FAKE_PENDING;
	assert_int_equal(quiesce(0), OK);
	assert_in_range(port_time_ns() / PCI_MS, 499, 502);
}

static void a_master_that_stays_on_is_an_error(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].lies = FAKE_MASTER_STUCK;
	assert_int_equal(quiesce(0), ERR_IO);
	assert_false(fn[0].quiet);
}

static void a_reset_needs_quiet(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	assert_int_equal(pci_reset_begin(&r, &fn[0]), ERR_BUSY);
	assert_int_equal(dev[0].resets, 0);
}

static void flr_restores_what_the_firmware_set(void **state)
{
	build(0, true, true, true);
	build(1, true, false, false);
	read_all();
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), OK);
	assert_int_equal(dev[0].flr, 1);
	assert_int_equal(dev[0].resets, 1);
	assert_true(fn[0].fresh);
	assert_int_equal(fn[0].reset_worked, RESET_FLR);
	assert_in_range(port_time_ns() / PCI_MS, 100, 102);
	assert_int_equal(dev[0].config[0x58 / 4] & 0xffff, 0x5937);
	assert_int_equal(dev[0].config[0x108 / 4], 0x00400000);
	assert_int_equal(dev[0].config[0x144 / 4], 0x10031003);
	assert_int_equal(dev[0].config[PCI_BAR0 / 4] & ~0xfu, 0xe0000000);
	/* and switches nothing on */
	assert_int_equal(dev[0].config[PCI_COMMAND / 4] & 0xffff, PCI_COMMAND_INTX_OFF);
}

static void other_methods_work_alone(void **state)
{
	build(0, false, true, false);
	build(1, false, false, true);
	read_all();
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(quiesce(i), OK);
		assert_int_equal(reset(i), OK);
		assert_true(fn[i].fresh);
	}
	assert_int_equal(dev[0].af_flr, 1);
	assert_int_equal(dev[1].pm_resets, 1);
	assert_int_equal(dev[1].config[0x44 / 4] & 3, 0);
}

static void request_retry_is_waited_out(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].recovery_ns = 30000 * PCI_MS;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), OK);
	assert_in_range(port_time_ns() / PCI_MS, 30000, 30010);
}

static void who_never_comes_back_is_given_up(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].lies = FAKE_NO_RETURN;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), ERR_IO);
	assert_in_range(port_time_ns() / PCI_MS, 60000, 60300);
	assert_non_null(strstr(r.text, "after FLR 0000:01:00.0 reads all ones"));
	assert_false(fn[0].fresh);
}

static void other_ids_are_another_device(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].lies = FAKE_NEW_IDS;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), ERR_IO);
	assert_non_null(strstr(r.text, "is another device"));
}

static void lost_configuration_is_no_reset(void **state)
{
	build(0, true, false, false);
	build(1, true, false, false);
	read_all();
	dev[0].lies = FAKE_CONFIG_LOST;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), ERR_IO);
	assert_non_null(strstr(r.text, "does not hold its configuration, register 0058"));
}

static void the_next_method_is_tried_and_remembered(void **state)
{
	build(0, true, false, false);
	build(1, false, false, false);
	read_all();
	ring();
	dev[0].lies = FAKE_FLR_DEAD;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(quiesce(1), OK);
	assert_int_equal(reset(0), OK);
	assert_int_equal(dev[0].flr, 1);
	assert_int_equal(dev[0].bus_resets, 1);
	assert_int_equal(fn[0].reset_worked, RESET_BUS);
	/* the neighbour was reset with it, verified and restored */
	assert_true(fn[1].fresh);
	assert_int_equal(dev[1].config[0x58 / 4] & 0xffff, 0x5937);
	/* FLR is not tried again */
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), OK);
	assert_int_equal(dev[0].flr, 1);
	assert_int_equal(dev[0].bus_resets, 2);
}

static void a_bus_in_use_is_not_reset(void **state)
{
	build(0, false, false, false);
	build(1, false, false, false);
	read_all();
	ring();
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), ERR_IO);
	assert_non_null(strstr(r.text, "would take a neighbour with it"));
	assert_int_equal(dev[1].resets, 0);
	assert_int_equal(quiesce(1), OK);
	assert_int_equal(reset(0), OK);
}

/* A port whose link never says it is up costs a second, not the device. */
static void link_active_alone_is_not_waited_for(void **state)
{
	build(0, false, false, false);
	build(1, false, false, false);
	read_all();
	ring();
	port.link_never_up = true;
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(quiesce(1), OK);
	assert_int_equal(reset(0), OK);
	assert_in_range(port_time_ns() / PCI_MS, 1000, 1250);
	assert_int_equal(port.config[PCI_BRIDGE_CONTROL / 4] >> 16 & PCI_BRIDGE_RESET, 0);
}

static void no_method_is_said(void **state)
{
	build(0, false, false, false);
	build(1, false, false, false);
	read_all();
	assert_int_equal(quiesce(0), OK);
	assert_int_equal(reset(0), ERR_UNSUPPORTED);
	assert_string_equal(r.text, "there is no way to reset it");
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(each_method_is_found),
	    T(quiet_is_no_master_and_no_interrupts),
	    T(pending_transactions_are_waited_for_so_long),
	    T(a_master_that_stays_on_is_an_error),
	    T(a_reset_needs_quiet),
	    T(flr_restores_what_the_firmware_set),
	    T(other_methods_work_alone),
	    T(request_retry_is_waited_out),
	    T(who_never_comes_back_is_given_up),
	    T(other_ids_are_another_device),
	    T(lost_configuration_is_no_reset),
	    T(the_next_method_is_tried_and_remembered),
	    T(a_bus_in_use_is_not_reset),
	    T(link_active_alone_is_not_waited_for),
	    T(no_method_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
