/* The input is physical memory with an RSDP at 0, and at the same time one table of each kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acpi/acpi.h"
#include "core/acpi/madt.h"
#include "core/acpi/mcfg.h"
#include "core/acpi/srat.h"
#include "core/base/err.h"

static const u8 *memory;
static u64 memory_size;

static int read_memory(void *ctx, paddr_t pa, void *buf, u64 n)
{
	if (pa.v > memory_size || n > memory_size - pa.v)
		return ERR_RANGE;
	memcpy(buf, memory + pa.v, n);
	return OK;
}

static void walk(void)
{
	static const struct acpi_source source = {read_memory, NULL};
	const char *why;
	struct acpi a;
	paddr_t pa;
	u32 size;
	u8 buf[256];

	(void)!acpi_find_rsdp(&source, &pa);
	if (acpi_open(&a, &source, PADDR(0), &why))
		return;
	if (!acpi_find(&a, "APIC", 0, &pa, &size) && size <= sizeof(buf))
		(void)!acpi_load(&a, "APIC", pa, buf, size);
}

static bool known(const u8 *p, size_t n, const char *signature)
{
	int err = acpi_check(p, n, signature);

	return err == OK || err == ERR_CORRUPT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mcfg_window w;
	struct srat_entry s;
	const char *why;
	u32 ids[4];

	memory = data;
	memory_size = n;
	walk();
	if (known(data, n, "APIC"))
		madt_cpus(data, ids, 4, &why);
	if (known(data, n, "MCFG"))
		for (u32 i = 0; mcfg_window(data, i, &w) != ERR_NOENT; i++)
			;
	if (known(data, n, "SRAT")) {
		struct acpi_cursor c = srat_entries(data);

		while (srat_next(&c, &s))
			(void)srat_memory_node(data, s.base);
		(void)srat_cpu_node(data, 1);
	}
	if (known(data, n, "SLIT"))
		(void)slit_distance(data, slit_nodes(data) - 1, slit_nodes(data) - 1);
	return 0;
}
