/* core/base/cpio: archives as cpio(1) writes them, and broken ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/cpio.h"
#include "core/base/cpio_write.h"

static u8 archive[65536];
static u64 used;

static void start(void)
{
	memset(archive, 0, sizeof(archive));
	used = 0;
}

static void member(const char *name, u32 mode, const void *data, u32 size)
{
	used += (u64)sprintf((char *)archive + used,
			     "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode,
			     0, 0, 1, 0, size, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	memcpy(archive + used, name, strlen(name) + 1);
	used = align_up(used + strlen(name) + 1, 4);
	memcpy(archive + used, data, size);
	used = align_up(used + size, 4);
}

static void sample(void)
{
	start();
	member("dir", 040755, "", 0);
	member("plan", 0100644, "the plan", 8);
	member("./kernel", 0100644, "vmlinuz!!", 9);
	member("link", 0120777, "plan", 4);
	member("empty", 0100644, "", 0);
	member("TRAILER!!!", 0, "", 0);
}

/* A copy that ends exactly where the archive does, so that the sanitizer sees a byte too far. */
static int with_exact(u64 size, int (*fn)(const struct cpio *c))
{
	u8 *exact = malloc(size ? size : 1);
	struct cpio c = {exact, cpio_read_mapped, size};

	memcpy(exact, archive, size);
	int r = fn(&c);

	free(exact);
	return r;
}

static void members_in_order(void **state)
{
	static const char *const names[] = {"dir", "plan", "./kernel", "link", "empty"};
	struct cpio c = {archive, cpio_read_mapped, 0};
	struct cpio_member m;
	u64 at = 0, bytes;

	sample();
	c.size = used;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cpio_next(&c, &at, &m), OK);
		assert_string_equal(m.name, names[i]);
	}
	assert_int_equal(cpio_next(&c, &at, &m), ERR_NOENT);
	assert_int_equal(at, used);
	assert_int_equal(cpio_extent(&c, &bytes), OK);
	assert_int_equal(bytes, used);
	/* Padding behind the trailer, as loaders leave it, is not part of it. */
	c.size = used + 1000;
	assert_int_equal(cpio_extent(&c, &bytes), OK);
	assert_int_equal(bytes, used);
}

static void find_by_name(void **state)
{
	struct cpio c = {archive, cpio_read_mapped, 0};
	struct cpio_member m;

	sample();
	c.size = used;
	assert_int_equal(cpio_find(&c, "plan", &m), OK);
	assert_int_equal(m.size, 8);
	assert_memory_equal(archive + m.offset, "the plan", 8);
	assert_int_equal(cpio_find(&c, "kernel", &m), OK);
	assert_memory_equal(archive + m.offset, "vmlinuz!!", 9);
	assert_int_equal(m.offset % 4, 0);
	assert_int_equal(cpio_find(&c, "empty", &m), OK);
	assert_int_equal(m.size, 0);
	/* Folders and links are not files; parts of names are not names. */
	assert_int_equal(cpio_find(&c, "dir", &m), ERR_NOENT);
	assert_int_equal(cpio_find(&c, "link", &m), ERR_NOENT);
	assert_int_equal(cpio_find(&c, "pla", &m), ERR_NOENT);
	assert_int_equal(cpio_find(&c, "plan2", &m), ERR_NOENT);
	assert_int_equal(cpio_find(&c, "", &m), ERR_NOENT);
	assert_int_equal(cpio_find(&c, "TRAILER!!!", &m), ERR_NOENT);
}

static int find_last(const struct cpio *c)
{
	struct cpio_member m;

	return cpio_find(c, "nothing", &m);
}

/* Wherever it was cut off, that is said, and no byte behind the cut is read. */
static void every_truncation(void **state)
{
	sample();
	for (u64 size = 0; size + 3 < used; size++)
		assert_int_equal(with_exact(size, find_last), ERR_RANGE);
	assert_int_equal(with_exact(used, find_last), ERR_NOENT);
}

static int walk(const struct cpio *c)
{
	struct cpio_member m;
	u64 at = 0;
	int err;

	do {
		u64 before = at;

		err = cpio_next(c, &at, &m);
		if (!err) {
			assert_true(at > before);
			assert_true(m.offset + m.size <= c->size);
		} else if (err != ERR_NOENT) {
			assert_true(at == before);
		}
	} while (!err);
	return err;
}

static void every_flipped_byte(void **state)
{
	sample();
	for (u64 i = 0; i < used; i++)
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			archive[i] ^= bit;
			with_exact(used, walk);
			archive[i] ^= bit;
		}
}

static void bad_headers(void **state)
{
	static const struct {
		u64 off;
		const char *text;
		int err;
	} cases[] = {
	    {0, "070707", ERR_CORRUPT},	   /* the old format */
	    {54, "ffffffff", ERR_RANGE},   /* 4 GiB of contents */
	    {94, "ffffffff", ERR_RANGE},   /* a name of that size */
	    {94, "00000000", ERR_CORRUPT}, /* no name at all */
	    {94, "00000003", ERR_CORRUPT}, /* a name without its end */
	    {54, "0000000g", ERR_CORRUPT}, {102, "-0000001", ERR_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		sample();
		memcpy(archive + cases[i].off, cases[i].text, strlen(cases[i].text));
		assert_int_equal(with_exact(used, walk), cases[i].err);
	}
}

static void long_names_are_stepped_over(void **state)
{
	char name[400];
	struct cpio c = {archive, cpio_read_mapped, 0};
	struct cpio_member m;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	start();
	member(name, 0100644, "x", 1);
	name[CPIO_NAME_MAX - 1] = 0;
	member(name, 0100644, "y", 1);
	member("TRAILER!!!", 0, "", 0);
	c.size = used;
	assert_int_equal(cpio_find(&c, name, &m), OK);
	assert_int_equal(archive[m.offset], 'y');
}

/* A sparse 6 GiB archive: contents are never touched, offsets do not wrap at 32 bits. */
static const u64 far_member = 0xfffffff0;

static int sparse_read(void *ctx, u64 off, void *dst, u64 n)
{
	u64 second = align_up(112 + far_member, 4);

	memset(dst, 0, n);
	if (off < 1024 && off + n <= 1024)
		memcpy(dst, archive + off, n);
	else if (off >= second && off - second + n <= 1024)
		memcpy(dst, archive + 1024 + (off - second), n);
	else
		return ERR_IO;
	return OK;
}

static void larger_than_4_gib(void **state)
{
	struct cpio c = {NULL, sparse_read, GIB(6)};
	struct cpio_member m;

	start();
	member("a", 0100644, "", 0);
	memcpy(archive + 54, "fffffff0", 8);
	used = 1024;
	member("b", 0100644, "beta", 4);
	member("TRAILER!!!", 0, "", 0);
	assert_int_equal(cpio_find(&c, "b", &m), OK);
	assert_int_equal(m.size, 4);
	assert_true(m.offset > 0xffffffff);
	assert_int_equal(cpio_find(&c, "c", &m), ERR_NOENT);
}

static void a_failing_reader_is_believed(void **state)
{
	struct cpio c = {NULL, sparse_read, GIB(16)};
	struct cpio_member m;
	u64 at = GIB(5);

	assert_int_equal(cpio_next(&c, &at, &m), ERR_IO);
}

/* ---- writing --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	u32 mode;
	const char *data;
} written[] = {
    {"caprock", CPIO_FOLDER, ""},
    {"caprock/edid", CPIO_FOLDER, ""},
    {"caprock/edid/DP-1.bin", CPIO_FILE, "twelve bytes"},
    {"a", CPIO_FILE, "odd"},
    {"empty", CPIO_FILE, ""},
};

static int write_all(struct cpio_writer *w, u64 align)
{
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		int err = cpio_put(w, written[i].name, written[i].mode, written[i].data,
				   strlen(written[i].data));

		if (err)
			return err;
	}
	return cpio_end(w, align);
}

static void what_is_written_is_read(void **state)
{
	struct cpio_writer w = {.out = archive, .room = sizeof(archive)};
	static u8 again[4096];
	struct cpio_member m;
	u64 at = 0;

	start();
	memset(archive, 0xa5, sizeof(archive));
	assert_int_equal(write_all(&w, 512), OK);
	assert_int_equal(w.used % 512, 0);
	assert_true(w.used <= sizeof(again));

	const struct cpio c = {.ctx = archive, .read = cpio_read_mapped, .size = w.used};

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		assert_int_equal(cpio_next(&c, &at, &m), OK);
		assert_string_equal(m.name, written[i].name);
		assert_int_equal(m.mode, written[i].mode);
		assert_int_equal(m.size, strlen(written[i].data));
		assert_memory_equal(archive + m.offset, written[i].data, m.size);
	}
	assert_int_equal(cpio_next(&c, &at, &m), ERR_NOENT);
	for (; at < w.used; at++)
		assert_int_equal(archive[at], 0);
	assert_int_equal(archive[w.used], 0xa5);

	/* The same again is the same, to the byte, wherever it is written. */
	w = (struct cpio_writer){.out = again, .room = sizeof(again)};
	assert_int_equal(write_all(&w, 512), OK);
	assert_memory_equal(again, archive, w.used);
}

static void a_writer_stays_in_its_room(void **state)
{
	struct cpio_writer w = {.out = archive, .room = sizeof(archive)};
	u64 whole;

	assert_int_equal(write_all(&w, 4), OK);
	whole = w.used;
	for (u64 room = 0; room <= whole; room++) {
		u8 *out = malloc(room + 1); /* the sanitizer watches its end */

		out[room] = 0x5a;
		w = (struct cpio_writer){.out = out, .room = room};
		assert_int_equal(write_all(&w, 4), room == whole ? OK : ERR_NOMEM);
		assert_true(w.used <= room);
		assert_int_equal(out[room], 0x5a);
		free(out);
	}
	w = (struct cpio_writer){.out = archive, .room = whole};
	assert_int_equal(write_all(&w, 4096), ERR_NOMEM);
}

static void names_and_sizes_are_checked(void **state)
{
	struct cpio_writer w = {.out = archive, .room = sizeof(archive)};
	char name[CPIO_NAME_MAX + 1];

	memset(name, 'n', sizeof(name));
	name[CPIO_NAME_MAX] = 0;
	assert_int_equal(cpio_put(&w, name, CPIO_FILE, "x", 1), ERR_INVAL);
	assert_int_equal(cpio_put(&w, "", CPIO_FILE, "x", 1), ERR_INVAL);
	assert_int_equal(cpio_put(&w, "n", CPIO_FILE, "x", 1ull << 32), ERR_INVAL);
	assert_true(!w.used && !w.members);
	name[CPIO_NAME_MAX - 1] = 0;
	assert_int_equal(cpio_put(&w, name, CPIO_FILE, "x", 1), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_in_order),
	    cmocka_unit_test(find_by_name),
	    cmocka_unit_test(every_truncation),
	    cmocka_unit_test(every_flipped_byte),
	    cmocka_unit_test(bad_headers),
	    cmocka_unit_test(long_names_are_stepped_over),
	    cmocka_unit_test(larger_than_4_gib),
	    cmocka_unit_test(a_failing_reader_is_believed),
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(a_writer_stays_in_its_room),
	    cmocka_unit_test(names_and_sizes_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
