/*
 * Registers and in-memory structures of an AMD IOMMU, by the AMD I/O Virtualization Technology
 * (IOMMU) Specification, order number 48882, revision 3. Sections are that document's.
 */
#pragma once

#include "core/base/types.h"

/* ---- MMIO registers (§3.4), byte offsets; all 64 bits wide ----------------------------------- */

enum amdvi_reg {
	AMDVI_DEVTAB_BASE = 0x0000,
	AMDVI_COMMAND_BASE = 0x0008,
	AMDVI_EVENT_BASE = 0x0010,
	AMDVI_CONTROL = 0x0018,
	AMDVI_EXCLUSION_BASE = 0x0020,
	AMDVI_EXCLUSION_LIMIT = 0x0028,
	AMDVI_EXT_FEATURES = 0x0030,
	AMDVI_SMI_FILTER = 0x0060, /* the first of up to 16 */
	AMDVI_XT_GENERAL_INTERRUPT = 0x0170,
	AMDVI_COMMAND_HEAD = 0x2000,
	AMDVI_COMMAND_TAIL = 0x2008,
	AMDVI_EVENT_HEAD = 0x2010,
	AMDVI_EVENT_TAIL = 0x2018,
	AMDVI_STATUS = 0x2020,
	AMDVI_REGISTERS = 0x4000, /* bytes of the window without performance counters */
};

/* Ring length in entries is 2^n, n in bits 59:56 of the base register (§3.4.2, §3.4.3). */
#define AMDVI_RING_SHIFT 56

/* Control (§3.4.4). */
#define AMDVI_CTL_IOMMU_EN	    (1ull << 0)
#define AMDVI_CTL_HT_TUNNEL_EN	    (1ull << 1)
#define AMDVI_CTL_EVENT_LOG_EN	    (1ull << 2)
#define AMDVI_CTL_EVENT_INT_EN	    (1ull << 3)
#define AMDVI_CTL_INV_TIMEOUT_1S    (4ull << 5)
#define AMDVI_CTL_PASS_PW	    (1ull << 8)
#define AMDVI_CTL_RESPONSE_PASS_PW  (1ull << 9)
#define AMDVI_CTL_COHERENT	    (1ull << 10)
#define AMDVI_CTL_ISOC		    (1ull << 11)
#define AMDVI_CTL_COMMAND_EN	    (1ull << 12)
#define AMDVI_CTL_GA_EN		    (1ull << 17) /* 128-bit interrupt entries */
#define AMDVI_CTL_SMI_FILTER_EN	    (1ull << 22)
#define AMDVI_CTL_SMI_FILTER_LOG_EN (1ull << 24)
#define AMDVI_CTL_XT_EN		    (1ull << 50) /* 32-bit destinations in them */
#define AMDVI_CTL_XT_INTERRUPT_EN   (1ull << 51) /* own interrupts by register 0170h */
#define AMDVI_CTL_ENTRY_FORMAT_MASK (AMDVI_CTL_GA_EN | AMDVI_CTL_XT_EN)

/* Status (§3.4.13). The first three are cleared by writing 1, the others are read-only. */
#define AMDVI_STS_EVENT_OVERFLOW (1ull << 0)
#define AMDVI_STS_EVENT_INT	 (1ull << 1)
#define AMDVI_STS_WAIT_INT	 (1ull << 2)
#define AMDVI_STS_EVENT_RUN	 (1ull << 3)
#define AMDVI_STS_COMMAND_RUN	 (1ull << 4)

/* Extended features (§3.4.8). */
#define AMDVI_EFR_XT	     (1ull << 2)
#define AMDVI_EFR_IA	     (1ull << 6) /* INVALIDATE_IOMMU_ALL */
#define AMDVI_EFR_GA	     (1ull << 7)
#define AMDVI_EFR_SMI_FILTER (1ull << 16)

/* SMI filter registers: bits 17:16 are 01b where there are 2^n of them, n in bits 20:18. */
static inline u32 amdvi_efr_smi_filters(u64 efr)
{
	u32 n = efr >> 18 & 7;

	return (efr >> 16 & 3) != 1 ? 0 : 1u << (n > 4 ? 4 : n);
}

/* One of them (§3.4.10): the requester in bits 15:0 may send SMIs. */
#define AMDVI_SMI_VALID	 (1ull << 16)
#define AMDVI_SMI_LOCKED (1ull << 17)

/* Host page table levels: 00b 4, 01b 5, 10b 6, 11b reserved. */
static inline u8 amdvi_efr_levels(u64 efr)
{
	u8 hats = efr >> 10 & 3;

	return hats == 3 ? 4 : (u8)(4 + hats);
}

/* IVHD flags (§5.2.2.1) that ask for control bits. */
#define AMDVI_IVHD_HT_TUNNEL	    (1u << 0)
#define AMDVI_IVHD_PASS_PW	    (1u << 1)
#define AMDVI_IVHD_RESPONSE_PASS_PW (1u << 2)
#define AMDVI_IVHD_ISOC		    (1u << 3)
#define AMDVI_IVHD_IOTLB	    (1u << 4)

/* The capability of the unit's PCI function (§3.2), dwords 0 and 4. */
#define AMDVI_CAP_ID	   0x0fu
#define AMDVI_CAP_NP_CACHE (1u << 26)
#define AMDVI_CAP_EFR	   (1u << 27)
#define AMDVI_CAP_MISC	   0x10u
#define AMDVI_CAP_PA_SHIFT 8u  /* bits 14:8: physical address size */
#define AMDVI_CAP_VA_SHIFT 15u /* bits 21:15: device address size */

/* ---- device table entry (§2.2.2.1), as two 128-bit halves ------------------------------------ */

#define AMDVI_DTE_BYTES 32u

/* Quadword 0 and 1: translation. */
#define AMDVI_DTE_V	       (1ull << 0)
#define AMDVI_DTE_TV	       (1ull << 1)
#define AMDVI_DTE_MODE_SHIFT   9
#define AMDVI_DTE_IR	       (1ull << 61)
#define AMDVI_DTE_IW	       (1ull << 62)
#define AMDVI_DTE_I	       (1ull << 32) /* the device may use ATS */
#define AMDVI_DTE_SA	       (1ull << 34) /* suppress all page fault events */
/* Quadword 2 and 3: interrupts. */
#define AMDVI_DTE_IV	       (1ull << 0)
#define AMDVI_DTE_LEN_SHIFT    1
#define AMDVI_DTE_IG	       (1ull << 5)  /* suppress events of unmapped interrupts */
#define AMDVI_DTE_INTCTL_REMAP (2ull << 60) /* 00b: blocked */

static inline u128 amdvi_half(u64 low, u64 high)
{
	return (u128)high << 64 | low;
}

/* ---- interrupt table entries (§2.2.5.2, with GAEn §2.2.5.3) ---------------------------------- */

#define AMDVI_IRTE_REMAP	1u
#define AMDVI_IRTE_DEST_SHIFT	8
#define AMDVI_IRTE32_VECTOR	16 /* of the 32-bit format */
#define AMDVI_IRTE128_DEST_HIGH 56 /* in the upper quadword */

/* MSI data bits 10:8 are the delivery mode; indices past 511 would read as SMI, NMI, ... */
#define AMDVI_IRQ_MAX 512u

/* ---- commands (§2.4) ------------------------------------------------------------------------- */

#define AMDVI_CMD_OP(n)	      ((u64)(n) << 60)
#define AMDVI_CMD_WAIT	      AMDVI_CMD_OP(1)
#define AMDVI_CMD_DEVTAB      AMDVI_CMD_OP(2)
#define AMDVI_CMD_PAGES	      AMDVI_CMD_OP(3)
#define AMDVI_CMD_IOTLB	      AMDVI_CMD_OP(4)
#define AMDVI_CMD_INTERRUPTS  AMDVI_CMD_OP(5)
#define AMDVI_CMD_ALL	      AMDVI_CMD_OP(8)
#define AMDVI_CMD_WAIT_STORE  1ull
#define AMDVI_CMD_PAGES_S     1ull /* quadword 1: more than one page */
#define AMDVI_CMD_PAGES_PDE   2ull /* non-leaf entries too */
#define AMDVI_CMD_PAGES_WHOLE 0x7ffffffffffff000ull
#define AMDVI_CMD_BYTES	      16u

/* ---- events (§2.5) --------------------------------------------------------------------------- */

#define AMDVI_EVENT_BYTES 16u

enum amdvi_event_code {
	AMDVI_EV_ILLEGAL_DTE = 1,
	AMDVI_EV_PAGE_FAULT = 2,
	AMDVI_EV_DEVTAB_HW = 3,
	AMDVI_EV_PAGETAB_HW = 4,
	AMDVI_EV_ILLEGAL_COMMAND = 5,
	AMDVI_EV_COMMAND_HW = 6,
	AMDVI_EV_IOTLB_TIMEOUT = 7,
	AMDVI_EV_INVALID_REQUEST = 8,
	AMDVI_EV_INVALID_PPR = 9,
	AMDVI_EV_COUNTER_ZERO = 10,
};

/* Flags, bits 59:48 of quadword 0. */
#define AMDVI_EVF_I  (1u << 3) /* an interrupt request */
#define AMDVI_EVF_PR (1u << 4) /* the page was present */
#define AMDVI_EVF_RW (1u << 5) /* a write */
#define AMDVI_EVF_PE (1u << 6) /* the entry does not allow it */
#define AMDVI_EVF_RZ (1u << 7) /* a reserved bit, or an illegal level */
#define AMDVI_EVF_TR (1u << 8) /* a translation request */
