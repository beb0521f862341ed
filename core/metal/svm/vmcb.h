/* The virtual machine control block: AMD APM volume 2, appendix B (rev. 3.42). */
#pragma once

#include "core/base/types.h"

struct vmcb_segment {
	u16 selector, attrib;
	u32 limit;
	u64 base;
};

struct vmcb {
	/* ---- control area, table B-1 ---- */
	u16 intercept_cr_read, intercept_cr_write;
	u16 intercept_dr_read, intercept_dr_write;
	u32 intercept_exceptions;
	u32 intercept1, intercept2, intercept3;
	u8 reserved018[0x3c - 0x18];
	u16 pause_threshold, pause_count;
	u64 iopm, msrpm, tsc_offset;
	u32 asid;
	u8 tlb_control, reserved05d[3];
	u64 interrupt_control;
	u64 interrupt_shadow;
	u64 exit_code, exit_info1, exit_info2, exit_int_info;
	u64 nested_control;
	u64 avic_bar, ghcb;
	u64 event_injection;
	u64 nested_cr3;
	u64 lbr_control;
	u32 clean, reserved0c4;
	u64 next_rip;
	u8 fetched, fetched_bytes[15];
	u8 reserved0e0[0x400 - 0xe0];
	/* ---- state save area, table B-2 ---- */
	struct vmcb_segment seg[6]; /* ES CS SS DS FS GS, as enum insn_seg */
	struct vmcb_segment gdtr, ldtr, idtr, tr;
	u8 reserved4a0[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved4cc;
	u64 efer;
	u8 reserved4d8[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved580[0x5d8 - 0x580];
	u64 rsp, s_cet, ssp, isst, rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved648[0x668 - 0x648];
	u64 g_pat, debug_control, br_from, br_to, last_from, last_to;
	u8 reserved698[0x1000 - 0x698];
} __packed;

_Static_assert(sizeof(struct vmcb) == 4096, "a VMCB is one page");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "APM 2 table B-1");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM 2 table B-1");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM 2 table B-2");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "APM 2 table B-2");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "APM 2 table B-2");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "APM 2 table B-2");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM 2 table B-2");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "APM 2 table B-2");

/* intercept1, byte offset 00Ch */
#define I1_NMI	    (1u << 1)
#define I1_INIT	    (1u << 3)
#define I1_RDPMC    (1u << 15)
#define I1_CPUID    (1u << 18)
#define I1_RSM	    (1u << 19)
#define I1_IRET	    (1u << 20)
#define I1_INVD	    (1u << 22)
#define I1_INVLPGA  (1u << 26)
#define I1_IOIO	    (1u << 27)
#define I1_MSR	    (1u << 28)
#define I1_SHUTDOWN (1u << 31)

/* intercept2, byte offset 010h */
#define I2_VMRUN   (1u << 0)
#define I2_VMMCALL (1u << 1)
#define I2_VMLOAD  (1u << 2)
#define I2_VMSAVE  (1u << 3)
#define I2_STGI	   (1u << 4)
#define I2_CLGI	   (1u << 5)
#define I2_SKINIT  (1u << 6)
#define I2_WBINVD  (1u << 9)
#define I2_XSETBV  (1u << 13)
#define I2_RDPRU   (1u << 14)

/* intercept3, byte offset 014h */
#define I3_INVLPGB	   (1u << 0)
#define I3_INVLPGB_ILLEGAL (1u << 1)
#define I3_MCOMMIT	   (1u << 3)
#define I3_TLBSYNC	   (1u << 4)

#define TLB_KEEP      0
#define TLB_FLUSH_ALL 1

/* interrupt_control */
#define V_NMI_PENDING (1ull << 11)
#define V_NMI_MASK    (1ull << 12)
#define V_NMI_ENABLE  (1ull << 26)

#define NESTED_PAGING 1ull

/* event_injection and exit_int_info */
#define EVENT_VALID	(1ull << 31)
#define EVENT_ERROR	(1ull << 11)
#define EVENT_NMI	(2ull << 8)
#define EVENT_EXCEPTION (3ull << 8)

/* Exit codes, appendix C. */
enum svm_exit {
	SVM_CR0_READ = 0x00,
	SVM_CR0_WRITE = 0x10,
	SVM_EXCEPTION = 0x40,
	SVM_NMI = 0x61,
	SVM_INIT = 0x63,
	SVM_RDPMC = 0x6f,
	SVM_CPUID = 0x72,
	SVM_RSM = 0x73,
	SVM_IRET = 0x74,
	SVM_INVD = 0x76,
	SVM_INVLPGA = 0x7a,
	SVM_IOIO = 0x7b,
	SVM_MSR = 0x7c,
	SVM_SHUTDOWN = 0x7f,
	SVM_VMRUN = 0x80,
	SVM_VMMCALL = 0x81,
	SVM_VMLOAD = 0x82,
	SVM_VMSAVE = 0x83,
	SVM_STGI = 0x84,
	SVM_CLGI = 0x85,
	SVM_SKINIT = 0x86,
	SVM_WBINVD = 0x89,
	SVM_XSETBV = 0x8d,
	SVM_RDPRU = 0x8e,
	SVM_INVLPGB = 0xa0,
	SVM_INVLPGB_ILLEGAL = 0xa1,
	SVM_MCOMMIT = 0xa3,
	SVM_TLBSYNC = 0xa4,
	SVM_NPF = 0x400,
};
