/* core/vcpu/gwalk: every paging mode, page size and right, and tables that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/gwalk.h"

#define RAM    MIB(1)
#define PG     (1ull << 31)
#define PSE    (1ull << 4)
#define PAE    (1ull << 5)
#define LA57   (1ull << 12)
#define LMA    (1ull << 10)
#define NXE    (1ull << 11)
#define P      1ull
#define W      2ull
#define U      4ull
#define PS     0x80ull
#define NX     (1ull << 63)
#define ROOT   0x1000ull
#define NOBODY (~0ull) /* a linear address that nothing maps */

static u8 ram[RAM];
static u64 next_table;
static int reads;

static int mem_read(void *ctx, gpa_t gpa, void *dst, size_t n)
{
	assert_true((gpa.v & 4095) + n <= 4096);
	if (gpa.v >= RAM || n > RAM - gpa.v)
		return ERR_RANGE;
	memcpy(dst, ram + gpa.v, n);
	return OK;
}

static int mem_read_entry(void *ctx, gpa_t gpa, u64 *entry)
{
	assert_int_equal(gpa.v & 7, 0);
	reads++;
	return mem_read(ctx, gpa, entry, 8);
}

static int mem_set_bits(void *ctx, gpa_t gpa, u32 bits)
{
	u32 v;

	assert_int_equal(gpa.v & 3, 0);
	assert_true(gpa.v <= RAM - 4);
	memcpy(&v, ram + gpa.v, 4);
	v |= bits;
	memcpy(ram + gpa.v, &v, 4);
	return OK;
}

static const struct gwalk_mem mem = {
    .read = mem_read, .read_entry = mem_read_entry, .set_bits = mem_set_bits};

static void start(void)
{
	memset(ram, 0, sizeof(ram));
	next_table = ROOT + 0x1000;
}

static u64 *entry64(u64 table, u64 index)
{
	return (u64 *)(void *)(ram + table) + index;
}

/*
 * Map with 8-byte entries: `top` levels down to `leaf` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB). Rights of
 * the level numbered n are rights[n].
 */
static u64 *map(u64 linear, u64 target, int top, int leaf, const u64 *rights)
{
	u64 table = ROOT, *e = NULL;

	for (int level = top; level >= leaf; level--) {
		u64 r = rights ? rights[level] : W | U;

		e = entry64(table, linear >> (12 + 9 * (level - 1)) & 511);
		if (level == leaf) {
			*e = target | P | r | (leaf > 1 ? PS : 0);
		} else if (!(*e & P)) {
			*e = next_table | P | r;
			next_table += 0x1000;
		}
		table = *e & 0x000ffffffffff000ull;
	}
	return e;
}

static u64 translate(const struct gwalk_regs *regs, u64 linear)
{
	struct gwalk w;

	assert_int_equal(gwalk(regs, &mem, linear, &w), OK);
	return w.gpa.v;
}

static int fails(const struct gwalk_regs *regs, u64 linear)
{
	struct gwalk w;

	return gwalk(regs, &mem, linear, &w);
}

static void without_paging_the_address_is_itself(void **state)
{
	struct gwalk_regs regs = {.cr4 = PAE, .cr3 = ROOT};
	struct gwalk w;

	assert_int_equal(gwalk(&regs, &mem, 0x12345678, &w), OK);
	assert_int_equal(w.gpa.v, 0x12345678);
	assert_true(w.write && w.user && w.exec);
	assert_int_equal(w.page_size, 4096);
	/* Linear addresses are 32 bits there. */
	assert_int_equal(translate(&regs, 0xf00001000), 0x1000);
}

static void four_levels(void **state)
{
	struct gwalk_regs regs = {PG, ROOT | 0x18, PAE, LMA | NXE}; /* CR3 with cache bits */
	struct gwalk w;

	start();
	map(0xffff888012345000, 0xabcde000, 4, 1, NULL);
	map(0x7f0000200000, 0x12a00000, 4, 2, NULL);
	map(0x40000000, 0x80000000, 4, 3, NULL);
	reads = 0;
	assert_int_equal(translate(&regs, 0xffff888012345678), 0xabcde678);
	assert_int_equal(reads, 4);
	assert_int_equal(gwalk(&regs, &mem, 0x7f0000234567, &w), OK);
	assert_int_equal(w.gpa.v, 0x12a34567);
	assert_int_equal(w.page_size, MIB(2));
	assert_int_equal(gwalk(&regs, &mem, 0x7fffffff, &w), OK);
	assert_int_equal(w.gpa.v, 0xbfffffff);
	assert_int_equal(w.page_size, GIB(1));
	assert_int_equal(fails(&regs, 0xffff888012346000), ERR_NOENT);
	assert_int_equal(fails(&regs, 0x7f0000400000), ERR_NOENT);
	assert_int_equal(fails(&regs, 0), ERR_NOENT);
	assert_int_equal(fails(&regs, 0x800000000000), ERR_INVAL); /* not canonical */
}

static void five_levels(void **state)
{
	struct gwalk_regs regs = {PG, ROOT, PAE | LA57, LMA};

	start();
	map(0x00ab800012345000, 0x5000, 5, 1, NULL);
	map(0xff11000000000000, 0x40000000, 5, 3, NULL);
	reads = 0;
	assert_int_equal(translate(&regs, 0x00ab800012345fff), 0x5fff);
	assert_int_equal(reads, 5);
	assert_int_equal(translate(&regs, 0xff11000012345678), 0x52345678);
	assert_int_equal(fails(&regs, 0x0100000000000000), ERR_INVAL);
}

static void pae(void **state)
{
	struct gwalk_regs regs = {PG, ROOT | 0xfe0, PAE, NXE};
	u64 table = 0x8000, *e;
	struct gwalk w;

	/* Four directory pointers at a 32-byte boundary, without rights. */
	start();
	entry64(ROOT, 0xfe0 / 8)[3] = table | P;
	*entry64(table, 0x123) = 0x9000 | P | W | U;
	*entry64(table, 0x124) = 0xfffe00000 | P | U | PS | NX;
	*entry64(0x9000, 0x145) = 0x777000 | P | W | U;
	assert_int_equal(gwalk(&regs, &mem, 0xe4745678, &w), OK);
	assert_int_equal(w.gpa.v, 0x777678);
	assert_true(w.write && w.user && w.exec);
	assert_int_equal(gwalk(&regs, &mem, 0xe4812345, &w), OK);
	assert_int_equal(w.gpa.v, 0xfffe12345);
	assert_int_equal(w.page_size, MIB(2));
	assert_true(!w.write && w.user && !w.exec);
	assert_int_equal(fails(&regs, 0x24745678), ERR_NOENT);
	e = &entry64(ROOT, 0xfe0 / 8)[3];
	*e |= PS;
	assert_int_equal(fails(&regs, 0xe4745678), ERR_CORRUPT);
}

static void two_levels(void **state)
{
	struct gwalk_regs regs = {PG, ROOT, PSE, 0};
	u32 *root = (u32 *)(void *)(ram + ROOT), *table = (u32 *)(void *)(ram + 0x2000);
	struct gwalk w;

	start();
	root[0x300] = 0x2000 | P | W | U;
	root[0x301] = 0x2000 | P | W; /* supervisor only */
	table[0x123] = 0xabcde000 | P | W | U;
	table[0x122] = 0x45000 | P | U;
	root[1] = 0x00c00000 | 0xff << 13 | P | W | PS; /* 4 MiB, address bits 39:32 set */
	assert_int_equal(translate(&regs, 0xc0123456), 0xabcde456);
	assert_int_equal(gwalk(&regs, &mem, 0xc0122fff, &w), OK);
	assert_int_equal(w.gpa.v, 0x45fff);
	assert_true(!w.write && w.user && w.exec);
	assert_int_equal(gwalk(&regs, &mem, 0xc0523456, &w), OK);
	assert_true(w.write && !w.user);
	assert_int_equal(gwalk(&regs, &mem, 0x7fffff, &w), OK);
	assert_int_equal(w.gpa.v, 0xff00ffffff);
	assert_int_equal(w.page_size, MIB(4));
	assert_true(w.write && !w.user);
	assert_int_equal(fails(&regs, 0xc0124000), ERR_NOENT);
	assert_int_equal(fails(&regs, 0), ERR_NOENT);
	/* Without CR4.PSE the bit means nothing, and what it points to is not RAM here. */
	regs.cr4 = 0;
	assert_int_equal(fails(&regs, 0x7fffff), ERR_RANGE);
}

/* One level after the other takes a right away, or the entry. */
static void rights_are_those_of_all_levels(void **state)
{
	struct gwalk_regs regs = {PG, ROOT, PAE, LMA | NXE};
	struct gwalk w;

	for (int level = 1; level <= 4; level++) {
		for (int bit = 0; bit < 4; bit++) {
			u64 rights[] = {W | U, W | U, W | U, W | U, W | U};

			rights[level] = bit == 0 ? U : bit == 1 ? W : bit == 2 ? W | U | NX : W | U;
			start();
			map(0x123456000, 0x4000, 4, 1, rights);
			regs.efer = bit == 3 ? LMA : LMA | NXE;
			assert_int_equal(gwalk(&regs, &mem, 0x123456000, &w), OK);
			assert_int_equal(w.write, bit != 0);
			assert_int_equal(w.user, bit != 1);
			assert_int_equal(w.exec, bit != 2);
		}
	}
	/* NX counts only with EFER.NXE. */
	regs.efer = LMA;
	start();
	map(0x123456000, 0x4000, 4, 1, (u64[]){0, W | NX, W, W, W});
	assert_int_equal(gwalk(&regs, &mem, 0x123456000, &w), OK);
	assert_true(w.exec);
}

static void tables_outside_of_ram_are_refused(void **state)
{
	struct gwalk_regs regs = {PG, ROOT, PAE, LMA};

	for (int level = 2; level <= 4; level++) {
		start();
		map(0x123456000, 0x4000, 4, 1, NULL);
		map(0x123456000, 0xfffffffffe000, 4, level, NULL)[0] &= ~PS; /* now a table */
		assert_int_equal(fails(&regs, 0x123456000), ERR_RANGE);
		start();
		map(0x123456000, 0, 4, level, NULL)[0] &= ~P;
		assert_int_equal(fails(&regs, 0x123456000), ERR_NOENT);
	}
	start();
	map(0x123456000, 0, 4, 4, NULL); /* a large page at the top */
	assert_int_equal(fails(&regs, 0x123456000), ERR_CORRUPT);
	regs.cr3 = 0xfffffffffe000;
	assert_int_equal(fails(&regs, 0x123456000), ERR_RANGE);
}

#define WP   0x10000ull
#define SMAP 0x200000ull
#define A    0x20ull
#define D    0x40ull

/* Every combination of page rights and access, against the table in the manual. */
static void data_accesses_have_the_rights_of_the_guest(void **state)
{
	for (u32 k = 0; k < 256; k++) {
		bool pw = k & 1, pu = k & 2, wp = k & 4, smap = k & 8;
		const struct gwalk_access access = {.write = k & 16, .user = k & 32, .ac = k & 64};
		bool present = k & 128;
		struct gwalk_regs regs = {PG | (wp ? WP : 0), ROOT, PAE | (smap ? SMAP : 0), LMA};
		u64 rights[] = {0, (pw ? W : 0) | (pu ? U : 0), W | U, W | U, W | U};
		u32 fault = 0;
		gpa_t gpa;
		bool good = present;

		start();

		u64 *leaf = map(0x123456000, 0x4000, 4, 1, rights);

		if (!present)
			*leaf = 0;
		if (access.user)
			good = good && pu && (!access.write || pw);
		else
			good = good && (!access.write || pw || !wp) && !(pu && smap && !access.ac);

		int err = gwalk_data(&regs, &mem, 0x123456789, &access, &gpa, &fault);

		assert_int_equal(err, good ? OK : ERR_PERM);
		if (good) {
			assert_int_equal(gpa.v, 0x4789);
			assert_int_equal(*leaf & (A | D), access.write ? A | D : A);
			assert_int_equal(*entry64(ROOT, 0) & (A | D), A);
		} else {
			assert_int_equal(fault, present | access.write << 1 | access.user << 2);
			assert_int_equal(*leaf & (A | D), 0);
			assert_int_equal(*entry64(ROOT, 0) & (A | D), 0);
		}
	}
}

static void data_accesses_in_the_other_modes(void **state)
{
	const struct gwalk_access write = {.write = true, .user = true};
	struct gwalk_regs regs = {PG, ROOT, PAE, LMA};
	u32 *root = (u32 *)(void *)(ram + ROOT), *table = (u32 *)(void *)(ram + 0x2000), fault = 0;
	gpa_t gpa;

	start();
	map(0x40000000, 0x80000000, 4, 3, NULL);
	assert_int_equal(gwalk_data(&regs, &mem, 0x40001234, &write, &gpa, &fault), OK);
	assert_int_equal(gpa.v, 0x80001234);
	assert_int_equal(*entry64(ROOT + 0x1000, 1) & (A | D), A | D); /* the 1 GiB leaf */
	assert_int_equal(gwalk_data(&regs, &mem, 1ull << 63, &write, &gpa, &fault), ERR_INVAL);
	map(0x40000000, 0, 4, 4, NULL);
	assert_int_equal(gwalk_data(&regs, &mem, 0x40001234, &write, &gpa, &fault), ERR_PERM);
	assert_int_equal(fault, 1 | 2 | 4 | 8); /* reserved */
	regs.cr3 = 0x10000000;
	assert_int_equal(gwalk_data(&regs, &mem, 0x40001234, &write, &gpa, &fault), ERR_RANGE);

	/* PAE: a directory pointer has no such bits. */
	start();
	regs = (struct gwalk_regs){PG, ROOT, PAE, 0};
	*entry64(ROOT, 0) = 0x8000 | P;
	*entry64(0x8000, 0) = 0x9000 | P | W | U;
	*entry64(0x9000, 0) = 0x5000 | P | W | U;
	assert_int_equal(gwalk_data(&regs, &mem, 0x10, &write, &gpa, &fault), OK);
	assert_int_equal(*entry64(ROOT, 0), 0x8000 | P);
	assert_int_equal(*entry64(0x8000, 0), 0x9000 | P | W | U | A);
	assert_int_equal(*entry64(0x9000, 0), 0x5000 | P | W | U | A | D);

	/* Two levels: the second of two entries in one 8-byte word. */
	start();
	regs = (struct gwalk_regs){PG, ROOT, PSE, 0};
	root[1] = 0x2000 | P | W | U;
	table[1] = 0x5000 | P | W | U;
	assert_int_equal(gwalk_data(&regs, &mem, 0x401010, &write, &gpa, &fault), OK);
	assert_int_equal(root[1], 0x2000 | P | W | U | A);
	assert_int_equal(table[1], 0x5000 | P | W | U | A | D);
	assert_true(root[0] == 0 && table[0] == 0);

	/* Without paging nothing is asked and nothing is marked. */
	regs.cr0 = 0;
	assert_int_equal(gwalk_data(&regs, &mem, 0x1234, &write, &gpa, &fault), OK);
	assert_int_equal(gpa.v, 0x1234);
}

static void fetching(void **state)
{
	struct gwalk_regs regs = {PG, ROOT, PAE, LMA};
	u8 bytes[15], want[15];
	size_t got = 0;

	start();
	map(0x400000, 0x80000, 4, 1, NULL);
	map(0x401000, 0x90000, 4, 1, NULL); /* not next to it in memory */
	map(0x403000, 0x80000, 4, 1, NULL);
	map(0x404000, 0x100000000, 4, 1, NULL); /* not RAM */
	for (int i = 0; i < 4096; i++) {
		ram[0x80000 + i] = (u8)(i * 7 + 1);
		ram[0x90000 + i] = (u8)(i * 5 + 3);
	}
	for (size_t before = 1; before <= 20; before++) {
		size_t head = before < 15 ? before : 15;

		memcpy(want, ram + 0x81000 - before, head);
		memcpy(want + head, ram + 0x90000, 15 - head);
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(gwalk_fetch(&regs, &mem, 0x401000 - before, bytes, 15, &got), OK);
		assert_int_equal(got, 15);
		assert_memory_equal(bytes, want, 15);
	}
	/* The page after is absent, or not RAM: what is there is there. */
	assert_int_equal(gwalk_fetch(&regs, &mem, 0x401ffd, bytes, 15, &got), OK);
	assert_int_equal(got, 3);
	assert_int_equal(gwalk_fetch(&regs, &mem, 0x403ffe, bytes, 15, &got), OK);
	assert_int_equal(got, 2);
	assert_int_equal(gwalk_fetch(&regs, &mem, 0x402000, bytes, 15, &got), ERR_NOENT);
	assert_int_equal(gwalk_fetch(&regs, &mem, 0x404000, bytes, 15, &got), ERR_RANGE);
	assert_int_equal(gwalk_fetch(&regs, &mem, NOBODY, bytes, 15, &got), ERR_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_paging_the_address_is_itself),
	    cmocka_unit_test(four_levels),
	    cmocka_unit_test(five_levels),
	    cmocka_unit_test(pae),
	    cmocka_unit_test(two_levels),
	    cmocka_unit_test(rights_are_those_of_all_levels),
	    cmocka_unit_test(tables_outside_of_ram_are_refused),
	    cmocka_unit_test(data_accesses_have_the_rights_of_the_guest),
	    cmocka_unit_test(data_accesses_in_the_other_modes),
	    cmocka_unit_test(fetching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
