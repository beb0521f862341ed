/*
 * The MADT (ACPI 6.5 §5.2.12): which cores there are, and how interrupts reach them. Tables are
 * those that acpi_check(..., "APIC") knows.
 */
#pragma once

#include "core/acpi/acpi.h"

enum madt_kind {
	MADT_CPU,	    /* types 0 and 9 */
	MADT_IOAPIC,	    /* type 1 */
	MADT_OVERRIDE,	    /* type 2: where an ISA interrupt goes */
	MADT_LOCAL_NMI,	    /* types 4 and 10: which LINT pin is NMI */
	MADT_LOCAL_ADDRESS, /* type 5: 64-bit address of the local APIC */
	MADT_OTHER,	    /* any other type, among them reserved ones */
};

struct madt_entry {
	enum madt_kind kind;
	u8 type;
	u32 offset;
	union {
		struct {
			u32 apic_id;
			u32 uid; /* ACPI processor UID */
			bool enabled, online_capable;
			bool x2apic; /* from a type 9 structure */
		} cpu;
		struct {
			u8 id;
			u32 address; /* of its registers */
			u32 gsi_base;
		} ioapic;
		struct {
			u8 bus, irq;
			u32 gsi;
			u16 flags; /* polarity and trigger, §5.2.12.5 */
		} override;
		struct {
			bool all; /* every core, else the one with this UID */
			u32 uid;
			u16 flags;
			u8 lint;
		} nmi;
		u64 local_address;
	};
};

struct acpi_cursor madt_entries(const void *table);
/*
 * The next entry. A structure shorter than its type demands ends the walk with c->why set; unknown
 * types come back as MADT_OTHER.
 */
__must_check bool madt_next(struct acpi_cursor *c, struct madt_entry *e);

/*
 * APIC ids of the cores that are enabled, each once, in the table's order, into ids[0..max).
 * Returns how many there are, which may be more than max. *why (may be NULL) gets a sentence about
 * what is odd in the table, or NULL.
 */
u32 madt_cpus(const void *table, u32 *ids, u32 max, const char **why);
