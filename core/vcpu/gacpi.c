#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/gacpi.h"
#include "core/vcpu/gacpi_dsdt.h"
#include "core/vcpu/ioapic.h"
#include "core/vcpu/lapic.h"
#include "core/vcpu/pm.h"

#define MAX_CPUS     1024u
#define HEADER	     36u
#define RSDP_SIZE    36u
#define XSDT_TABLES  3u
#define FADT_SIZE    276u
#define MCFG_SIZE    60u
#define DSDT_MAX     2048u
#define XAPIC_ID_MAX 254u

/* FADT fields (ACPI 6.5 table 5.9), by offset. */
#define FADT_DSDT	   40
#define FADT_PM_TIMER	   76
#define FADT_PM_TIMER_LEN  91
#define FADT_PROFILE	   45
#define FADT_BOOT_ARCH	   109
#define FADT_FLAGS	   112
#define FADT_RESET_REG	   116
#define FADT_RESET_VALUE   128
#define FADT_MINOR	   131
#define FADT_X_DSDT	   140
#define FADT_X_PM_TIMER	   208
#define FADT_SLEEP_CONTROL 244
#define FADT_SLEEP_STATUS  256
#define FADT_HYPERVISOR	   268

#define PROFILE_WORKSTATION 3
#define BOOT_ARCH_SERIAL    1u /* legacy devices: COM1, RTC */
#define FLAGS_WBINVD	    (1u << 0)
#define FLAGS_BUTTONS	    (3u << 4) /* power and sleep button are no fixed hardware */
#define FLAGS_RESET_REG	    (1u << 10)
#define FLAGS_HW_REDUCED    (1u << 20)

static u32 madt_size(u32 ncpus)
{
	u32 x2 = ncpus > XAPIC_ID_MAX + 1 ? ncpus - (XAPIC_ID_MAX + 1) : 0;

	return HEADER + 8 + (ncpus - x2) * 8 + x2 * 16 + 12;
}

u32 gacpi_size(const struct gacpi_config *c)
{
	return 1024 + DSDT_MAX + FADT_SIZE + MCFG_SIZE + madt_size(c->ncpus);
}

static void put(struct aml *a, u32 at, const void *v, u32 n)
{
	if (!a->overflow && at + n <= a->len)
		memcpy(a->buf + at, v, n);
}

static void zeros(struct aml *a, u32 n)
{
	while (n--)
		aml_byte(a, 0);
}

/* The bytes from `from` to the end add up to 0 with the byte at `at`. */
static void checksum(struct aml *a, u32 from, u32 n, u32 at)
{
	u8 sum = 0;

	if (a->overflow)
		return;
	a->buf[at] = 0;
	for (u32 i = 0; i < n; i++)
		sum += a->buf[from + i];
	a->buf[at] = (u8)-sum;
}

static u32 begin_table(struct aml *a, const char *signature, u8 revision)
{
	while (a->len % 16 && !a->overflow)
		aml_byte(a, 0);
	u32 at = a->len;

	aml_bytes(a, signature, 4);
	aml_dword(a, 0);
	aml_byte(a, revision);
	aml_byte(a, 0);
	aml_bytes(a, "CAPRCKWORKSTN ", 14);
	aml_dword(a, 1);
	aml_bytes(a, "CAPR", 4);
	aml_dword(a, 1);
	return at;
}

static void end_table(struct aml *a, u32 at)
{
	u32 n = a->len - at;

	put(a, at + 4, &n, 4);
	checksum(a, at, n, at + 9);
}

static u64 address(u32 at)
{
	return LAYOUT_TABLES + at;
}

/* A generic address structure: one byte of I/O space (§5.2.3.2). */
static void io_register(struct aml *a, u32 at, u16 port)
{
	const u8 gas[12] = {1, 8, 0, 1, (u8)port, (u8)(port >> 8)};

	put(a, at, gas, sizeof(gas));
}

static u32 write_fadt(struct aml *a, u32 dsdt)
{
	u32 at = begin_table(a, "FACP", 6), dsdt32 = (u32)address(dsdt);
	u64 dsdt64 = address(dsdt);
	u32 flags = FLAGS_WBINVD | FLAGS_BUTTONS | FLAGS_RESET_REG | FLAGS_HW_REDUCED;
	u8 profile = PROFILE_WORKSTATION, reset = 6, minor = 5, pm_timer_len = 4;
	/*
	 * Hardware-reduced ACPI has no PM timer and ignores these fields; Linux takes the timer from
	 * them all the same, and needs one where the TSC is not promised.
	 */
	const u32 pm_timer = PM_TIMER;
	const u8 x_pm_timer[12] = {1, 32, 0, 3, PM_TIMER & 0xff, PM_TIMER >> 8};
	u16 boot_arch = BOOT_ARCH_SERIAL;

	zeros(a, FADT_SIZE - HEADER);
	put(a, at + FADT_DSDT, &dsdt32, 4);
	put(a, at + FADT_PROFILE, &profile, 1);
	put(a, at + FADT_BOOT_ARCH, &boot_arch, 2);
	put(a, at + FADT_FLAGS, &flags, 4);
	io_register(a, at + FADT_RESET_REG, 0xcf9);
	put(a, at + FADT_RESET_VALUE, &reset, 1);
	put(a, at + FADT_MINOR, &minor, 1);
	put(a, at + FADT_X_DSDT, &dsdt64, 8);
	put(a, at + FADT_PM_TIMER, &pm_timer, 4);
	put(a, at + FADT_PM_TIMER_LEN, &pm_timer_len, 1);
	put(a, at + FADT_X_PM_TIMER, x_pm_timer, sizeof(x_pm_timer));
	io_register(a, at + FADT_SLEEP_CONTROL, PM_SLEEP_CONTROL);
	io_register(a, at + FADT_SLEEP_STATUS, PM_SLEEP_STATUS);
	put(a, at + FADT_HYPERVISOR, "Caprock", 8);
	end_table(a, at);
	return at;
}

static u32 write_madt(struct aml *a, u32 ncpus)
{
	u32 at = begin_table(a, "APIC", 5);

	aml_dword(a, (u32)APIC_BASE_ADDRESS);
	aml_dword(a, 0); /* no 8259s */
	for (u32 i = 0; i < ncpus; i++) {
		if (i <= XAPIC_ID_MAX) {
			const u8 cpu[4] = {0, 8, (u8)i, (u8)i};

			aml_bytes(a, cpu, 4);
			aml_dword(a, 1);
		} else {
			aml_word(a, 9 | 16 << 8);
			aml_word(a, 0);
			aml_dword(a, i);
			aml_dword(a, 1);
			aml_dword(a, i);
		}
	}
	aml_word(a, 1 | 12 << 8);
	aml_word(a, 0); /* I/O APIC id 0 */
	aml_dword(a, IOAPIC_BASE);
	aml_dword(a, 0);
	end_table(a, at);
	return at;
}

static u32 write_mcfg(struct aml *a, u16 buses)
{
	u32 at = begin_table(a, "MCFG", 1);

	zeros(a, 8);
	aml_qword(a, LAYOUT_ECAM);
	aml_word(a, 0);
	aml_byte(a, 0);
	aml_byte(a, (u8)(buses - 1));
	aml_dword(a, 0);
	end_table(a, at);
	return at;
}

/* RSDP and XSDT come first in memory and last in order: they name the others. */
static void write_root(struct aml *a, u32 xsdt, const u32 *tables, u32 n)
{
	struct aml root = {.buf = a->buf, .size = a->size};
	u32 at;

	if (a->overflow)
		return;
	aml_bytes(&root, "RSD PTR ", 8);
	aml_byte(&root, 0);
	aml_bytes(&root, "CAPRCK", 6);
	aml_byte(&root, 2);
	aml_dword(&root, 0);
	aml_dword(&root, RSDP_SIZE);
	aml_qword(&root, address(xsdt));
	aml_dword(&root, 0);
	checksum(&root, 0, 20, 8);
	checksum(&root, 0, RSDP_SIZE, 32);
	at = begin_table(&root, "XSDT", 1);
	for (u32 i = 0; i < n; i++)
		aml_qword(&root, address(tables[i]));
	end_table(&root, at);
}

int gacpi_build(const struct gacpi_config *c, void *buffer, u32 size, struct gacpi_image *out)
{
	struct aml a = {.buf = buffer, .size = size};
	u32 tables[XSDT_TABLES], dsdt, xsdt = align_up(RSDP_SIZE, 16);

	if (!c->ncpus || c->ncpus > MAX_CPUS || !c->layout)
		return ERR_INVAL;
	zeros(&a, xsdt + HEADER + XSDT_TABLES * 8);
	dsdt = begin_table(&a, "DSDT", 2);
	gacpi_write_dsdt(&a, c);
	end_table(&a, dsdt);
	tables[0] = write_fadt(&a, dsdt);
	tables[1] = write_madt(&a, c->ncpus);
	tables[2] = write_mcfg(&a, c->layout->ecam_buses);
	write_root(&a, xsdt, tables, XSDT_TABLES);
	if (a.overflow || LAYOUT_TABLES + a.len > LAYOUT_TABLES_END)
		return ERR_RANGE;
	*out = (struct gacpi_image){.base = GPA(LAYOUT_TABLES), .size = a.len};
	return OK;
}
