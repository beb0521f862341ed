/*
 * An I/O APIC with 24 edge-triggered inputs (Intel 82093AA, 290566; version 20h as in ICH).
 *
 * Edge-only, because a level-triggered interrupt needs the EOI, and EOI goes past the hypervisor:
 * trigger mode and remote IRR read as zero. Only fixed and lowest-priority delivery with vectors
 * from 16 ever leave; an entry that asks for anything else is kept as written and delivers nothing.
 * An edge that arrives while its entry is masked is remembered (as the 8259 did) and sent once
 * when it is unmasked. Destination ids are 15 bits wide: entry bits 55:49 extend bits 63:56, the
 * format Linux and Windows use under hypervisors that announce it; others write zeros there.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_SIZE 0x1000u
#define IOAPIC_PINS 24

/* An interrupt message on its way to the local APICs. Always edge-triggered. */
struct ioapic_message {
	u8 vector;	 /* >= 16 */
	bool logical;	 /* destination mode */
	bool lowest;	 /* lowest-priority delivery: any one of the destinations */
	u32 destination; /* virtual APIC id, or logical id */
};

struct ioapic {
	struct spinlock lock;
	u8 select;
	u8 id;
	u32 pending; /* bit per pin: an edge waits for the unmask */
	u64 entry[IOAPIC_PINS];
};

enum ioapic_event {
	IOAPIC_NOTHING,
	IOAPIC_SEND,	/* *m is to be sent */
	IOAPIC_REFUSED, /* an unmasked entry asks for what nobody may have */
};

void ioapic_reset(struct ioapic *a);

/* Byte offset in the page, 32-bit access. A write may set off a remembered edge (IOAPIC_SEND). */
u32 ioapic_read(struct ioapic *a, u32 off);
enum ioapic_event ioapic_write(struct ioapic *a, u32 off, u32 v, struct ioapic_message *m);

/* An edge on pin 0..23. */
enum ioapic_event ioapic_pulse(struct ioapic *a, u8 pin, struct ioapic_message *m);
