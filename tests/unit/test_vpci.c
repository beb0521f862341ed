/* core/vcpu/vpci: one tree behind CF8/CFC and ECAM. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/vcpu/vpci.h"

/* A function that remembers what it was asked. */
struct probe {
	struct vpci_function f;
	u8 space[VPCI_CONFIG_SIZE];
	u32 reads, writes, resets;
	u16 off;
	u8 width;
};

static struct probe *probe(struct vpci_function *f)
{
	return (struct probe *)f;
}

static u32 probe_read(struct vpci_function *f, u16 off, u8 width)
{
	struct probe *p = probe(f);
	u32 v = 0;

	assert_true(width == 1 || width == 2 || width == 4);
	assert_int_equal(off % width, 0);
	assert_true(off + width <= VPCI_CONFIG_SIZE);
	assert_int_equal((u16)(f->lock.next - f->lock.serving), 1); /* serialised */
	p->reads++;
	p->off = off;
	p->width = width;
	memcpy(&v, &p->space[off], width);
	return v;
}

static void probe_write(struct vpci_function *f, u16 off, u8 width, u32 v)
{
	struct probe *p = probe(f);

	assert_true(width == 1 || width == 2 || width == 4);
	assert_int_equal(off % width, 0);
	assert_true(off + width <= VPCI_CONFIG_SIZE);
	assert_true(width == 4 || v >> 8 * width == 0);
	p->writes++;
	memcpy(&p->space[off], &v, width);
}

static void probe_reset(struct vpci_function *f)
{
	probe(f)->resets++;
}

static const struct vpci_function_ops probe_ops = {probe_read, probe_write, probe_reset};

static struct vpci_root root;
static struct vpci_host_bridge bridge;
static struct probe a, b, c;

static void probe_init(struct probe *p, u8 seed)
{
	memset(p, 0, sizeof(*p));
	p->f.ops = &probe_ops;
	for (u32 i = 0; i < sizeof(p->space); i++)
		p->space[i] = (u8)(i * 31 + seed);
	p->space[0x0e] = 0;
}

static int fresh(void **state)
{
	vpci_init(&root, 256);
	assert_int_equal(vpci_host_bridge_init(&bridge, &root, GPA(0xe0000000)), OK);
	probe_init(&a, 1);
	probe_init(&b, 2);
	probe_init(&c, 3);
	return 0;
}

static u64 ecam(u8 bus, u8 devfn, u16 off)
{
	return (u64)bus << 20 | (u64)devfn << 12 | off;
}

static void host_bridge(void **state)
{
	assert_int_equal(vpci_read(&root, 0, 0, 0, 4), 0x29c08086);
	assert_int_equal(vpci_read(&root, 0, 0, 0x0a, 2), 0x0600);
	assert_int_equal(vpci_read(&root, 0, 0, 0x0e, 1), 0);
	assert_int_equal(vpci_ecam_read(&root, 0x60, 8), 0xe0000001);
	/* It does not move. */
	vpci_write(&root, 0, 0, 0x60, 4, 0xb0000001);
	vpci_write(&root, 0, 0, 0x00, 2, 0x1234);
	assert_int_equal(vpci_read(&root, 0, 0, 0x60, 4), 0xe0000001);
	assert_int_equal(vpci_read(&root, 0, 0, 0x00, 4), 0x29c08086);
	/* PAM holds bytes. */
	vpci_write(&root, 0, 0, 0x91, 1, 0x33);
	assert_int_equal(vpci_read(&root, 0, 0, 0x90, 4), 0x3300);
	assert_int_equal(vpci_read(&root, 0, 0, 0x100, 4), 0);
	vpci_write(&root, 0, 0, 0xffc, 4, 1);
	vpci_reset(&root);
	assert_int_equal(vpci_read(&root, 0, 0, 0x90, 4), 0);
	assert_int_equal(vpci_host_bridge_init(&bridge, &root, GPA(0xe0000000)), ERR_EXIST);

	vpci_init(&root, 128);
	assert_int_equal(vpci_host_bridge_init(&bridge, &root, GPA(0xb0000000)), OK);
	assert_int_equal(vpci_read(&root, 0, 0, 0x60, 4), 0xb0000003);
	vpci_init(&root, 64);
	assert_int_equal(vpci_host_bridge_init(&bridge, &root, GPA(0xb0000000)), OK);
	assert_int_equal(vpci_read(&root, 0, 0, 0x60, 4), 0xb0000005);
}

static void nobody_there(void **state)
{
	assert_int_equal(vpci_read(&root, 0, 8, 0, 4), 0xffffffff);
	assert_int_equal(vpci_read(&root, 0, 8, 0, 2), 0xffff);
	assert_int_equal(vpci_read(&root, 7, 0, 0, 1), 0xff);
	vpci_write(&root, 7, 0, 0, 1, 0);
	assert_true(vpci_ecam_read(&root, ecam(255, 255, 0xff8), 8) == ~(u64)0);
}

static void both_mechanisms_agree(void **state)
{
	assert_int_equal(vpci_add(&root.root_bus, 0x1a, &a.f), OK);
	for (u16 off = 0; off < 256; off += 4) {
		vpci_address_write(&root, 0x80001a00u | off);
		assert_int_equal(vpci_address_read(&root), 0x80001a00u | off);
		assert_int_equal(vpci_data_read(&root, 0, 4),
				 vpci_ecam_read(&root, ecam(0, 0x1a, off), 4));
		for (u8 i = 0; i < 4; i++)
			assert_int_equal(vpci_data_read(&root, i, 1), a.space[off + i]);
		assert_int_equal(vpci_data_read(&root, 2, 2),
				 a.space[off + 2] | a.space[off + 3] << 8);
	}
	vpci_data_write(&root, 1, 1, 0x77);
	assert_int_equal(a.space[0xfd], 0x77);
	/* Bits that are none read back zero; disabled is nobody. */
	vpci_address_write(&root, 0x7f001a03);
	assert_int_equal(vpci_address_read(&root), 0x00001a00);
	assert_int_equal(vpci_data_read(&root, 0, 4), 0xffffffff);
	u32 writes = a.writes;
	vpci_data_write(&root, 0, 4, 1);
	assert_int_equal(a.writes, writes);
}

/* Any offset and width reads and writes the same bytes as a plain array would. */
static void ecam_pieces(void **state)
{
	assert_int_equal(vpci_add(&root.root_bus, 0x08, &a.f), OK);
	srand(11);
	for (int i = 0; i < 20000; i++) {
		u8 width = (u8)(1 + rand() % 8);
		u16 off = (u16)(rand() % (VPCI_CONFIG_SIZE - width));
		u64 v = 0, w = (u64)rand() << 33 ^ (u64)rand();

		memcpy(&v, &a.space[off], width);
		assert_true(vpci_ecam_read(&root, ecam(0, 8, off), width) == v);
		vpci_ecam_write(&root, ecam(0, 8, off), width, w);
		assert_memory_equal(&a.space[off], &w, width);
	}
	/* An aligned register access is one access. */
	a.reads = 0;
	vpci_ecam_read(&root, ecam(0, 8, 0x40), 4);
	assert_int_equal(a.reads, 1);
	assert_int_equal(a.width, 4);
	/* One that crosses into the next function reads both. */
	assert_int_equal(vpci_add(&root.root_bus, 0x09, &b.f), OK);
	a.space[0xfff] = 0x12;
	b.space[0] = 0x34;
	assert_int_equal(vpci_ecam_read(&root, ecam(0, 8, 0xfff), 2), 0x3412);
}

static void multifunction_bit(void **state)
{
	assert_int_equal(vpci_add(&root.root_bus, 0x12, &b.f), OK);
	assert_int_equal(vpci_add(&root.root_bus, 0x10, &a.f), OK);
	assert_int_equal(vpci_add(&root.root_bus, 0x10, &c.f), ERR_EXIST);
	assert_int_equal(vpci_read(&root, 0, 0x10, 0x0e, 1), 0x80);
	assert_int_equal(vpci_read(&root, 0, 0x10, 0x0e, 2) & 0xff, 0x80);
	assert_int_equal(vpci_read(&root, 0, 0x10, 0x0c, 4) >> 16 & 0xff, 0x80);
	assert_int_equal(vpci_read(&root, 0, 0x10, 0x0c, 2), a.space[0x0c] | a.space[0x0d] << 8);
	assert_int_equal(vpci_read(&root, 0, 0x12, 0x0e, 1), 0);
	vpci_remove(&root.root_bus, 0x12);
	assert_int_equal(vpci_read(&root, 0, 0x10, 0x0e, 1), 0);
	assert_int_equal(vpci_read(&root, 0, 0x12, 0, 4), 0xffffffff);
}

static void buses_follow_their_bridges(void **state)
{
	static struct vpci_bus x, y;

	memset(&x, 0, sizeof(x));
	memset(&y, 0, sizeof(y));
	vpci_add_bus(&root, &x);
	vpci_add_bus(&root, &y);
	assert_int_equal(vpci_add(&x, 0, &a.f), OK);
	assert_int_equal(vpci_add(&y, 0, &b.f), OK);
	assert_int_equal(vpci_read(&root, 1, 0, 0, 1), 0xff);
	vpci_route_bus(&root, &x, 1);
	vpci_route_bus(&root, &y, 2);
	assert_int_equal(vpci_read(&root, 1, 0, 0, 1), a.space[0]);
	assert_int_equal(vpci_read(&root, 2, 0, 0, 1), b.space[0]);
	/* A guest that swaps the numbers passes through both claiming one. */
	vpci_route_bus(&root, &y, 1);
	vpci_route_bus(&root, &x, 2);
	assert_int_equal(vpci_read(&root, 1, 0, 0, 1), b.space[0]);
	assert_int_equal(vpci_read(&root, 2, 0, 0, 1), a.space[0]);
	vpci_route_bus(&root, &y, 2);
	vpci_route_bus(&root, &y, 0);
	assert_int_equal(vpci_read(&root, 1, 0, 0, 1), 0xff);
	assert_int_equal(vpci_read(&root, 2, 0, 0, 1), a.space[0]);
	/* The root bus cannot be stolen. */
	vpci_route_bus(&root, &x, 0);
	assert_int_equal(vpci_read(&root, 0, 0, 0, 4), 0x29c08086);
	vpci_reset(&root);
	assert_int_equal(a.resets, 1);
	assert_int_equal(b.resets, 1);

	vpci_init(&root, 64);
	vpci_add_bus(&root, &x);
	vpci_route_bus(&root, &x, 64);
	assert_int_equal(vpci_read(&root, 64, 0, 0, 1), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(host_bridge, fresh),
	    cmocka_unit_test_setup(nobody_there, fresh),
	    cmocka_unit_test_setup(both_mechanisms_agree, fresh),
	    cmocka_unit_test_setup(ecam_pieces, fresh),
	    cmocka_unit_test_setup(multifunction_bit, fresh),
	    cmocka_unit_test_setup(buses_follow_their_bridges, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
