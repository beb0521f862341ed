/*
 * The DMAR table: what Intel firmware says of its DMA-remapping hardware (VT-d 4.1 §8).
 *
 * dmar_parse() turns the bytes into plain arrays; offsets and text tell where each came from. What
 * the structures mean for functions of the machine is the common code's work (iommu/group.c).
 */
#pragma once

#include "iommu/tables/table.h"

/* §8.3.1 device scope types */
enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1, /* one PCI function */
	DMAR_SCOPE_BRIDGE = 2,	 /* a bridge and everything below */
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_ACPI = 5, /* see dmar_andd */
};

struct dmar_hop {
	u8 device, function;
};

struct dmar_scope {
	u32 offset;
	u8 type; /* enum dmar_scope_type, or a value this code does not know */
	u8 flags;
	u8 id; /* I/O APIC id, HPET number, ACPI device number */
	u8 bus;
	u8 depth;		     /* hops, at least 1 */
	const struct dmar_hop *path; /* in the table's bytes */
};

struct dmar_unit { /* DRHD, §8.3 */
	u32 offset;
	u16 segment;
	u8 flags;
	bool all; /* INCLUDE_PCI_ALL: every function of the segment no other unit names */
	u64 base, size;
	u32 nscopes;
	const struct dmar_scope *scopes;
};

struct dmar_reserved { /* RMRR, §8.4 */
	u32 offset;
	u16 segment;
	u64 base, limit; /* limit is the last byte */
	u32 nscopes;
	const struct dmar_scope *scopes;
};

struct dmar_group { /* ATSR §8.5, SATC §8.8, SIDP §8.9 */
	u32 offset;
	u16 segment;
	u8 flags; /* bit 0: ATSR all root ports; SATC: needs its address-translation cache */
	u32 nscopes;
	const struct dmar_scope *scopes;
};

struct dmar_affinity { /* RHSA, §8.6 */
	u32 offset;
	u64 base;
	u32 domain;
};

struct dmar_acpi { /* ANDD, §8.7 */
	u32 offset;
	u8 number;
	char name[64];
};

/* §8.1 flags */
#define DMAR_INTR_REMAP	   1
#define DMAR_X2APIC_OPTOUT 2
#define DMAR_DMA_OPTIN	   4

struct dmar {
	struct table_header header;
	u8 address_width; /* bits of DMA addresses the platform has */
	u8 flags;
	bool complete; /* every structure up to the end was readable; false: assign nothing */
	u32 nunits, nreserved, natsr, nrhsa, nandd, nsatc, nsidp, nunknown;
	struct dmar_unit *units;
	struct dmar_reserved *reserved;
	struct dmar_group *atsr, *satc, *sidp;
	struct dmar_affinity *rhsa;
	struct dmar_acpi *andd;
	u32 notes[NOTE_ERROR + 1];
};

/* Bytes of memory, 8-aligned, that parsing a table of `len` bytes can need at most. */
size_t dmar_memory(size_t len);

/*
 * Parse `len` bytes. `out` points into `bytes` and `memory`, which stay the caller's. Every oddity
 * goes to `sink`. OK when the table was understood, odd or not; ERR_CORRUPT when it is no DMAR,
 * ERR_RANGE when its header or a structure leaves its bounds (out is then valid up to there and
 * !complete, unless the header itself was short), ERR_NOMEM when memory_size < dmar_memory(len).
 */
__must_check int dmar_parse(const void *bytes, size_t len, void *memory, size_t memory_size,
			    struct dmar *out, table_note_sink sink, void *ctx);

/* What contradicts itself across structures: called by dmar_parse(). */
void dmar_check(struct table *t, const struct dmar *d);

/* "endpoint", ..., or "unknown". */
const char *dmar_scope_name(u8 type);
/* A scope as text: "0000:00:1c.0/00.0" (bus, first hop, further hops), or "I/O APIC 2 (...)". */
void dmar_scope_text(u16 segment, const struct dmar_scope *s, char *out, size_t size);
