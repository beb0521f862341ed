/*
 * The IVRS table: what AMD firmware says of its IOMMUs (AMD I/O Virtualization, 48882, §5.2).
 *
 * ivrs_parse() turns the bytes into plain arrays: start and end entries become one range, and of
 * several IVHDs for one unit (types 10h, 11h, 40h: each made for older software) the richest is
 * marked as the one to use.
 */
#pragma once

#include "iommu/tables/table.h"

enum ivrs_entry_kind {
	IVRS_ALL,    /* every device id of the segment */
	IVRS_SELECT, /* one device id */
	IVRS_RANGE,  /* first .. last */
	IVRS_IOAPIC, /* I/O APIC `handle` sends its interrupts as `first` */
	IVRS_HPET,
	IVRS_SPECIAL, /* a special device of a variety this code does not know */
	IVRS_ACPI,    /* a device that ACPI alone names */
};

/* Settings of an entry (§5.2.2.2): what else than DMA and messages passes. Caprock passes none. */
#define IVRS_INIT_PASS	1
#define IVRS_EINT_PASS	2
#define IVRS_NMI_PASS	4
#define IVRS_LINT0_PASS 0x40
#define IVRS_LINT1_PASS 0x80

struct ivrs_entry {
	u32 offset;
	u8 kind; /* enum ivrs_entry_kind */
	u8 type; /* as in the table */
	u16 first, last;
	u8 settings;
	bool aliased; /* requests of first .. last arrive with device id `alias` */
	u16 alias;
	u32 extended; /* §5.2.2.4: bit 31 ATS disabled */
	u8 handle;    /* I/O APIC id, HPET number */
	u8 variety;   /* of a special device */
	char hid[9], cid[9];
	char uid[32]; /* as text; numbers in hexadecimal with 0x */
};

struct ivrs_unit {
	u32 offset;
	u8 type; /* 10h, 11h, 40h */
	u8 flags;
	u16 devid; /* the IOMMU's own device id */
	u16 segment;
	u16 capability; /* offset of its capability block in config space */
	u64 base;
	u16 info;
	u32 attributes;		 /* 10h: feature reporting; 11h, 40h: attributes */
	u64 features, features2; /* EFR images of 11h and 40h, else 0 */
	bool used;		 /* the richest of its unit */
	u32 nentries;
	struct ivrs_entry *entries;
};

/* §5.2.2.3 IVMD flags */
#define IVRS_UNITY   1
#define IVRS_READ    2
#define IVRS_WRITE   4
#define IVRS_EXCLUDE 8

struct ivrs_reserved {
	u32 offset;
	u8 type; /* 20h all, 21h one, 22h range */
	u8 flags;
	u16 segment;
	u16 first, last; /* device ids */
	u64 base, length;
};

struct ivrs {
	struct table_header header;
	u32 info; /* §5.2.1 IVinfo */
	bool complete;
	u32 nunits, nreserved, nunknown;
	struct ivrs_unit *units;
	struct ivrs_reserved *reserved;
	u32 notes[NOTE_ERROR + 1];
};

/* Bytes of memory, 8-aligned, that parsing a table of `len` bytes can need at most. */
size_t ivrs_memory(size_t len);

/* As dmar_parse(). */
__must_check int ivrs_parse(const void *bytes, size_t len, void *memory, size_t memory_size,
			    struct ivrs *out, table_note_sink sink, void *ctx);

/* What contradicts itself across blocks: called by ivrs_parse(). */
void ivrs_check(struct table *t, const struct ivrs *v);

/* "00:14.0" of a device id. */
void ivrs_devid_text(u16 devid, char *out, size_t size);
/* "00:14.0 to 00:14.7", "I/O APIC 33 at 00:14.0", ... */
void ivrs_entry_text(const struct ivrs_entry *e, char *out, size_t size);
