/*
 * Interprocessor interrupts as a guest asks for them: the two formats of the interrupt command
 * register and the vCPUs of the same workstation that one reaches (APM vol. 2 §16.5 and §16.11,
 * SDM vol. 3 §10.6 and §10.12.9).
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

enum ipi_mode { IPI_FIXED = 0, IPI_LOWEST = 1, IPI_NMI = 4, IPI_INIT = 5, IPI_SIPI = 6 };
enum ipi_shorthand { IPI_TO_DEST, IPI_TO_SELF, IPI_TO_ALL, IPI_TO_OTHERS };

#define IPI_BROADCAST 0xffffffffu
#define IPI_END	      0xffffffffu /* no (more) target */

struct ipi {
	u8 mode; /* enum ipi_mode */
	u8 vector;
	u8 shorthand; /* enum ipi_shorthand */
	bool logical;
	bool x2apic; /* dest is 32 bits wide; else 8, or IPI_BROADCAST for FFh */
	u32 dest;    /* virtual APIC id or logical destination */
};

/*
 * Decode a write of the ICR. OK: *out is an interrupt to send. ERR_NOENT: a legal write that
 * delivers nothing (INIT level de-assert). ERR_INVAL: vector below 16, which the error status
 * register shows as "send illegal vector". ERR_PERM: SMI, ExtINT, remote read, reserved modes and
 * shorthands: refused, and counted by the caller.
 */
__must_check int ipi_decode_x2apic(u64 icr, struct ipi *out);
__must_check int ipi_decode_xapic(u32 icr_high, u32 icr_low, struct ipi *out);
