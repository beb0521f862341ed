/* The plan as bytes: round trip, every kind of damage, later and other versions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/partition/blob.h"
#include "tests/fake/sample_plan.h"

static u8 *blob;
static u64 size;
static struct blob_error why;

static int setup(void **state)
{
	sample_reset();
	size = blob_size(&sample_plan);
	blob = malloc(size);
	assert_int_equal(blob_encode(&sample_plan, blob, size), OK);
	return 0;
}

static int teardown(void **state)
{
	free(blob);
	return 0;
}

static int decode(const u8 *in, u64 n, struct plan *out, void **arena)
{
	u64 room = blob_arena_size(in, n);
	int err;

	*arena = malloc(room ? room : 1);
	err = blob_decode(in, n, *arena, room, out, &why);
	assert_int_equal(err == OK, room != 0);
	assert_int_equal(err == OK, why.text[0] == '\0');
	assert_true(strlen(why.text) < sizeof(why.text) - 1);
	if (err) {
		free(*arena);
		*arena = NULL;
	}
	return err;
}

/* Damage a copy, put the checksum right, and expect a refusal that says so. */
static void damaged(u64 at, u8 value, int err, const char *says)
{
	u8 *copy = malloc(size);
	struct plan p;
	void *arena;
	u32 crc;

	memcpy(copy, blob, size);
	copy[at] = value;
	memset(copy + 24, 0, 4);
	crc = crc32c(0, copy, size);
	memcpy(copy + 24, &crc, 4);
	assert_int_equal(decode(copy, size, &p, &arena), err);
	if (err && !strstr(why.text, says))
		fail_msg("\"%s\" does not say \"%s\"", why.text, says);
	free(arena);
	free(copy);
}

static void checksum_is_the_published_one(void **state)
{
	u8 zeroes[32] = {0};

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeroes, 32), 0x8a9136aa); /* RFC 3720 B.4 */
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void round_trip(void **state)
{
	struct plan p;
	void *arena;

	sample_ws[0].ncpus = 1;
	sample_devices[1][0].sriov_vfs = true;
	sample_devices[1][0].num_vfs = 7;
	sample_devices[1][0].p2p = true;
	sample_devices[0][0].keep_reserved = true;
	sample_devices[0][1].guest_devfn = 0x28;
	teardown(NULL);
	size = blob_size(&sample_plan);
	blob = malloc(size);
	assert_int_equal(blob_encode(&sample_plan, blob, size), OK);
	assert_int_equal(decode(blob, size, &p, &arena), OK);
	memset(blob, 0xff, size); /* nothing points into it */
	assert_int_equal(p.nworkstations, 2);
	assert_int_equal(p.hv.base.v, sample_plan.hv.base.v);
	assert_int_equal(p.hv.size, sample_plan.hv.size);
	assert_int_equal(p.bundle.base.v, sample_plan.bundle.base.v);
	assert_int_equal(p.bundle.size, sample_plan.bundle.size);
	assert_int_equal(p.host_cpu, sample_plan.host_cpu);
	assert_int_equal(p.log_level, sample_plan.log_level);
	for (u32 i = 0; i < 2; i++)
		assert_true(plan_workstation_equal(&p.workstations[i], &sample_ws[i]));
	free(arena);
}

static void an_empty_plan(void **state)
{
	struct plan p;

	sample_plan.nworkstations = 0;
	size = blob_size(&sample_plan);
	assert_int_equal(blob_encode(&sample_plan, blob, size), OK);
	assert_int_equal(blob_decode(blob, size, NULL, 0, &p, &why), OK);
	assert_int_equal(p.nworkstations, 0);
}

static void too_little_room(void **state)
{
	u64 room = blob_arena_size(blob, size);
	struct plan p;
	u8 *arena;

	assert_int_equal(blob_encode(&sample_plan, blob, size - 1), ERR_RANGE);
	assert_int_equal(blob_encode(&sample_plan, NULL, 0), ERR_RANGE);
	teardown(NULL);
	setup(NULL);
	for (u64 n = 0; n < room; n += 8) {
		arena = malloc(n ? n : 1);
		assert_int_equal(blob_decode(blob, size, arena, n, &p, &why), ERR_NOMEM);
		free(arena);
	}
}

static void every_cut_is_refused(void **state)
{
	for (u64 n = 0; n < size; n++) {
		u8 *cut = malloc(n ? n : 1);
		struct plan p;
		void *arena;

		memcpy(cut, blob, n);
		assert_int_equal(decode(cut, n, &p, &arena), ERR_RANGE);
		assert_non_null(strstr(why.text, "cut short"));
		free(cut);
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	struct plan p;
	void *arena;

	for (u64 bit = 0; bit < size * 8; bit++) {
		blob[bit / 8] ^= (u8)(1 << bit % 8);
		assert_int_not_equal(decode(blob, size, &p, &arena), OK);
		blob[bit / 8] ^= (u8)(1 << bit % 8);
	}
	assert_int_equal(decode(blob, size, &p, &arena), OK);
	free(arena);
}

static void other_versions(void **state)
{
	damaged(8, BLOB_MAJOR + 1, ERR_VERSION,
		"this hypervisor reads 1.x: build the medium again");
	damaged(10, BLOB_MINOR + 1, OK, "");
	damaged(0, 'x', ERR_CORRUPT, "not a Caprock plan");
	damaged(12, 24, ERR_RANGE, "header claims");
	damaged(12, 36, ERR_RANGE, "header claims");
}

/* Where the first record with that tag begins. */
static u64 record_of(u16 tag)
{
	for (u64 at = 32; at + 8 <= size; at += 8)
		if (blob[at] == tag && blob[at + 1] == 0 && blob[at + 2] == 1 && !blob[at + 3])
			return at;
	fail_msg("no record %u", tag);
	return 0;
}

static void unknown_records(void **state)
{
	u64 serial = record_of(18), cpus = record_of(22), name = record_of(17);

	/* A tag from the future: obeyed when it insists, passed over when not. */
	damaged(serial, 99, ERR_VERSION, "holds record 99");
	blob[serial + 2] = 0;
	damaged(serial, 99, OK, "");
	blob[serial + 2] = 1;
	damaged(serial + 2, 3, ERR_VERSION, "flags from a later version");
	damaged(name, 18, ERR_INVAL, "twice");
	damaged(cpus + 4, 7, ERR_INVAL, "list of cores");
	damaged(cpus + 7, 1, ERR_RANGE, "leaves what holds it");
	damaged(name + 8, 0, ERR_INVAL, "NUL");
	damaged(name, 99, ERR_VERSION, "99");
	blob[name + 2] = 0;
	damaged(name, 99, ERR_INVAL, "without its name");
	damaged(record_of(16), 99, ERR_VERSION, "99");
	damaged(serial, 16, ERR_RANGE, "has 7 bytes, not 48");
	damaged(record_of(16) + 8 + 16, 2, ERR_VERSION, "rights");
	damaged(record_of(16) + 8 + 20, 9, ERR_VERSION, "way of booting");
	damaged(record_of(32) + 8 + 3, 0, ERR_RANGE, "path of 0 hops");
	damaged(record_of(32) + 8 + 3, 17, ERR_RANGE, "path of 17 hops");
	damaged(record_of(1) + 8 + 36, 4, ERR_RANGE, "log level");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(checksum_is_the_published_one),
	    cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_empty_plan, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_little_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_cut_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_flipped_bit_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_versions, setup, teardown),
	    cmocka_unit_test_setup_teardown(unknown_records, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
