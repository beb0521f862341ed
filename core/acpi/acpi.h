/*
 * Firmware's tables, read as what they are: bytes from somebody else. From the RSDP over the XSDT
 * or RSDT to a table by its signature (ACPI 6.5 §5.2), every length checked before it is used,
 * nothing read that was not asked of the source.
 */
#pragma once

#include "core/base/types.h"

/* Where the bytes come from: physical memory at boot, a file or sysfs in the tool. */
struct acpi_source {
	/* Copy exactly n bytes at pa to buf, or return an error: nothing readable is there. */
	int (*read)(void *ctx, paddr_t pa, void *buf, u64 n);
	void *ctx;
};

/* What every table begins with (§5.2.6). */
struct acpi_header {
	char signature[4];
	u32 length; /* of the whole table, this header included */
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;

/* An opened root table. The source outlives it. */
struct acpi {
	const struct acpi_source *source;
	u8 revision;   /* of the RSDP */
	u8 entry_size; /* 8: XSDT, 4: RSDT */
	paddr_t root;  /* its first entry */
	u32 entries;
};

/* Root tables beyond this are refused: 128 Ki tables are no firmware's. */
#define ACPI_ROOT_MAX MIB(1)

/*
 * Find the RSDP of a BIOS machine: first KiB of the EBDA, then [E0000, 100000) (§5.2.5.1). Boot
 * loaders hand it over; this is for those that do not. ERR_NOENT.
 */
__must_check int acpi_find_rsdp(const struct acpi_source *s, paddr_t *rsdp);

/*
 * Check the RSDP at `rsdp` and its root table; the XSDT where there is one (§5.2.8). Errors, with a
 * sentence in *why: ERR_INVAL signature, ERR_CORRUPT checksum, ERR_RANGE length, or the source's.
 */
__must_check int acpi_open(struct acpi *a, const struct acpi_source *s, paddr_t rsdp,
			   const char **why);

/*
 * The `nth` (from 0) table with that signature: its address and its length, which is at least a
 * header's. Entries that cannot be read are passed over. ERR_NOENT.
 */
__must_check int acpi_find(const struct acpi *a, const char *signature, u32 nth, paddr_t *pa,
			   u32 *size);

/* Copy the table found into buf[0..size) and check it as acpi_check() does. */
__must_check int acpi_load(const struct acpi *a, const char *signature, paddr_t pa, void *buf,
			   u32 size);

/*
 * A table in memory, `size` bytes of it: ERR_RANGE when shorter than its header or its own length,
 * ERR_INVAL for another signature, ERR_CORRUPT when the bytes do not add up to 0. The length in the
 * header counts, what lies behind it is ignored. Firmware with a wrong sum exists: a caller may go
 * on after ERR_CORRUPT, which is found last, with a warning.
 */
__must_check int acpi_check(const void *table, u64 size, const char *signature);

/* ---- structures inside a table: a type byte, a length byte, then the rest --------------------- */

struct acpi_cursor {
	const u8 *table;
	u32 at, end;	 /* offsets in the table */
	const char *why; /* set when the walk ended before the table did */
};

struct acpi_entry {
	u8 type, length;
	u32 offset;	/* in the table, for messages */
	const u8 *data; /* `length` bytes, type and length included */
};

/* Start at `first` in a table that acpi_check() knows (or found only the sum wrong). */
struct acpi_cursor acpi_entries(const void *table, u32 first);
/*
 * The next structure; false at the end, with c->why set when the rest is malformed. `least`: the
 * length that each of the first `types` types demands, 0: any will do, as for the types after them.
 */
__must_check bool acpi_next(struct acpi_cursor *c, const u8 *least, u32 types,
			    struct acpi_entry *e);

/* Little-endian fields at any alignment. */
u16 acpi_u16(const u8 *p);
u32 acpi_u32(const u8 *p);
u64 acpi_u64(const u8 *p);
