/* The end of the hypervisor: registers, a symbolised trace, a crash record, then a halt. */
#pragma once

#include "core/base/types.h"
#include "core/metal/boot/boot_info.h"
#include "core/metal/idt.h"

/*
 * Stop the machine with a message a person can act on: bad input at boot, not a defect of ours.
 * `format` names thing and reason, `remedy` what to do about it.
 */
void refuse_boot(const char *remedy, const char *format, ...) __noreturn __printf(2, 3);

/* A defect of ours: message, trace, record. */
void panic(const char *format, ...) __noreturn __printf(1, 2);

/* An exception in hypervisor code. */
void panic_trap(const struct trap_frame *f) __noreturn;

/* An NMI arrived in hypervisor code: another core's panic stops this one. */
void panic_nmi(const struct trap_frame *f);

/*
 * The record of the last crash, in memory a warm reset leaves alone, or where firmware does not, the
 * copy it kept in a variable. Prints and clears it if there is one. `area` is CRASH_RECORD_SIZE bytes
 * at a place that is the same every boot; `b` stays.
 */
#define CRASH_RECORD_SIZE 8192
void crash_record_init(void *area, const struct boot_info *b);
