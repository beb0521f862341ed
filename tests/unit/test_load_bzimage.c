/* core/vcpu/load_bzimage: a small image made here, and every way it can be wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/vcpu/load.h"
#include "tests/fake/guest_ram.h"

#define IMAGE_OFF  1536 /* two setup sectors */
#define IMAGE_SIZE 8192

static struct guest_ram ram;
static struct load_io io;
static u8 image[IMAGE_OFF + IMAGE_SIZE];
static u8 initrd[5000];
static struct load_request req;
static struct guest_entry entry;
static struct load_error why;

static void put(u32 off, u32 width, u64 v)
{
	memcpy(&image[off], &v, width);
}

static u64 param(u32 off, u32 width)
{
	u64 v = 0;

	memcpy(&v, guest_ram_at(&ram, LAYOUT_BOOT_PARAMS + off, width), width);
	return v;
}

static int fresh(void **state)
{
	memset(&ram, 0, sizeof(ram));
	guest_ram_add(&ram, 0, MIB(64));
	io = guest_ram_io(&ram);
	for (u32 i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i * 13 >> 3);
	for (u32 i = 0; i < sizeof(initrd); i++)
		initrd[i] = (u8)(i ^ 0x3c);
	memset(image, 0, 0x400);
	put(0x1f1, 1, 2);
	put(0x1f4, 4, IMAGE_SIZE / 16);
	put(0x1fe, 2, 0xaa55);
	put(0x200, 2, 0x6aeb); /* the header ends at 26Ch */
	memcpy(&image[0x202], "HdrS", 4);
	put(0x206, 2, 0x020f);
	put(0x211, 1, 0xc1);
	put(0x22c, 4, 0x7fffffff);
	put(0x230, 4, MIB(2));
	put(0x234, 1, 1);
	put(0x236, 2, 3);
	put(0x238, 4, 2047);
	put(0x250, 8, 0xdeadbeef);
	put(0x258, 8, MIB(16));
	put(0x260, 4, MIB(8));
	req = (struct load_request){
	    .io = &io,
	    .kernel = guest_file(image, sizeof(image)),
	    .cmdline = "console=ttyS0",
	    .rsdp = GPA(LAYOUT_TABLES),
	    .ram = ram.piece,
	    .nram = ram.n,
	    .ecam_buses = 256,
	};
	memset(&why, 0, sizeof(why));
	return 0;
}

static int done(void **state)
{
	guest_ram_free(&ram);
	return 0;
}

static int load(void)
{
	int err = load_kernel(&req, &entry, &why);

	if (err)
		assert_true(strlen(why.text) > 10);
	return err;
}

static void good_image(void **state)
{
	req.initrd = guest_file(initrd, sizeof(initrd));
	assert_int_equal(load(), OK);
	assert_int_equal(entry.mode, GUEST_LONG);
	assert_int_equal(entry.rip, MIB(16) + 0x200);
	assert_int_equal(entry.rsi, LAYOUT_BOOT_PARAMS);
	assert_memory_equal(guest_ram_at(&ram, MIB(16), IMAGE_SIZE), image + IMAGE_OFF, IMAGE_SIZE);
	/* Header copied, changed where the protocol says so, nothing else in the page. */
	assert_int_equal(param(0x1f1, 1), 2);
	assert_int_equal(param(0x202, 4), 0x53726448);
	assert_int_equal(param(0x210, 1), 0xff);
	assert_int_equal(param(0x211, 1), 0x01);
	assert_int_equal(param(0x250, 8), 0);
	assert_int_equal(param(0x1ef, 1), 0);
	assert_int_equal(param(0x26c, 4), 0);
	assert_int_equal(param(0xffc, 4), 0);
	assert_int_equal(param(0x070, 8), LAYOUT_TABLES);
	/* Command line. */
	assert_int_equal(param(0x228, 4), LAYOUT_CMDLINE);
	assert_string_equal((char *)guest_ram_at(&ram, LAYOUT_CMDLINE, 32), "console=ttyS0");
	/* The initrd lies at the top of the memory, on a page. */
	assert_int_equal(param(0x218, 4), MIB(64) - 8192);
	assert_int_equal(param(0x21c, 4), sizeof(initrd));
	assert_memory_equal(guest_ram_at(&ram, MIB(64) - 8192, sizeof(initrd)), initrd,
			    sizeof(initrd));
	/* The map: 640 KiB first. */
	assert_int_equal(param(0x1e8, 1), 5);
	assert_int_equal(param(0x2d0 + 8, 8), 0xa0000);
	assert_int_equal(param(0x2d0 + 16, 4), 1);
}

static void page_tables_and_gdt(void **state)
{
	assert_int_equal(load(), OK);
	assert_int_equal(entry.cr3, LAYOUT_PAGE_TABLES);
	/* Walk them as the processor would, at the ends and in the middle. */
	static const u64 probes[] = {0, 0x7123, MIB(16) + 0x200, GIB(1) - 1, GIB(2), GIB(4) - 1};

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		u64 va = probes[i], table = entry.cr3, e;

		for (int shift = 39; shift >= 21; shift -= 9) {
			memcpy(&e, guest_ram_at(&ram, table + (va >> shift & 511) * 8, 8), 8);
			assert_int_equal(e & 3, 3);
			table = e & ~(u64)0xfff;
		}
		assert_true(e & 0x80);
		assert_int_equal((e & ~(MIB(2) - 1)) + (va & (MIB(2) - 1)), va);
	}
	u64 e;
	memcpy(&e, guest_ram_at(&ram, entry.cr3 + 8, 8), 8);
	assert_int_equal(e, 0);
	memcpy(&e, guest_ram_at(&ram, entry.cr3 + 4096 + 32, 8), 8);
	assert_int_equal(e, 0);

	assert_int_equal(entry.gdt_base, LAYOUT_GDT);
	assert_int_equal(entry.gdt_limit, 47);
	assert_int_equal(entry.cs, 0x10);
	assert_int_equal(entry.ds, 0x18);
	memcpy(&e, guest_ram_at(&ram, LAYOUT_GDT + entry.cs, 8), 8);
	assert_int_equal(e >> 32, 0x00af9b00);
	memcpy(&e, guest_ram_at(&ram, LAYOUT_GDT + entry.ds, 8), 8);
	assert_int_equal(e >> 32, 0x00cf9300);
}

static void placement(void **state)
{
	req.initrd = guest_file(initrd, sizeof(initrd));
	/* A preferred address that is not aligned moves up; a fixed one stays. */
	put(0x258, 8, MIB(16) + 4096);
	assert_int_equal(load(), OK);
	assert_int_equal(entry.rip, MIB(18) + 0x200);
	put(0x234, 1, 0);
	assert_int_equal(load(), OK);
	assert_int_equal(entry.rip, MIB(16) + 4096 + 0x200);
	/* initrd_addr_max is the last byte it may occupy. */
	put(0x22c, 4, MIB(40) - 1);
	assert_int_equal(load(), OK);
	assert_int_equal(param(0x218, 4), MIB(40) - 8192);
	/* The kernel's own space is in the way: below it. */
	put(0x22c, 4, MIB(20));
	assert_int_equal(load(), OK);
	assert_int_equal(param(0x218, 4), MIB(16) + 4096 - 8192);
	/* Nowhere below the limit; above 4 GiB is allowed: anywhere. */
	put(0x22c, 4, MIB(1) + 100);
	assert_int_equal(load(), OK);
	assert_int_equal(param(0x218, 4), MIB(64) - 8192);
	put(0x236, 2, 1);
	assert_int_equal(load(), ERR_NOMEM);
}

static void initrd_above_4g(void **state)
{
	/* So little low memory that the initrd only fits high. */
	static u8 big[MIB(4)];

	guest_ram_free(&ram);
	guest_ram_add(&ram, 0, MIB(26));
	guest_ram_add(&ram, GIB(4), MIB(8));
	req.nram = 2;
	put(0x258, 8, MIB(2));
	put(0x260, 4, MIB(22));
	req.initrd = guest_file(big, sizeof(big));
	assert_int_equal(load(), OK);
	assert_int_equal(param(0x218, 4), MIB(4));
	assert_int_equal(param(0x0c0, 4), 1);
	assert_int_equal(param(0x0c4, 4), 0);
	assert_int_equal(param(0x21c, 4), sizeof(big));
}

static void bad_images(void **state)
{
	static const struct {
		u32 off, width;
		u64 value;
		int err;
		const char *says;
	} cases[] = {
	    {0x202, 1, 'X', ERR_UNSUPPORTED, "neither"},
	    {0x1fe, 1, 0, ERR_UNSUPPORTED, "neither"},
	    {0, 2, 0x8b1f, OK, NULL}, /* the start may hold anything if the header is there */
	    {0x206, 2, 0x020b, ERR_VERSION, "2.11"},
	    {0x201, 1, 0x00, ERR_CORRUPT, "length"},
	    {0x236, 2, 0x0002, ERR_UNSUPPORTED, "64-bit"},
	    {0x211, 1, 0x00, ERR_UNSUPPORTED, "zImage"},
	    {0x1f1, 1, 0xff, ERR_RANGE, "cut off"},
	    {0x1f4, 4, IMAGE_SIZE / 16 + 1, ERR_RANGE, "cut off"},
	    {0x1f4, 4, 0xffffffff, ERR_RANGE, "cut off"},
	    {0x230, 4, 0, ERR_CORRUPT, "power"},
	    {0x230, 4, 0x300000, ERR_CORRUPT, "power"},
	    {0x258, 8, 0, ERR_RANGE, "outside"},
	    {0x258, 8, ~(u64)0, ERR_RANGE, "outside"},
	    {0x258, 8, GIB(4) - 1, ERR_NOMEM, "memory"},
	    {0x258, 8, MIB(57), ERR_NOMEM, "give the workstation more"},
	    {0x230, 4, 0x80000000, ERR_NOMEM, "memory"},
	    {0x260, 4, 0, ERR_CORRUPT, "init_size"},
	    {0x260, 4, 0xffffffff, ERR_NOMEM, "4096 MiB"},
	    {0x238, 4, 5, ERR_RANGE, "command line"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 saved[8];

		memcpy(saved, &image[cases[i].off], 8);
		put(cases[i].off, cases[i].width, cases[i].value);
		int err = load();

		if (err != cases[i].err || (err && !strstr(why.text, cases[i].says)))
			fail_msg("case %zu: %d %s", i, err, why.text);
		memcpy(&image[cases[i].off], saved, 8);
	}
	assert_int_equal(load(), OK);
}

static void cut_off_anywhere(void **state)
{
	for (u64 size = 0; size < sizeof(image) - 16; size += size < 0x300 ? 1 : 97) {
		u8 *exact = malloc(size ? size : 1);

		memcpy(exact, image, size);
		req.kernel = guest_file(exact, size);
		assert_int_not_equal(load(), OK);
		req.kind = BOOT_BZIMAGE;
		assert_int_not_equal(load(), OK);
		req.kind = BOOT_AUTO;
		free(exact);
	}
}

static void a_gzip_file_is_named(void **state)
{
	static const u8 gz[64] = {0x1f, 0x8b};

	req.kernel = guest_file(gz, sizeof(gz));
	assert_int_equal(load(), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "gzip"));
	req.kernel.size = 0;
	assert_int_equal(load(), ERR_INVAL);
}

static void every_callback_may_fail(void **state)
{
	req.initrd = guest_file(initrd, sizeof(initrd));
	assert_int_equal(load(), OK);

	u64 calls = ram.calls;

	assert_true(calls > 10);
	for (u64 i = 1; i < calls; i++) {
		ram.calls = 0;
		ram.fail_after = i;
		assert_int_equal(load(), ERR_IO);
		assert_int_equal(ram.calls, i + 1); /* nothing goes on after a failure */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(good_image, fresh, done),
	    cmocka_unit_test_setup_teardown(page_tables_and_gdt, fresh, done),
	    cmocka_unit_test_setup_teardown(placement, fresh, done),
	    cmocka_unit_test_setup_teardown(initrd_above_4g, fresh, done),
	    cmocka_unit_test_setup_teardown(bad_images, fresh, done),
	    cmocka_unit_test_setup_teardown(cut_off_anywhere, fresh, done),
	    cmocka_unit_test_setup_teardown(a_gzip_file_is_named, fresh, done),
	    cmocka_unit_test_setup_teardown(every_callback_may_fail, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
