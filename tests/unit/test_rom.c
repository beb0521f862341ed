/* passthrough/vpci: expansion ROMs, given and captured. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"
#include "tests/fake/pdev_engine.h"

static u8 rom[KIB(64)], out[KIB(64)];
static const char *why;

/* An image of `units` 512 bytes at rom[off]. */
static void image(u32 off, u32 units, bool last)
{
	u8 *p = rom + off, *pcir = p + 0x40;

	memset(p, 0x90, units * 512);
	p[0] = 0x55;
	p[1] = 0xaa;
	p[0x18] = 0x40;
	p[0x19] = 0;
	memcpy(pcir, "PCIR", 4);
	pcir[4] = 0xde;
	pcir[5] = 0x10;
	pcir[6] = 0x84;
	pcir[7] = 0x26;
	pcir[8] = pcir[9] = 0;
	pcir[0x10] = (u8)units;
	pcir[0x11] = (u8)(units >> 8);
	pcir[0x15] = last ? 0x80 : 0;
}

static int setup(void **state)
{
	memset(rom, 0xff, sizeof(rom));
	image(0, 4, false);
	image(2048, 8, true);
	return 0;
}

static u32 check(u32 size)
{
	return rom_check(rom, size, 0x10de, 0x2684, &why);
}

static void images_to_the_last_one_count(void **state)
{
	assert_int_equal(check(KIB(64)), 2048 + 4096);
	assert_int_equal(check(2048 + 4096), 2048 + 4096);
	assert_int_equal(rom_check(rom, KIB(64), 0, 0, &why), 2048 + 4096);
}

static void each_flaw_is_named(void **state)
{
	rom[1] = 0xab;
	assert_int_equal(check(KIB(64)), 0);
	assert_string_equal(why, "it does not begin with 55AAh");
	setup(state);
	rom[0x19] = 0xff;
	assert_int_equal(check(KIB(32)), 0);
	assert_string_equal(why, "its PCI data structure lies outside it");
	setup(state);
	rom[0x43] = 'X';
	assert_int_equal(check(KIB(64)), 0);
	assert_string_equal(why, "its PCI data structure does not say PCIR");
	setup(state);
	rom[0x44] = 0;
	assert_int_equal(check(KIB(64)), 0);
	assert_string_equal(why, "it is made for another device");
	setup(state);
	rom[0x51] = 1;
	assert_int_equal(check(KIB(64)), 0);
	assert_string_equal(why, "an image in it is longer than the whole");
	setup(state);
	rom[0x50] = 0;
	assert_int_equal(check(KIB(64)), 0);
	setup(state);
	assert_int_equal(check(2048), 0);
	assert_string_equal(why, "its last image is not marked as such");
}

static void any_cut_of_it_is_safe(void **state)
{
	for (u32 n = 0; n < 2048 + 4096; n += n < 256 ? 1 : 61) {
		u8 *cut = malloc(n); /* so that a read past it is seen */

		memcpy(cut, rom, n);
		assert_int_equal(rom_check(cut, n, 0x10de, 0x2684, &why), 0);
		free(cut);
	}
}

static struct fake_device dev;
static struct pci_function fn;
static struct fake_engine e;

static void build(void)
{
	struct pci_verdict v;

	fake_machine_reset();
	fake_device_init(&dev, (struct bdf){0, 1, 0}, 0x10de, 0x2684, 0x030000);
	fake_device_rom(&dev, KIB(64), 0xe8000000, rom);
	fake_device_ready(&dev);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = dev.bdf;
	assert_int_equal(pci_function_read(&fn, &v), OK);
	assert_int_equal(fn.bars.bar[PCI_ROM_BAR].size, KIB(64));
}

static void capture_reads_it_and_switches_it_off(void **state)
{
	build();
	assert_int_equal(rom_capture(&fn, out, sizeof(out), &why), 2048 + 4096);
	assert_memory_equal(out, rom, sizeof(rom));
	assert_int_equal(dev.config[PCI_ROM / 4] & PCI_ROM_ENABLE, 0);
	assert_int_equal(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY, 0);
	/* the images need room, not the BAR */
	memset(out, 0xee, sizeof(out));
	assert_int_equal(rom_capture(&fn, out, KIB(32), &why), 2048 + 4096);
	assert_int_equal(out[KIB(32)], 0xee);
	assert_int_equal(rom_capture(&fn, out, 4096, &why), 0);
	assert_string_equal(why, "its images are larger than there is room for, or broken");
	fn.bars.bar[PCI_ROM_BAR].size = 0;
	assert_int_equal(rom_capture(&fn, out, sizeof(out), &why), 0);
	assert_string_equal(why, "it has none");
}

static void with_rom(struct vpci_device_config *c)
{
	c->rom = rom;
	c->rom_size = 2048 + 4096;
}

static void the_guest_reads_the_image(void **state)
{
	build();
	assert_int_equal(fake_engine_init(&e, &fn, with_rom), OK);
	vpci_device_place(&e.dev, PCI_ROM_BAR, 0xc4000000);
	assert_int_equal(vpci_device_arm(&e.dev), OK);
	assert_int_equal(fake_engine_read(&e, PCI_ROM, 4), 0xc4000000);
	fake_engine_write(&e, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_engine_load(&e, 0xc4000000, 2), 0xffff); /* not enabled */
	fake_engine_write(&e, PCI_ROM, 4, 0xc4000001);
	assert_int_equal(fake_engine_load(&e, 0xc4000000, 2), 0xaa55);
	fake_engine_store(&e, 0xc4000000, 2, 0);
	assert_int_equal(fake_engine_load(&e, 0xc4000000, 2), 0xaa55);
	assert_int_equal(fake_engine_load(&e, 0xc4000000 + 2048 + 4096, 4), 0xffffffff);
	/* the device's own stays off */
	assert_int_equal(dev.config[PCI_ROM / 4] & PCI_ROM_ENABLE, 0);
	fake_engine_write(&e, PCI_ROM, 4, 0xfffff800);
	assert_int_equal(fake_engine_read(&e, PCI_ROM, 4), 0xffffe000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(images_to_the_last_one_count, setup),
	    cmocka_unit_test_setup(each_flaw_is_named, setup),
	    cmocka_unit_test_setup(any_cut_of_it_is_safe, setup),
	    cmocka_unit_test_setup(capture_reads_it_and_switches_it_off, setup),
	    cmocka_unit_test_setup(the_guest_reads_the_image, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
