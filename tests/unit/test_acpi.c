/* core/acpi over tables made here, broken ones, and those of the machines in CAPROCK_CORPUS. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/acpi/acpi.h"
#include "core/acpi/madt.h"
#include "core/acpi/mcfg.h"
#include "core/acpi/srat.h"
#include "core/base/err.h"

/* A megabyte of physical memory at 0, and a second piece at 4 GiB; nothing elsewhere. */
static u8 low[MIB(1)], high[KIB(64)];

static int read_memory(void *ctx, paddr_t pa, void *buf, u64 n)
{
	if (pa.v <= sizeof(low) && n <= sizeof(low) - pa.v)
		memcpy(buf, low + pa.v, n);
	else if (pa.v >= GIB(4) && pa.v - GIB(4) <= sizeof(high) &&
		 n <= sizeof(high) - (pa.v - GIB(4)))
		memcpy(buf, high + (pa.v - GIB(4)), n);
	else
		return ERR_RANGE;
	return OK;
}

static const struct acpi_source source = {read_memory, NULL};

static void put(u8 *p, u64 v, unsigned n)
{
	for (; n--; v >>= 8)
		*p++ = (u8)v;
}

static void seal(u8 *table, u32 length, unsigned at)
{
	u8 s = 0;

	table[at] = 0;
	for (u32 i = 0; i < length; i++)
		s = (u8)(s + table[i]);
	table[at] = (u8)-s;
}

static void header(u8 *t, const char *signature, u32 length)
{
	memcpy(t, signature, 4);
	put(t + 4, length, 4);
	t[8] = 3;
	seal(t, length, 9);
}

#define XSDT  0x20000
#define RSDT  0x20800
#define TABLE 0x2000

static void build(u64 rsdp, u8 revision)
{
	u8 *r = low + rsdp;

	memset(low, 0, sizeof(low));
	memset(high, 0, sizeof(high));
	memcpy(r, "RSD PTR ", 8);
	r[15] = revision;
	put(r + 16, RSDT, 4);
	seal(r, 20, 8);
	put(r + 20, 36, 4);
	put(r + 24, XSDT, 8);
	seal(r, 36, 32);
	header(low + TABLE, "APIC", 44);
	header(high, "SSDT", 36);
	header(high + 64, "SSDT", 40);
	put(low + XSDT + 36, TABLE, 8);
	put(low + XSDT + 44, 0, 8);
	put(low + XSDT + 52, 0xdead000000ull, 8);
	put(low + XSDT + 60, GIB(4), 8);
	put(low + XSDT + 68, GIB(4) + 64, 8);
	header(low + XSDT, "XSDT", 76);
	put(low + RSDT + 36, TABLE, 4);
	header(low + RSDT, "RSDT", 40);
}

static void finds_tables_by_signature(void **state)
{
	const char *why;
	struct acpi a;
	paddr_t pa;
	u8 buf[64];
	u32 size;

	build(0xf1230, 2);
	assert_int_equal(acpi_find_rsdp(&source, &pa), OK);
	assert_int_equal(pa.v, 0xf1230);
	assert_int_equal(acpi_open(&a, &source, pa, &why), OK);
	assert_int_equal(a.entries, 5);
	assert_int_equal(acpi_find(&a, "APIC", 0, &pa, &size), OK);
	assert_int_equal(pa.v, TABLE);
	assert_int_equal(size, 44);
	assert_int_equal(acpi_load(&a, "APIC", pa, buf, size), OK);
	assert_int_equal(acpi_find(&a, "SSDT", 1, &pa, &size), OK);
	assert_int_equal(pa.v, GIB(4) + 64);
	assert_int_equal(size, 40);
	assert_int_equal(acpi_find(&a, "SSDT", 2, &pa, &size), ERR_NOENT);
	assert_int_equal(acpi_find(&a, "DMAR", 0, &pa, &size), ERR_NOENT);

	/* ACPI 1.0: the RSDT, and the RSDP in the EBDA is found first. */
	build(0x9fc10, 0);
	put(low + 0x40e, 0x9fc0, 2);
	assert_int_equal(acpi_find_rsdp(&source, &pa), OK);
	assert_int_equal(pa.v, 0x9fc10);
	assert_int_equal(acpi_open(&a, &source, pa, &why), OK);
	assert_int_equal(a.entry_size, 4);
	assert_int_equal(acpi_find(&a, "APIC", 0, &pa, &size), OK);
	assert_int_equal(acpi_find(&a, "SSDT", 0, &pa, &size), ERR_NOENT);
}

static void broken_roots_are_refused_with_a_reason(void **state)
{
	static const struct {
		u64 at;
		u8 value;
		u32 seal_table; /* fix this table's sum afterwards */
		int err;
		const char *says;
	} rows[] = {
	    {0xf1230, 'X', 0, ERR_INVAL, "no RSDP"},
	    {0xf1230 + 9, 1, 0, ERR_CORRUPT, "RSDP's checksum"},
	    {0xf1230 + 33, 1, 0, ERR_CORRUPT, "extended checksum"},
	    {0xf1230 + 20, 35, 1, ERR_RANGE, "RSDP's length"},
	    {0xf1230 + 22, 1, 1, ERR_RANGE, "RSDP's length"},
	    {0xf1230 + 31, 0x7f, 1, ERR_RANGE, "nothing can be read"},
	    {XSDT, 'Y', 0, ERR_INVAL, "neither an XSDT"},
	    {XSDT + 4, 35, 0, ERR_RANGE, "length is impossible"},
	    {XSDT + 7, 1, 0, ERR_RANGE, "length is impossible"},
	    {XSDT + 6, 0xf, 0, ERR_RANGE, "ends where nothing"},
	    {XSDT + 40, 1, 0, ERR_CORRUPT, "root table's checksum"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = NULL;
		struct acpi a;

		build(0xf1230, 2);
		low[rows[i].at] = rows[i].value;
		if (rows[i].seal_table)
			seal(low + 0xf1230, 36, 32);
		assert_int_equal(acpi_open(&a, &source, PADDR(0xf1230), &why), rows[i].err);
		assert_non_null(strstr(why, rows[i].says));
	}
	build(0xf1230, 2);
	low[0xf1230] = 0;
	paddr_t pa;

	assert_int_equal(acpi_find_rsdp(&source, &pa), ERR_NOENT);
}

static void a_table_is_checked_before_use(void **state)
{
	u8 t[64] = {0};

	header(t, "DMAR", 48);
	assert_int_equal(acpi_check(t, 64, "DMAR"), OK);
	assert_int_equal(acpi_check(t, 48, "DMAR"), OK);
	assert_int_equal(acpi_check(t, 47, "DMAR"), ERR_RANGE);
	assert_int_equal(acpi_check(t, 35, "DMAR"), ERR_RANGE);
	assert_int_equal(acpi_check(t, 64, "IVRS"), ERR_INVAL);
	t[40] ^= 1;
	assert_int_equal(acpi_check(t, 64, "DMAR"), ERR_CORRUPT);
	put(t + 4, 35, 4);
	assert_int_equal(acpi_check(t, 64, "DMAR"), ERR_RANGE);
}

static void madt_speaks_of_cores_in_both_formats(void **state)
{
	static const u8 entries[] =
	    {
		0,   8,	 0, 0,	  1,	0, 0,	 0, /* id 0 */
		0,   8,	 1, 2,	  1,	0, 0,	 0, /* id 2 */
		0,   8,	 2, 0xff, 0,	0, 0,	 0, /* empty slot */
		0,   8,	 3, 0xff, 1,	0, 0,	 0, /* enabled, impossible id */
		0,   8,	 4, 6,	  2,	0, 0,	 0, /* may come online */
		9,   16, 0, 0,	  0x2c, 1, 0,	 0,    1,  0,  0, 0, 7,	   1,  0, 0, /* x2APIC 300 */
		9,   16, 0, 0,	  2,	0, 0,	 0,    1,  0,  0, 0, 1,	   0,  0, 0, /* 2 again */
		1,   12, 9, 0,	  0,	0, 0xc0, 0xfe, 24, 0,  0, 0, 2,	   10, 0, 9, 20, 0, 0, 0,
		0xd, 0,	 4, 6,	  0xff, 5, 0,	 1,    10, 12, 4, 0, 7,	   1,  0, 0, 1,	 0, 0, 0,
		5,   12, 0, 0,	  0,	0, 0xe0, 0xfe, 1,  0,  0, 0, 0x7f, 3,  0,
	    };
	u8 t[44 + sizeof(entries)] = {0};
	struct madt_entry e;
	const char *why;
	u32 ids[8];

	memcpy(t + 44, entries, sizeof(entries));
	header(t, "APIC", sizeof(t));
	assert_int_equal(acpi_check(t, sizeof(t), "APIC"), OK);
	assert_int_equal(madt_cpus(t, ids, 8, &why), 3);
	assert_int_equal(ids[0], 0);
	assert_int_equal(ids[1], 2);
	assert_int_equal(ids[2], 300);
	assert_non_null(strstr(why, "twice"));
	assert_int_equal(madt_cpus(t, ids, 1, NULL), 3);
	assert_int_equal(madt_cpus(t, NULL, 0, NULL), 3);

	struct acpi_cursor c = madt_entries(t);

	for (int i = 0; i < 8; i++)
		assert_true(madt_next(&c, &e));
	assert_int_equal(e.kind, MADT_IOAPIC);
	assert_int_equal(e.ioapic.id, 9);
	assert_int_equal(e.ioapic.address, 0xfec00000);
	assert_int_equal(e.ioapic.gsi_base, 24);
	assert_true(madt_next(&c, &e));
	assert_int_equal(e.override.irq, 9);
	assert_int_equal(e.override.gsi, 20);
	assert_int_equal(e.override.flags, 0xd);
	assert_true(madt_next(&c, &e));
	assert_true(e.kind == MADT_LOCAL_NMI && e.nmi.all && e.nmi.lint == 1 && e.nmi.flags == 5);
	assert_true(madt_next(&c, &e));
	assert_true(e.kind == MADT_LOCAL_NMI && !e.nmi.all && e.nmi.uid == 263 && e.nmi.flags == 4);
	assert_true(madt_next(&c, &e));
	assert_int_equal(e.local_address, 0x1fee00000ull);
	assert_true(madt_next(&c, &e));
	assert_int_equal(e.kind, MADT_OTHER);
	assert_false(madt_next(&c, &e));
	assert_null(c.why);

	/* Cut anywhere: the walk ends inside the table, and says so unless the cut is between two. */
	for (u32 length = 36; length < sizeof(t); length++) {
		u8 *cut = malloc(length);

		memcpy(cut, t, length);
		header(cut, "APIC", length);
		c = madt_entries(cut);
		while (madt_next(&c, &e))
			assert_true(e.offset < length);
		assert_true(c.why || c.at == length);
		assert_true(length >= 44 || c.why);
		madt_cpus(cut, ids, 8, &why);
		free(cut);
	}
}

static void odd_madt_lengths_end_the_walk(void **state)
{
	u8 t[60] = {0};
	struct madt_entry e;
	struct acpi_cursor c;

	t[44] = 9;
	t[45] = 8; /* a type 9 of the length of a type 0 */
	header(t, "APIC", sizeof(t));
	c = madt_entries(t);
	assert_false(madt_next(&c, &e));
	assert_non_null(strstr(c.why, "shorter than its type"));
	t[45] = 0; /* would never advance */
	c = madt_entries(t);
	assert_false(madt_next(&c, &e));
	assert_non_null(strstr(c.why, "below 2"));
	t[45] = 17;
	c = madt_entries(t);
	assert_false(madt_next(&c, &e));
	assert_non_null(strstr(c.why, "beyond the end"));
}

static void mcfg_windows(void **state)
{
	struct mcfg_window w;
	u8 t[44 + 3 * 16 + 5] = {0};

	put(t + 44, 0xe0000000, 8);
	t[55] = 255;
	put(t + 60, 0x380000000ull, 8);
	put(t + 68, 7, 2);
	t[70] = 0x10;
	t[71] = 0x1f;
	put(t + 76, 0xf0000000, 8);
	t[86] = 5;
	header(t, "MCFG", sizeof(t));
	assert_int_equal(mcfg_window(t, 0, &w), OK);
	assert_true(w.base.v == 0xe0000000 && w.segment == 0 && w.first_bus == 0 &&
		    w.last_bus == 255);
	assert_int_equal(mcfg_window(t, 1, &w), OK);
	assert_true(w.segment == 7 && w.first_bus == 0x10 && w.last_bus == 0x1f);
	assert_int_equal(mcfg_window(t, 2, &w), ERR_INVAL);
	assert_int_equal(mcfg_window(t, 3, &w), ERR_NOENT);
	header(t, "MCFG", 36);
	assert_int_equal(mcfg_window(t, 0, &w), ERR_NOENT);
}

static void srat_and_slit(void **state)
{
	u8 t[48 + 16 + 24 + 40 + 40] = {0}, *p = t + 48;
	u8 l[44 + 4] = {0};

	memcpy(p, (u8[]){0, 16, 1, 4, 1, 0, 0, 0, 0, 2}, 10);
	p += 16;
	memcpy(p, (u8[]){2, 24, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 1}, 13);
	p += 24;
	memcpy(p, (u8[]){1, 40, 1, 2}, 4);
	put(p + 8, GIB(4), 8);
	put(p + 16, GIB(2), 8);
	put(p + 28, 1, 4);
	p += 40;
	memcpy(p, (u8[]){1, 40, 9}, 3); /* wraps: counts for nothing */
	put(p + 8, ~0ull - 1, 8);
	put(p + 16, 16, 8);
	put(p + 28, 1, 4);
	header(t, "SRAT", sizeof(t));
	assert_int_equal(srat_cpu_node(t, 4), 0x201);
	assert_int_equal(srat_cpu_node(t, 256), 3);
	assert_int_equal(srat_cpu_node(t, 5), 0);
	assert_int_equal(srat_memory_node(t, PADDR(GIB(5))), 0x201);
	assert_int_equal(srat_memory_node(t, PADDR(GIB(6))), 0);
	assert_int_equal(srat_memory_node(t, PADDR(~0ull)), 0);
	t[8] = 1;
	assert_int_equal(srat_cpu_node(t, 4), 1);
	assert_int_equal(srat_memory_node(t, PADDR(GIB(5))), 1);

	put(l + 36, 2, 8);
	memcpy(l + 44, (u8[]){10, 21, 22, 10}, 4);
	header(l, "SLIT", sizeof(l));
	assert_int_equal(slit_nodes(l), 2);
	assert_int_equal(slit_distance(l, 0, 1), 21);
	assert_int_equal(slit_distance(l, 1, 0), 22);
	assert_int_equal(slit_distance(l, 2, 0), 255);
	put(l + 36, 3, 8);
	assert_int_equal(slit_nodes(l), 0);
	put(l + 36, 1ull << 32, 8);
	assert_int_equal(slit_nodes(l), 0);
}

/* ---- real machines --------------------------------------------------------------------------- */

static u8 *slurp(const char *folder, const char *machine, const char *file, long *size)
{
	char path[512];
	u8 *data;
	FILE *f;

	snprintf(path, sizeof(path), "%s/acpi-corpus/%s/%s", folder, machine, file);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	data = malloc((size_t)*size);
	assert_int_equal(fread(data, 1, (size_t)*size, f), *size);
	fclose(f);
	return data;
}

static void check_machine(const char *folder, const char *name)
{
	struct mcfg_window w;
	struct madt_entry e;
	struct srat_entry s;
	u32 ids[1024], n, nodes = 0;
	long size;
	u8 *t = slurp(folder, name, "APIC.bin", &size), *srat;

	assert_non_null(t);
	assert_int_equal(acpi_check(t, (u64)size, "APIC"), OK);

	struct acpi_cursor c = madt_entries(t);

	while (madt_next(&c, &e))
		;
	assert_null(c.why);
	n = madt_cpus(t, ids, 1024, NULL);
	assert_in_range(n, 1, 1024);
	srat = slurp(folder, name, "SRAT.bin", &size);
	if (srat) {
		assert_int_equal(acpi_check(srat, (u64)size, "SRAT"), OK);
		for (c = srat_entries(srat); srat_next(&c, &s);)
			nodes += s.kind == SRAT_CPU && s.enabled && s.apic_id == ids[n - 1];
		assert_null(c.why);
		assert_int_equal(nodes, 1);
	}
	free(srat);
	free(t);
	t = slurp(folder, name, "MCFG.bin", &size);
	assert_non_null(t);
	assert_int_equal(acpi_check(t, (u64)size, "MCFG"), OK);
	assert_int_equal(mcfg_window(t, 0, &w), OK);
	free(t);
}

static void machines_of_the_corpus(void **state)
{
	const char *folder = getenv("CAPROCK_CORPUS");
	char path[512];
	unsigned seen = 0;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/acpi-corpus", folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		check_machine(folder, d->d_name);
		seen++;
	}
	closedir(dir);
	assert_true(seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_tables_by_signature),
	    cmocka_unit_test(broken_roots_are_refused_with_a_reason),
	    cmocka_unit_test(a_table_is_checked_before_use),
	    cmocka_unit_test(madt_speaks_of_cores_in_both_formats),
	    cmocka_unit_test(odd_madt_lengths_end_the_walk),
	    cmocka_unit_test(mcfg_windows),
	    cmocka_unit_test(srat_and_slit),
	};
	const struct CMUnitTest corpus[] = {cmocka_unit_test(machines_of_the_corpus)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return getenv("CAPROCK_CORPUS") ? failed + cmocka_run_group_tests(corpus, NULL, NULL)
					: failed;
}
