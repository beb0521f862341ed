/* What the machine says of itself: start info, command line, CPUID, ACPI tables. */
#include "lib/internal.h"

struct start_info { /* hvm_start_info, version 1 */
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
} __packed;

struct sdt {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[26];
	u8 body[];
} __packed;

struct gas {
	u8 space, width, offset, access;
	u64 address;
} __packed;

#define HVM_START_MAGIC	 0x336ec578u
#define AT(p, off, type) (*(const type *)((const u8 *)(p) + (off)))

extern u32 start_info;
struct guest_machine machine;
static const char *cmdline = "";
static u64 rsdp;

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

const char *option_text(const char *key, char *buf, size_t size)
{
	size_t n = length(key), i = 0;

	for (const char *p = cmdline; *p;) {
		while (*p == ' ')
			p++;
		if (!memcmp(p, key, n) && (p[n] == '=' || p[n] == ' ' || !p[n])) {
			p += n;
			if (*p == '=')
				p++;
			while (*p && *p != ' ' && i + 1 < size)
				buf[i++] = *p++;
			buf[i] = 0;
			return buf;
		}
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

bool option(const char *key)
{
	char buf[4];

	return option_text(key, buf, sizeof(buf)) != NULL;
}

bool option_is(const char *key, const char *value)
{
	char buf[64];
	const char *v = option_text(key, buf, sizeof(buf));

	return v && length(v) == length(value) && !memcmp(v, value, length(v));
}

u64 option_number(const char *key, u64 otherwise)
{
	char buf[32];
	const char *p = option_text(key, buf, sizeof(buf));
	u64 v = 0;

	if (!p || !*p)
		return otherwise;
	for (; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (u64)(*p - '0');
	return v;
}

const void *acpi_find(const char *signature)
{
	const struct sdt *xsdt, *t;
	bool wide;

	if (!rsdp)
		return NULL;
	wide = AT(rsdp, 15, u8) >= 2 && AT(rsdp, 24, u64);
	xsdt = (const struct sdt *)(wide ? AT(rsdp, 24, u64) : AT(rsdp, 16, u32));
	for (u32 i = 0; i < (xsdt->length - sizeof(*xsdt)) / (wide ? 8 : 4); i++) {
		t = (const struct sdt *)(wide ? AT(xsdt->body, 8 * i, u64)
					      : AT(xsdt->body, 4 * i, u32));
		if (!memcmp(t->signature, signature, 4))
			return t;
	}
	return NULL;
}

static void add_cpu(u32 apic_id)
{
	if (machine.ncpus < MAX_CPUS)
		cpus[machine.ncpus++].apic_id = apic_id;
}

static void read_madt(void)
{
	const struct sdt *t = acpi_find("APIC");
	const u8 *p, *end;

	if (!t)
		return;
	p = t->body + 8;
	end = (const u8 *)t + t->length;
	for (; p + 2 <= end && p[1] >= 2; p += p[1]) {
		if (p[0] == 0 && (AT(p, 4, u32) & 1))
			add_cpu(p[3]);
		if (p[0] == 9 && (AT(p, 8, u32) & 1))
			add_cpu(AT(p, 4, u32));
		if (p[0] == 1)
			machine.ioapic = AT(p, 4, u32);
	}
}

/* SLP_TYP of \_S5: the first number of the package that follows the name in the DSDT's AML. */
static u8 find_s5(const struct sdt *dsdt)
{
	const u8 *p = (const u8 *)dsdt;

	for (u32 i = sizeof(*dsdt); i + 8 < dsdt->length; i++) {
		if (memcmp(p + i, "_S5_", 4) || p[i + 4] != 0x12)
			continue;
		i += 5;
		i += 1 + (p[i] >> 6) + 1; /* PkgLength, NumElements */
		return p[i] == 0x0a ? p[i + 1] : p[i] == 1 ? 1 : 0;
	}
	return 0;
}

static void read_fadt(void)
{
	const struct sdt *t = acpi_find("FACP");
	u64 dsdt;

	if (!t)
		return;
	machine.reduced = AT(t, 112, u32) >> 20 & 1;
	machine.pm_timer = AT(t, 76, u32);
	if (!machine.pm_timer && t->length >= 220)
		machine.pm_timer = AT(t, 208 + 4, u64);
	machine.sleep_reg = machine.reduced ? AT(t, 244 + 4, u64) : AT(t, 64, u32);
	if (AT(t, 112, u32) >> 10 & 1) {
		machine.reset_reg = AT(t, 116 + 4, u64);
		machine.reset_value = AT(t, 128, u8);
	}
	dsdt = t->length >= 148 ? AT(t, 140, u64) : 0;
	if (!dsdt)
		dsdt = AT(t, 40, u32);
	if (dsdt)
		machine.sleep_s5 = find_s5((const struct sdt *)dsdt);
}

static void read_mcfg(void)
{
	const struct sdt *t = acpi_find("MCFG");

	if (!t || t->length < 44 + 16)
		return;
	machine.ecam = AT(t, 44, u64);
	machine.ecam_first = AT(t, 54, u8);
	machine.ecam_last = AT(t, 55, u8);
}

void machine_read(void)
{
	const struct start_info *s = (const struct start_info *)(u64)start_info;
	u32 r[4], me;

	cpuid(0x40000000, 0, r);
	machine.caprock = r[1] == 0x7263694du; /* "Micr", the Hyper-V signature Linux looks for */
	cpuid(1, 0, r);
	machine.has_x2apic = r[2] >> 21 & 1;
	me = r[1] >> 24;
	if (s->magic == HVM_START_MAGIC) {
		rsdp = s->rsdp;
		if (s->cmdline)
			cmdline = (const char *)s->cmdline;
		if (s->version >= 1) {
			machine.ranges = (const struct memory_range *)s->memmap;
			machine.nranges = s->memmap_entries;
		}
	}
	read_madt();
	read_fadt();
	read_mcfg();
	if (!machine.ncpus)
		add_cpu(me);
	for (u32 i = 0; i < MAX_CPUS; i++)
		cpus[i].index = i;
	/* The core we run on is index 0. */
	for (u32 i = 1; i < machine.ncpus; i++)
		if (cpus[i].apic_id == me) {
			cpus[i].apic_id = cpus[0].apic_id;
			cpus[0].apic_id = me;
		}
}

u32 pci_cf8_read(u32 bus, u32 devfn, u32 reg)
{
	outl(0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & 0xfc));
	return inl(0xcfc);
}
