/* passthrough/vpci: what a guest sees of its function, and what it can do to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/pci/reset.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"
#include "tests/fake/pdev_engine.h"

#define BAR0 0xc1000000ull
#define BAR2 0x4000000000ull

static const struct bdf at = {0, 1, 0};
static struct fake_device dev;
static struct pci_function fn;
static struct fake_engine e;

/*
 * A network card: BAR 0 128 KiB of registers, BAR 2 64 KiB prefetchable with the MSI-X table at
 * 2040h (16 entries) and the PBA at A000h, BAR 4 256 bytes, BAR 5 I/O.
 */
static int setup(void **state)
{
	struct pci_verdict v;

	fake_machine_reset();
	fake_device_init(&dev, at, 0x8086, 0x10d3, 0x020000);
	fake_device_bar(&dev, 0, KIB(128), 0xe0000000, false, false);
	fake_device_bar(&dev, 2, KIB(64), 0x800000000, true, true);
	fake_device_bar(&dev, 4, 256, 0xe0100200, false, false);
	fake_device_io_bar(&dev, 5, 32, 0xe000);
	fake_device_pm(&dev, 0x40, false);
	fake_device_msi(&dev, 0x50, 3, true, true);
	fake_device_express(&dev, 0x70, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_msix(&dev, 0xb0, 16, 2, 0x2040, 2, 0xa000);
	fake_device_cap(&dev, 0xc0, PCI_CAP_VENDOR, (u32[]){0x00100000, 0x11111111, 2, 3}, 4);
	fake_device_cap(&dev, 0xd0, 0x0d, (u32[]){0, 0xdead}, 2);
	fake_device_cap(&dev, 0xd8, PCI_CAP_VPD, (u32[]){0, 0}, 2);
	dev.writable[0xc4 / 4] = ~0u;
	dev.writable[0xd8 / 4] = 0xffff0000;
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_AER, (u32[]){0, 0x100}, 2);
	fake_device_ext_cap(&dev, 0x140, PCI_EXT_SERIAL, (u32[]){0, 0x11, 0x22}, 3);
	fake_device_ext_cap(&dev, 0x150, PCI_EXT_ATS, NULL, 0);
	fake_device_ext_cap(&dev, 0x160, PCI_EXT_REBAR, (u32[]){0, 0x00fffff0, 0x00000720 & ~7u},
			    3);
	fake_device_ext_cap(&dev, 0x170, PCI_EXT_SRIOV, NULL, 0);
	fake_device_ready(&dev);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = at;
	assert_int_equal(pci_function_read(&fn, &v), OK);
	pci_reset_find(&fn, false);
	return fake_engine_init(&e, &fn, NULL);
}

static int teardown(void **state)
{
	fake_device_free(&dev);
	return 0;
}

static u32 rd(u16 off)
{
	return fake_engine_read(&e, off, 4);
}

static void wr(u16 off, u32 v)
{
	fake_engine_write(&e, off, 4, v);
}

/* As a firmware and a driver would: BARs placed, decoding and bus mastering on. */
static void start(void)
{
	vpci_device_place(&e.dev, 0, BAR0);
	vpci_device_place(&e.dev, 2, BAR2);
	vpci_device_place(&e.dev, 4, 0xc2000000);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static bool direct(u64 gpa, u8 bar, u64 off)
{
	u8 b;
	u64 o;

	return fake_engine_direct(&e, gpa, &b, &o) && b == bar && o == off;
}

/* ---- what shows ------------------------------------------------------------------------------ */

static void ids_and_class_are_the_devices(void **state)
{
	assert_int_equal(rd(PCI_VENDOR), 0x10d38086);
	assert_int_equal(rd(PCI_CLASS), 0x02000001);
	assert_int_equal(rd(PCI_SUBVENDOR), 0x11001af4);
	assert_int_equal(rd(PCI_INTERRUPT_LINE) >> 8, 0); /* no pin: no INTx */
	assert_int_equal(fake_engine_read(&e, PCI_HEADER_TYPE, 1), 0);
}

static void the_list_holds_what_may_be_seen(void **state)
{
	static const u8 ids[] = {PCI_CAP_PM,   PCI_CAP_MSI,    PCI_CAP_EXPRESS,
				 PCI_CAP_MSIX, PCI_CAP_VENDOR, PCI_CAP_VPD};
	u32 off = rd(PCI_CAPABILITIES), n = 0;

	assert_true(rd(PCI_COMMAND) >> 16 & PCI_STATUS_CAPS);
	for (; off; n++) {
		u32 h = rd((u16)off);

		assert_in_range(n, 0, ARRAY_SIZE(ids) - 1);
		assert_int_equal(h & 0xff, ids[n]);
		off = h >> 8 & 0xff;
	}
	assert_int_equal(n, ARRAY_SIZE(ids));
	/* the subsystem capability, hidden, reads as nothing at its place */
	assert_int_equal(rd(0xd0), 0);
	assert_int_equal(rd(0xd4), 0);
}

/* AER at 100h is hidden: an empty capability links on to the serial number. */
static void the_extended_list_hides_what_is_the_hosts(void **state)
{
	assert_int_equal(rd(0x100), 0x140u << 20);
	assert_int_equal(rd(0x104), 0);
	assert_int_equal(rd(0x140) & 0xfffff, 0x10003);
	assert_int_equal(rd(0x144), 0x11);
	assert_int_equal(rd(0x140) >> 20, 0x160);
	assert_int_equal(rd(0x160) >> 20, 0);
	assert_int_equal(rd(0x150), 0);
}

static void a_resizable_bar_has_the_size_it_has(void **state)
{
	assert_int_equal(rd(0x164), 1u << (7 + 4));
	assert_int_equal(rd(0x168), 0x720);
	wr(0x168, 0x0820);
	assert_int_equal(rd(0x168), 0x720);
}

static void capabilities_promise_what_is_kept(void **state)
{
	assert_int_equal(rd(0x40) >> 27, 0); /* no wake-up */
	assert_true(rd(0x44) & PCI_PM_NO_SOFT_RESET);
	assert_true(rd(0x74) & PCI_EXP_DEVCAP_FLR);
	assert_int_equal(rd(0x7c) & 0xfff, 0x083); /* x8, 8 GT/s, no ASPM */
	assert_int_equal(rd(0x50) >> 16, PCI_MSI_64 | PCI_MSI_MASKING | 3 << 1);
	assert_int_equal(rd(0xb0) >> 16, 15);
	assert_int_equal(rd(0xb4), 0x2042);
}

static void on_the_root_bus(struct vpci_device_config *c)
{
	c->below_port = false;
}

static void on_the_root_bus_it_has_no_link(void **state)
{
	assert_int_equal(fake_engine_init(&e, &fn, on_the_root_bus), OK);
	assert_int_equal(rd(0x70) >> 20 & 0xf, PCI_EXP_TYPE_INTEGRATED);
	assert_int_equal(rd(0x7c), 0);
	assert_int_equal(rd(0x80), 0);
}

/* ---- BARs ------------------------------------------------------------------------------------ */

static void bars_answer_the_sizing_protocol(void **state)
{
	wr(PCI_BAR0, ~0u);
	assert_int_equal(rd(PCI_BAR0), 0xfffe0000);
	wr(PCI_BAR0 + 8, ~0u);
	wr(PCI_BAR0 + 12, ~0u);
	assert_int_equal(rd(PCI_BAR0 + 8), 0xffff000c);
	assert_int_equal(rd(PCI_BAR0 + 12), ~0u);
	wr(PCI_BAR0 + 16, ~0u);
	assert_int_equal(rd(PCI_BAR0 + 16), 0xffffff00);
	wr(PCI_BAR0 + 20, ~0u);
	assert_int_equal(rd(PCI_BAR0 + 20), 0); /* I/O: not there */
	wr(PCI_ROM, ~0u);
	assert_int_equal(rd(PCI_ROM), 0);
}

static void pages_are_mapped_around_table_and_pba(void **state)
{
	start();
	assert_true(direct(BAR0, 0, 0));
	assert_true(direct(BAR0 + KIB(128) - 1, 0, KIB(128) - 1));
	assert_true(direct(BAR2 + 0x1fff, 2, 0x1fff));
	assert_false(direct(BAR2 + 0x2000, 2, 0x2000)); /* table and neighbours */
	assert_true(direct(BAR2 + 0x3000, 2, 0x3000));
	assert_false(direct(BAR2 + 0xa000, 2, 0xa000)); /* PBA */
	assert_true(direct(BAR2 + 0xb000, 2, 0xb000));
	assert_int_equal(e.nmaps, 4);
	assert_int_equal(e.platform.nregions, 3);
}

static void nothing_is_mapped_before_decoding(void **state)
{
	vpci_device_place(&e.dev, 0, BAR0);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	assert_int_equal(e.maps, 0);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(e.nmaps, 1);
	fake_engine_write(&e, PCI_COMMAND, 2, 0);
	assert_int_equal(e.nmaps, 0);
}

/* A VF decodes when its PF says so; a bit of its own reads zero (PCIe 5.0 §9.3.4.1.3). */
static void a_virtual_functions_decoding_is_its_cards(void **state)
{
	dev.writable[PCI_COMMAND / 4] &= ~PCI_COMMAND_MEMORY;
	vpci_device_place(&e.dev, 0, BAR0);
	assert_int_equal(vpci_device_arm(&e.dev), ERR_IO);
	fn.is_vf = true;
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(e.nmaps, 1);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
			 PCI_COMMAND_MASTER);
	/* the guest sees its own */
	assert_int_equal(rd(PCI_COMMAND) & 7, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void before_arming_nothing_reaches_the_device(void **state)
{
	u32 writes = dev.config_writes;

	vpci_device_place(&e.dev, 0, BAR0);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(e.maps, 0);
	assert_int_equal(dev.config_writes, writes);
}

static void a_moved_bar_moves_its_pages(void **state)
{
	start();
	wr(PCI_BAR0, 0xc8000000);
	assert_true(direct(0xc8000000, 0, 0));
	assert_false(direct(BAR0, 0, 0));
	/* 64 bits: in two halves, with whatever is in between */
	wr(PCI_BAR0 + 12, 0x41);
	wr(PCI_BAR0 + 8, 0x80000000);
	assert_true(direct(0x4180000000, 2, 0));
	assert_true(direct(0x418000f000, 2, 0xf000));
	assert_int_equal(e.nmaps, 4);
	assert_int_equal(dev.config[PCI_BAR0 / 4], 0xe0000000); /* the device's own stays */
}

static void a_bar_outside_the_windows_is_nowhere(void **state)
{
	start();
	wr(PCI_BAR0, 0x00100000); /* over the guest's memory */
	assert_int_equal(e.nmaps, 3);
	assert_int_equal(e.dev.count.maps_refused, 1);
	wr(PCI_BAR0, 0xfee00000); /* over its interrupts */
	assert_int_equal(e.nmaps, 3);
	wr(PCI_BAR0, (u32)(ENGINE_LOW + ENGINE_LOW_SIZE)); /* past the end */
	assert_int_equal(e.nmaps, 3);
	wr(PCI_BAR0, (u32)(ENGINE_LOW + ENGINE_LOW_SIZE - KIB(128))); /* the last that fits */
	assert_int_equal(e.nmaps, 4);
}

static void bars_over_each_other_leave_one(void **state)
{
	start();
	wr(PCI_BAR0 + 12, 0);
	wr(PCI_BAR0 + 8, (u32)BAR0);
	assert_int_equal(e.nmaps, 1);
	assert_true(direct(BAR0, 0, 0));
	/* the emulated parts left with it */
	assert_int_equal(e.platform.nregions, 1);
}

static void a_small_bar_is_forwarded(void **state)
{
	start();
	fake_engine_store(&e, 0xc2000010, 4, 0x12345678);
	assert_memory_equal(dev.bar[4].memory + 0x10, &(u32){0x12345678}, 4);
	assert_int_equal(fake_engine_load(&e, 0xc2000011, 1), 0x56);
	assert_int_equal(fake_engine_load(&e, 0xc2000012, 2), 0x1234);
	/* past its end there is nothing */
	assert_int_equal(fake_engine_load(&e, 0xc2000100, 4), 0xffffffff);
}

static void a_refused_map_leaves_nothing_behind(void **state)
{
	vpci_device_place(&e.dev, 2, BAR2);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	e.map_error = ERR_NOMEM;
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(e.nmaps, 0);
	assert_int_equal(e.platform.nregions, 0);
	e.map_error = 0;
	fake_engine_write(&e, PCI_COMMAND, 2, 0);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(e.nmaps, 3);
}

static void an_unmap_that_fails_is_not_forgotten(void **state)
{
	start();
	e.unmap_error = ERR_IO;
	wr(PCI_BAR0, 0xc8000000);
	assert_int_equal(rd(PCI_VENDOR), ~0u); /* nothing goes on with it */
	assert_int_equal(vpci_device_disarm(&e.dev), ERR_IO);
	e.unmap_error = 0;
	assert_int_equal(vpci_device_disarm(&e.dev), OK);
	assert_int_equal(e.nmaps, 0);
}

/* ---- MSI-X ----------------------------------------------------------------------------------- */

#define ENTRY(n) (BAR2 + 0x2040 + 16 * (n))

static void entry(u32 n, u64 address, u32 data, u32 ctrl)
{
	fake_engine_store(&e, ENTRY(n), 4, (u32)address);
	fake_engine_store(&e, ENTRY(n) + 4, 4, address >> 32);
	fake_engine_store(&e, ENTRY(n) + 8, 4, data);
	fake_engine_store(&e, ENTRY(n) + 12, 4, ctrl);
}

static void msix_control(u32 v)
{
	fake_engine_write(&e, 0xb2, 2, v);
}

static bool sends(u32 n, u32 entry_index)
{
	struct pdev_host_msi want = fake_engine_message(entry_index);
	u64 address;
	u32 data;

	if (!fake_device_interrupt(&dev, n, &address, &data))
		return false;
	assert_int_equal(address, want.address);
	assert_int_equal(data, want.data);
	return true;
}

static void the_table_reads_back_what_was_written(void **state)
{
	start();
	assert_int_equal(fake_engine_load(&e, ENTRY(3) + 12, 4), 1); /* masked after a reset */
	entry(3, 0xfee01004, 0x4041, 1);
	assert_int_equal(fake_engine_load(&e, ENTRY(3), 8), 0xfee01004);
	assert_int_equal(fake_engine_load(&e, ENTRY(3) + 8, 8), 0x100004041ull);
	assert_int_equal(fake_engine_load(&e, ENTRY(3) + 9, 1), 0x40);
	fake_engine_store(&e, ENTRY(3) + 8, 8, 0x000000010000005full);
	assert_int_equal(fake_engine_load(&e, ENTRY(3) + 8, 4), 0x5f);
	assert_int_equal(e.routes, 0);
}

static void the_device_holds_the_engines_message(void **state)
{
	start();
	entry(2, 0xfee01000, 0x31, 0);
	assert_false(sends(2, 2));
	msix_control(PCI_MSIX_ENABLE);
	assert_true(sends(2, 2));
	assert_true(e.routed[2]);
	assert_int_equal(e.guest[2].address, 0xfee01000);
	assert_int_equal(e.guest[2].data, 0x31);
	assert_false(sends(1, 1)); /* masked */
	assert_int_equal(e.routes, 1);
}

static void masking_takes_effect_at_once(void **state)
{
	start();
	entry(0, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	assert_true(sends(0, 0));
	fake_engine_store(&e, ENTRY(0) + 12, 4, 1);
	assert_false(sends(0, 0));
	fake_engine_store(&e, ENTRY(0) + 12, 4, 0);
	assert_true(sends(0, 0));
	msix_control(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
	assert_false(sends(0, 0));
	msix_control(PCI_MSIX_ENABLE);
	assert_true(sends(0, 0));
}

static void affinity_changes_the_route_alone(void **state)
{
	start();
	entry(0, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	fake_engine_store(&e, ENTRY(0) + 12, 4, 1);
	fake_engine_store(&e, ENTRY(0), 4, 0xfee01000);
	fake_engine_store(&e, ENTRY(0) + 8, 4, 0x42);
	assert_int_equal(e.guest[0].address, 0xfee00000); /* not yet: it is masked */
	fake_engine_store(&e, ENTRY(0) + 12, 4, 0);
	assert_int_equal(e.guest[0].address, 0xfee01000);
	assert_int_equal(e.guest[0].data, 0x42);
	assert_true(sends(0, 0));
	/* unmasked: at once */
	fake_engine_store(&e, ENTRY(0) + 8, 4, 0x43);
	assert_int_equal(e.guest[0].data, 0x43);
}

static void a_refused_message_stays_masked(void **state)
{
	start();
	entry(0, 0xfee00000, 0x02, 0); /* an exception's vector */
	entry(1, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	assert_false(sends(0, 0));
	assert_true(sends(1, 1));
	assert_int_equal(e.dev.count.msi_refused, 1);
	/* one that worked and then is refused is masked too */
	fake_engine_store(&e, ENTRY(1) + 8, 4, 0x0f);
	assert_false(sends(1, 1));
}

static void switched_off_nothing_is_routed(void **state)
{
	start();
	for (u32 i = 0; i < 16; i++)
		entry(i, 0xfee00000, 0x30 + i, 0);
	msix_control(PCI_MSIX_ENABLE);
	for (u32 i = 0; i < 16; i++)
		assert_true(sends(i, i) && e.routed[i]);
	msix_control(0);
	for (u32 i = 0; i < 16; i++)
		assert_false(sends(i, i) || e.routed[i]);
	msix_control(PCI_MSIX_ENABLE); /* the guest's table is still its own */
	assert_true(sends(7, 7));
}

static void neighbours_of_the_table_are_the_devices(void **state)
{
	start();
	fake_engine_store(&e, BAR2 + 0x2000, 8, 0x1122334455667788ull);
	assert_memory_equal(dev.bar[2].memory + 0x2000, &(u64){0x1122334455667788ull}, 8);
	fake_engine_store(&e, BAR2 + 0x2140, 2, 0xabcd); /* right behind the table */
	assert_memory_equal(dev.bar[2].memory + 0x2140, &(u16){0xabcd}, 2);
	assert_int_equal(fake_engine_load(&e, BAR2 + 0x2004, 4), 0x11223344);
	/* an access across the edge is taken apart */
	fake_engine_store(&e, BAR2 + 0x203c, 8, 0xfee01000deadbeefull);
	assert_memory_equal(dev.bar[2].memory + 0x203c, &(u32){0xdeadbeef}, 4);
	assert_int_equal(fake_engine_load(&e, ENTRY(0), 4), 0xfee01000);
}

static void the_pba_is_read_through_and_not_written(void **state)
{
	start();
	memcpy(dev.bar[2].memory + 0xa000, &(u64){0x5}, 8);
	assert_int_equal(fake_engine_load(&e, BAR2 + 0xa000, 8), 5);
	fake_engine_store(&e, BAR2 + 0xa000, 8, ~0ull);
	assert_int_equal(fake_engine_load(&e, BAR2 + 0xa000, 8), 5);
}

static void narrow_table_writes_are_dropped(void **state)
{
	start();
	fake_engine_store(&e, ENTRY(0), 2, 0x1234);
	assert_int_equal(fake_engine_load(&e, ENTRY(0), 4), 0);
	assert_int_equal(e.dev.count.writes_dropped, 1);
}

/* ---- MSI ------------------------------------------------------------------------------------- */

static void msi_on(u32 log2, u64 address, u32 data)
{
	wr(0x54, (u32)address);
	wr(0x58, (u32)(address >> 32));
	fake_engine_write(&e, 0x5c, 2, data);
	fake_engine_write(&e, 0x52, 2, PCI_MSI_ENABLE | log2 << 4);
}

static void messages_are_routed_one_by_one(void **state)
{
	start();
	msi_on(2, 0xfee02000, 0x44);
	for (u32 i = 0; i < 4; i++) {
		assert_true(e.routed[i]);
		assert_int_equal(e.guest[i].data, 0x44 + i);
		assert_true(sends(i, i));
	}
	assert_false(e.routed[4]);
	assert_false(sends(4, 4));
	assert_int_equal(rd(0x54), 0xfee02000);
	fake_engine_write(&e, 0x52, 2, 0);
	assert_false(sends(0, 0) || e.routed[0] || e.routed[3]);
}

static void more_messages_than_it_has_are_as_many_as_it_has(void **state)
{
	start();
	msi_on(5, 0xfee02000, 0x60);
	assert_true(e.routed[7]);
	assert_false(e.routed[8]);
	assert_int_equal(dev.config[0x50 / 4] >> 20 & 7, 3);
}

static void msi_masks_go_through(void **state)
{
	start();
	msi_on(1, 0xfee02000, 0x44);
	wr(0x60, 2);
	assert_true(sends(0, 0));
	assert_false(sends(1, 1));
	wr(0x60, 0);
	assert_true(sends(1, 1));
	dev.config[0x64 / 4] = 2; /* pending */
	assert_int_equal(rd(0x64), 2);
}

static void msi_moves_while_it_is_on(void **state)
{
	start();
	msi_on(0, 0xfee02000, 0x44);
	wr(0x54, 0xfee03000);
	assert_int_equal(e.guest[0].address, 0xfee03000);
	fake_engine_write(&e, 0x5c, 2, 0x51);
	assert_int_equal(e.guest[0].data, 0x51);
	assert_true(sends(0, 0));
}

static void a_refused_msi_switches_it_off(void **state)
{
	start();
	msi_on(0, 0xfee02000, 0x02);
	assert_false(sends(0, 0));
	fake_engine_write(&e, 0x5c, 2, 0x51);
	assert_true(sends(0, 0));
}

static void msi_and_msix_are_not_on_together(void **state)
{
	start();
	entry(0, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	msi_on(0, 0xfee02000, 0x44);
	assert_int_equal(dev.config[0x50 / 4] >> 16 & PCI_MSI_ENABLE, 0);
	assert_int_equal(e.guest[0].data, 0x31);
	assert_true(sends(0, 0));
}

/* ---- command, power, link ---------------------------------------------------------------------- */

static void the_command_register_is_mostly_the_views(void **state)
{
	start();
	assert_int_equal(dev.config[PCI_COMMAND / 4] & 0xffff,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
	fake_engine_write(&e, PCI_COMMAND, 2, 0xffff);
	assert_int_equal(rd(PCI_COMMAND) & 0xffff, 0x0546);
	fake_engine_write(&e, PCI_COMMAND, 2, 0);
	/* decoding stays on in the device, INTx stays off, mastering follows */
	assert_int_equal(dev.config[PCI_COMMAND / 4] & 0xffff,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
}

static void errors_show_and_are_cleared(void **state)
{
	start();
	dev.config[PCI_COMMAND / 4] |= 0x20000000; /* received master abort */
	assert_int_equal(fake_engine_read(&e, PCI_STATUS, 2) & PCI_STATUS_ERRORS, 0x2000);
	fake_engine_write(&e, PCI_STATUS, 2, 0x2000);
	assert_int_equal(fake_engine_read(&e, PCI_STATUS, 2) & PCI_STATUS_ERRORS, 0);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & 0xffff0000, 0x00100000);
}

static void d3hot_is_the_views_alone(void **state)
{
	start();
	wr(0x44, PCI_PM_D3HOT);
	assert_int_equal(rd(0x44) & 3, 3);
	assert_int_equal(e.nmaps, 0);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER, 0);
	assert_int_equal(dev.config[0x44 / 4] & 3, 0);
	wr(0x44, 1); /* D1 does not exist */
	assert_int_equal(rd(0x44) & 3, 3);
	wr(0x44, 0);
	assert_int_equal(e.nmaps, 4);
	assert_true(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER);
	assert_int_equal(dev.resets, 0);
}

static void payload_size_is_the_hosts(void **state)
{
	start();
	assert_int_equal(rd(0x78) & 0xffff, 0x2830);
	fake_engine_write(&e, 0x78, 2, 0x5050);
	assert_int_equal(rd(0x78) & 0xffff, 0x5050);		 /* the guest believes in 512 */
	assert_int_equal(dev.config[0x78 / 4] & 0xffff, 0x5030); /* 256 as before, MRRS 4 KiB */
}

static void vendor_registers_go_through(void **state)
{
	start();
	assert_int_equal(rd(0xc4), 0x11111111);
	fake_engine_write(&e, 0xc5, 1, 0xab);
	assert_int_equal(dev.config[0xc4 / 4], 0x1111ab11);
	assert_int_equal(rd(0xc4), 0x1111ab11);
}

/* All ones in the middle are no value to put back: that would start a reset, among other things. */
static void a_device_that_is_away_for_a_moment_is_not_written_ones(void **state)
{
	start();
	dev.blink = 1;
	fake_engine_write(&e, 0x78, 2, 0x5050);
	assert_int_equal(dev.flr, 0);
	assert_int_equal(dev.config[0x78 / 4] & 0xffff, 0x2830);
	dev.blink = 1;
	fake_engine_write(&e, PCI_COMMAND, 2, 0);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & 0xffff,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
}

static void vital_product_data_is_not_written(void **state)
{
	start();
	fake_engine_write(&e, 0xda, 2, 0x0010);
	assert_int_equal(dev.config[0xd8 / 4] >> 16, 0x0010);
	fake_engine_write(&e, 0xda, 2, 0x8020);
	assert_int_equal(dev.config[0xd8 / 4] >> 16, 0x0010);
	assert_int_equal(e.dev.count.writes_dropped, 1);
}

static void unknown_registers_are_dropped_and_counted(void **state)
{
	u32 writes = dev.config_writes;

	wr(0x104, ~0u);
	wr(0xd4, ~0u);
	wr(0x400, ~0u);
	fake_engine_write(&e, PCI_BIST, 1, 0x40);
	assert_int_equal(e.dev.count.writes_dropped, 4);
	assert_int_equal(dev.config_writes, writes);
}

/* ---- resets ---------------------------------------------------------------------------------- */

static void a_guests_reset_takes_everything_away_first(void **state)
{
	start();
	entry(0, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	e.reset_result = ERR_BUSY;
	fake_engine_write(&e, 0x78, 2, PCI_EXP_DEVCTL_FLR);
	assert_int_equal(e.resets, 1);
	assert_int_equal(dev.flr, 0); /* the engine's to do */
	assert_int_equal(e.nmaps, 0);
	assert_false(e.routed[0]);
	assert_int_equal(rd(PCI_VENDOR), ~0u);
	assert_int_equal(fake_engine_load(&e, BAR2 + 0x2000, 4), 0xffffffff);
	fake_device_reset(&dev);
	vpci_device_came_back(&e.dev, true);
	assert_int_equal(rd(PCI_VENDOR), 0x10d38086);
	assert_int_equal(rd(PCI_COMMAND) & 7, 0);
	assert_false(sends(0, 0));
}

static void a_guests_reset_may_be_done_at_once(void **state)
{
	start();
	fake_engine_write(&e, 0x78, 2, PCI_EXP_DEVCTL_FLR);
	assert_int_equal(rd(PCI_VENDOR), 0x10d38086);
	assert_int_equal(rd(0xb0) >> 16, 15);
	assert_int_equal(e.dev.count.resets, 1);
}

static void what_does_not_come_back_stays_away(void **state)
{
	start();
	e.reset_result = ERR_IO;
	fake_engine_write(&e, 0x78, 2, PCI_EXP_DEVCTL_FLR);
	assert_int_equal(rd(PCI_VENDOR), ~0u);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(e.nmaps, 0);
	assert_int_equal(vpci_device_disarm(&e.dev), OK);
}

static void disarming_leaves_nothing(void **state)
{
	start();
	entry(5, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	assert_int_equal(vpci_device_disarm(&e.dev), OK);
	assert_int_equal(e.nmaps, 0);
	assert_int_equal(e.platform.nregions, 0);
	for (u32 i = 0; i < 16; i++)
		assert_false(e.routed[i]);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER, 0);
	assert_int_equal(dev.config[0xb0 / 4] >> 16 & PCI_MSIX_ENABLE, 0);
}

static void it_can_be_armed_again(void **state)
{
	for (u32 i = 0; i < 50; i++) {
		start();
		entry(0, 0xfee00000, 0x31, 0);
		msix_control(PCI_MSIX_ENABLE);
		assert_true(sends(0, 0));
		assert_int_equal(vpci_device_disarm(&e.dev), OK);
		assert_int_equal(e.nmaps + e.platform.nregions, 0);
	}
}

static void a_reset_of_the_machine_starts_over(void **state)
{
	start();
	entry(0, 0xfee00000, 0x31, 0);
	msix_control(PCI_MSIX_ENABLE);
	wr(PCI_BAR0, 0xc8000000);
	spin_lock(&e.dev.f.lock);
	e.dev.f.ops->reset(&e.dev.f);
	spin_unlock(&e.dev.f.lock);
	assert_int_equal(e.nmaps, 0);
	assert_false(sends(0, 0) || e.routed[0]);
	assert_int_equal(rd(PCI_BAR0), (u32)BAR0);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER, 0);
}

static void a_device_that_vanished_reads_all_ones(void **state)
{
	start();
	vpci_device_gone(&e.dev);
	assert_int_equal(rd(PCI_VENDOR), ~0u);
	assert_int_equal(fake_engine_load(&e, 0xc2000000, 4), 0xffffffff);
	assert_int_equal(vpci_device_disarm(&e.dev), OK);
	assert_int_equal(e.nmaps, 0);
}

static void a_bridge_is_refused(void **state)
{
	fn.header_type = 1;
	assert_int_equal(fake_engine_init(&e, &fn, NULL), ERR_UNSUPPORTED);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(ids_and_class_are_the_devices),
	    T(the_list_holds_what_may_be_seen),
	    T(the_extended_list_hides_what_is_the_hosts),
	    T(a_resizable_bar_has_the_size_it_has),
	    T(capabilities_promise_what_is_kept),
	    T(on_the_root_bus_it_has_no_link),
	    T(bars_answer_the_sizing_protocol),
	    T(pages_are_mapped_around_table_and_pba),
	    T(nothing_is_mapped_before_decoding),
	    T(a_virtual_functions_decoding_is_its_cards),
	    T(before_arming_nothing_reaches_the_device),
	    T(a_moved_bar_moves_its_pages),
	    T(a_bar_outside_the_windows_is_nowhere),
	    T(bars_over_each_other_leave_one),
	    T(a_small_bar_is_forwarded),
	    T(a_refused_map_leaves_nothing_behind),
	    T(an_unmap_that_fails_is_not_forgotten),
	    T(the_table_reads_back_what_was_written),
	    T(the_device_holds_the_engines_message),
	    T(masking_takes_effect_at_once),
	    T(affinity_changes_the_route_alone),
	    T(a_refused_message_stays_masked),
	    T(switched_off_nothing_is_routed),
	    T(neighbours_of_the_table_are_the_devices),
	    T(the_pba_is_read_through_and_not_written),
	    T(narrow_table_writes_are_dropped),
	    T(messages_are_routed_one_by_one),
	    T(more_messages_than_it_has_are_as_many_as_it_has),
	    T(msi_masks_go_through),
	    T(msi_moves_while_it_is_on),
	    T(a_refused_msi_switches_it_off),
	    T(msi_and_msix_are_not_on_together),
	    T(the_command_register_is_mostly_the_views),
	    T(errors_show_and_are_cleared),
	    T(d3hot_is_the_views_alone),
	    T(payload_size_is_the_hosts),
	    T(vendor_registers_go_through),
	    T(a_device_that_is_away_for_a_moment_is_not_written_ones),
	    T(vital_product_data_is_not_written),
	    T(unknown_registers_are_dropped_and_counted),
	    T(a_guests_reset_takes_everything_away_first),
	    T(a_guests_reset_may_be_done_at_once),
	    T(what_does_not_come_back_stays_away),
	    T(disarming_leaves_nothing),
	    T(it_can_be_armed_again),
	    T(a_reset_of_the_machine_starts_over),
	    T(a_device_that_vanished_reads_all_ones),
	    T(a_bridge_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
