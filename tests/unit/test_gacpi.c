/* The guest's ACPI and SMBIOS tables: sums, links, and what an independent disassembler reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/acpi/acpi.h"
#include "core/acpi/madt.h"
#include "core/base/err.h"
#include "core/vcpu/gacpi.h"

static u8 image[65536];
static struct layout layout;
static struct gacpi_image acpi;

static struct gacpi_config config(u32 ncpus)
{
	struct gacpi_config c = {
	    .ncpus = ncpus,
	    .layout = &layout,
	    .name = "seismic-1",
	    .serial = "SN-42",
	    .threads_per_core = 1,
	    .cpu_name = "Test processor",
	    .cpu_mhz = 3000,
	};

	for (u32 i = 0; i < 16; i++)
		c.uuid[i] = (u8)(i * 0x11);
	return c;
}

static int read_image(void *ctx, paddr_t pa, void *buf, u64 n)
{
	if (pa.v < acpi.base.v || pa.v + n > acpi.base.v + acpi.size)
		return ERR_RANGE;
	memcpy(buf, image + (pa.v - acpi.base.v), n);
	return OK;
}

static const struct acpi_source source = {read_image, NULL};

static void build(u32 ncpus)
{
	struct gacpi_config c = config(ncpus);

	assert_int_equal(layout_make(GIB(6), MIB(256), GIB(16), 256, 40, &layout), OK);
	assert_true(gacpi_size(&c) <= sizeof(image));
	assert_int_equal(gacpi_build(&c, image, gacpi_size(&c), &acpi), OK);
}

static u32 load(const char *signature, u8 *out, u32 max)
{
	struct acpi a;
	const char *why = NULL;
	paddr_t pa;
	u32 size;

	assert_int_equal(acpi_open(&a, &source, PADDR(acpi.base.v), &why), OK);
	assert_int_equal(acpi_find(&a, signature, 0, &pa, &size), OK);
	assert_true(size <= max);
	assert_int_equal(acpi_load(&a, signature, pa, out, size), OK);
	return size;
}

static void a_reader_of_firmware_finds_every_table(void **state)
{
	u8 table[32768];
	u32 ids[1024];
	static const u32 counts[] = {1, 2, 255, 256, 300, 1024};

	for (u32 n = 0; n < ARRAY_SIZE(counts); n++) {
		build(counts[n]);
		load("FACP", table, sizeof(table));
		assert_true(acpi_u32(table + 112) >> 20 & 1);
		load("MCFG", table, sizeof(table));
		load("APIC", table, sizeof(table));
		assert_int_equal(madt_cpus(table, ids, 1024, NULL), counts[n]);
		for (u32 i = 0; i < counts[n]; i++)
			assert_int_equal(ids[i], i);
	}
}

static void the_disassembler_reads_the_dsdt(void **state)
{
	char dir[] = "/tmp/caprock-dsdt-XXXXXX", name[64], command[256], line[256];
	u8 table[4096], fadt[512];
	bool bridge = false, ecam = false, serial = false, button = false, s5 = false;
	FILE *f;
	u32 size;

	build(4);
	load("FACP", fadt, sizeof(fadt));
	paddr_t dsdt = PADDR(acpi_u64(fadt + 140));

	assert_int_equal(read_image(NULL, dsdt, table, 36), OK);
	size = acpi_u32(table + 4);
	assert_true(size <= sizeof(table));
	assert_int_equal(read_image(NULL, dsdt, table, size), OK);
	assert_int_equal(acpi_check(table, size, "DSDT"), OK);

	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/dsdt.aml", dir);
	f = fopen(name, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(table, 1, size, f), size);
	fclose(f);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d dsdt.aml >log 2>&1 && iasl dsdt.dsl >log 2>&1", dir);
	assert_int_equal(system(command), 0);
	snprintf(name, sizeof(name), "%s/dsdt.dsl", dir);
	f = fopen(name, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		bridge |= strstr(line, "PNP0A08") != NULL;
		ecam |= strstr(line, "PNP0C02") != NULL;
		serial |= strstr(line, "PNP0501") != NULL;
		button |= strstr(line, "Notify (PWRB, 0x80)") != NULL;
		s5 |= strstr(line, "Name (_S5") != NULL;
	}
	fclose(f);
	assert_true(bridge && ecam && serial && button && s5);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void too_little_room_is_refused(void **state)
{
	struct gacpi_config c = config(4);
	struct gacpi_image out;

	build(4);
	for (u32 size = 0; size < acpi.size; size += 7)
		assert_int_equal(gacpi_build(&c, image, size, &out), ERR_RANGE);
	c.ncpus = 0;
	assert_int_equal(gacpi_build(&c, image, sizeof(image), &out), ERR_INVAL);
	c.ncpus = 1025;
	assert_int_equal(gacpi_build(&c, image, sizeof(image), &out), ERR_INVAL);
}

static void smbios_says_who_it_is(void **state)
{
	struct gacpi_config c = config(4);
	struct gacpi_image out;
	u8 buf[4096], sum = 0;
	u32 at = 24, types = 0;
	bool uuid = false;

	build(4);
	assert_int_equal(smbios_build(&c, &acpi, buf, smbios_size(&c), &out), OK);
	assert_memory_equal(buf, "_SM3_", 5);
	for (u32 i = 0; i < 24; i++)
		sum += buf[i];
	assert_int_equal(sum, 0);
	assert_int_equal(acpi_u64(buf + 16), out.base.v + 24);
	while (buf[at] != 127) {
		const u8 *s = buf + at;

		types |= buf[at] < 32 ? 1u << buf[at] : 0;
		if (s[0] == 1) {
			/* 33221100-5544-7766-8899-aabbccddeeff as it is stored. */
			static const u8 want[] = {0x33, 0x22, 0x11, 0,	 0x55,
						  0x44, 0x77, 0x66, 0x88};

			uuid = !memcmp(s + 8, want, sizeof(want));
			assert_string_equal((const char *)s + s[1] + strlen("Caprock") + 1 +
						strlen("Dedicated workstation") + 1,
					    "SN-42");
		}
		for (at += s[1]; buf[at] || buf[at + 1]; at++)
			assert_true(at < out.size);
		at += 2;
	}
	assert_true(uuid);
	assert_int_equal(
	    types & (1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 16 | 1u << 17 | 1u << 19),
	    1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 16 | 1u << 17 | 1u << 19);
	assert_int_equal(at + 6, out.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reader_of_firmware_finds_every_table),
	    cmocka_unit_test(the_disassembler_reads_the_dsdt),
	    cmocka_unit_test(too_little_room_is_refused),
	    cmocka_unit_test(smbios_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
