/*
 * The MC146818 clock and its CMOS memory, without interrupts (Motorola MC146818A datasheet).
 *
 * Every read answers at once from the time given; the update-in-progress bit is set for the 244
 * microseconds before each second and never longer. A guest may set its clock: the difference is
 * kept until the workstation ends and never leaves it.
 */
#pragma once

#include "core/base/lock.h"
#include "core/base/types.h"

#define RTC_CMOS_SIZE 128u

struct rtc {
	struct spinlock lock;
	u8 index;
	u8 reg_a, reg_b;
	bool held;  /* register B's SET: the guest is writing a time */
	u8 hold[8]; /* the time registers while held, binary: s min h wday day month year century */
	u64 epoch_s; /* UTC at time 0 */
	s64 shift_s; /* what the guest's own settings add */
	u8 cmos[RTC_CMOS_SIZE];
};

/* The sizes go to the CMOS registers 15h-18h, 30h-31h, 34h-35h, 5Bh-5Dh. Bytes. */
void rtc_init(struct rtc *r, u64 epoch_s, u64 memory_low, u64 memory_high);
/* As after a reset: the clock and memory keep running (they have a battery). */
void rtc_reset(struct rtc *r);

/* Ports 70 (index) and 71 (data), at time now_ns. */
u8 rtc_read(struct rtc *r, u16 port, u64 now_ns);
void rtc_write(struct rtc *r, u16 port, u8 v, u64 now_ns);
